"""A graph that uses files, Python or other processes isn't served; ordinary ones are."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.errors import CorruptModelError
from service.runtime import graph_check
from service.runtime.graph_check import FORBIDDEN, check_graph
from service.runtime.saved_model import SavedModel


def saved(folder: Path, call: Callable[[Any], Any], dtype: str = "string") -> Path:
    """Save a function of one input, `x`."""
    import tensorflow as tf

    spec = [tf.TensorSpec([None], dtype, name="x")]
    function = tf.function(lambda x: {"y": call(x)}, input_signature=spec)
    tf.saved_model.save(tf.Module(), str(folder), signatures=function)
    return folder


def read_file(path: Any) -> Any:
    import tensorflow as tf

    return tf.map_fn(tf.io.read_file, path)


def write_file(text: Any) -> Any:
    import tensorflow as tf

    tf.io.write_file("/tmp/written", text[0])
    return text


def list_files(pattern: Any) -> Any:
    import tensorflow as tf

    return tf.io.matching_files(pattern)


def call_python(text: Any) -> Any:
    import tensorflow as tf

    return tf.py_function(lambda x: x, [text], tf.string)


def print_to_a_file(text: Any) -> Any:
    import tensorflow as tf

    tf.print(text, output_stream="file:///tmp/written")
    return text


BAD = {
    "ReadFile": read_file,
    "WriteFile": write_file,
    "MatchingFiles": list_files,
    "EagerPyFunc": call_python,
    "PrintV2": print_to_a_file,
}


@pytest.mark.parametrize("operation", BAD)
def test_a_graph_that_uses_files_or_python_is_refused(tmp_path: Path, operation: str) -> None:
    """Also in a function that another one calls."""
    folder = saved(tmp_path / "1", BAD[operation])
    with pytest.raises(CorruptModelError, match=f"its graph has {operation}: operations that use"):
        SavedModel(folder)


def test_a_graph_that_prints_to_the_log_is_served(tmp_path: Path) -> None:
    import tensorflow as tf

    def shown(text: Any) -> Any:
        tf.print("called")
        return text

    SavedModel(saved(tmp_path / "1", shown)).close()


@pytest.mark.parametrize(
    "name", ["../../../etc/hostname", "/etc/hostname", ".hidden", "", "a/../b"]
)
def test_an_asset_lies_in_the_models_folder(name: str) -> None:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    graph = MetaGraphDef()
    graph.asset_file_def.add().filename = "words.txt"
    graph.asset_file_def.add().filename = "more/words.txt"
    check_graph(graph, "a model")
    graph.asset_file_def.add().filename = name
    with pytest.raises(CorruptModelError, match="can't be the name of an asset"):
        check_graph(graph, "a model")


def test_an_enormous_graph_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    monkeypatch.setattr(graph_check, "MAX_NODES", 10)
    graph = MetaGraphDef()
    for _ in range(5):
        graph.graph_def.node.add().op = "NoOp"
    function = graph.graph_def.library.function.add()
    for _ in range(5):
        function.node_def.add().op = "NoOp"
    check_graph(graph, "a model")
    function.node_def.add().op = "NoOp"
    with pytest.raises(CorruptModelError, match="11 nodes"):
        check_graph(graph, "a model")


USES_NO_FILE = {
    # Each SavedModel has some of them, for its variables.
    *("Save", "SaveV2", "SaveSlices", "Restore", "RestoreV2", "RestoreSlice", "MergeV2Checkpoints"),
    "DTensorRestoreV2",
    # A vocabulary is an asset.
    *("InitializeTableFromTextFile", "InitializeTableFromTextFileV2"),
    # An attribute decides.
    "FixedUnigramCandidateSampler",
    # Other things have such names, too.
    *("TensorSliceDataset", "SetStatsAggregatorDataset", "ExperimentalSetStatsAggregatorDataset"),
    "CTCBeamSearchDecoder",
}
SUSPECT = re.compile(
    r"file|paths?$|_path|dir(?!ection)|address|url|uri|prefix|^token$", re.IGNORECASE
)


def test_each_operation_that_takes_a_path_or_an_address_is_known() -> None:
    """A new version of TensorFlow may bring more of them: then decide which they are."""
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    registered = op_def_pb2.OpList()
    content = pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    registered.ParseFromString(content)
    names = {op.name for op in registered.op}
    assert names >= FORBIDDEN
    suspects = {
        op.name
        for op in registered.op
        if any(SUSPECT.search(part.name) for part in (*op.input_arg, *op.attr))
    }
    assert suspects - FORBIDDEN - USES_NO_FILE == set()
