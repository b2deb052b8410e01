"""How TensorFlow is set up before the first model is loaded, and how it is called."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.python.framework import errors

from service.engine.folder.repository import read_models
from service.errors import CorruptModelError
from service.runtime.card import SignatureSpec
from service.runtime.saved_model import SavedModel, Signature, _session_config
from tests.service.fresh_process import printed


def test_memory_of_a_gpu_is_taken_as_it_is_needed() -> None:
    """Nothing here has a GPU: what TensorFlow is told is all that can be tested."""
    assert _session_config(GraphDef()).gpu_options.allow_growth


def spec_of(inputs: str, outputs: str, dtype: str = "float32") -> SignatureSpec:
    tensors = {"dtype": dtype, "shape": [None]}
    return SignatureSpec.model_validate(
        {"inputs": {inputs: tensors}, "outputs": {outputs: tensors}}
    )


def saved(folder: Path, module: Any, function: Any) -> Path:
    import tensorflow as tf

    tf.saved_model.save(module, str(folder), signatures=function)
    return folder


@pytest.fixture(scope="module")
def of_tensorflow_1(tmp_path_factory: pytest.TempPathFactory) -> Signature:
    """A graph of TensorFlow 1, whose loop is made of single operations: it doubles `x` 5 times."""
    import tensorflow as tf

    v1, folder = tf.compat.v1, tmp_path_factory.mktemp("old") / "1"
    with tf.Graph().as_default() as graph, v1.Session() as session:
        v1.disable_control_flow_v2()
        x = v1.placeholder(tf.float32, [None], name="x")
        start = (tf.constant(0), x)
        y = v1.while_loop(lambda i, _: i < 5, lambda i, z: (i + 1, 2.0 * z), start)[1]
        assert "Enter" in {node.op for node in graph.as_graph_def().node}
        v1.saved_model.simple_save(session, str(folder), {"x": x}, {"y": y})
        v1.enable_control_flow_v2()
    return SavedModel(folder).signature("serving_default", spec_of("x", "y"))


def test_a_loop_of_tensorflow_1_is_run(of_tensorflow_1: Signature) -> None:
    answer = of_tensorflow_1({"x": np.array([1.0, -3.0], np.float32)})
    assert answer["y"].tolist() == [32.0, -96.0]


def test_what_is_not_a_single_function_says_that_it_cannot_be_compiled(
    of_tensorflow_1: Signature,
) -> None:
    with pytest.raises(NotImplementedError, match="isn't a single function"):
        of_tensorflow_1.compile()


def test_a_table_is_read_from_its_file(tmp_path: Path) -> None:
    """A vocabulary is an asset: TensorFlow is told where it lies when the model is loaded."""
    import tensorflow as tf

    words = tmp_path / "words.txt"
    words.write_text("good\nbad\n")
    module = tf.Module()
    module.table = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            str(words),
            *(tf.string, tf.lookup.TextFileIndex.WHOLE_LINE),
            *(tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER),
        ),
        num_oov_buckets=1,
    )
    spec = [tf.TensorSpec([None], tf.string, name="text")]
    look_up = tf.function(lambda text: {"id": module.table.lookup(text)}, input_signature=spec)
    folder = saved(tmp_path / "model", module, look_up)
    words.unlink()
    card = SignatureSpec.model_validate(
        {
            "inputs": {"text": {"dtype": "string", "shape": [None]}},
            "outputs": {"id": {"dtype": "int64", "shape": [None]}},
        }
    )
    signature = SavedModel(folder).signature("serving_default", card)
    assert signature({"text": ["bad", "good", "ugly"]})["id"].tolist() == [1, 0, 2]
    texts = np.array([b"bad", "good"], dtype=object)
    assert signature({"text": texts})["id"].tolist() == [1, 0]


def test_a_folder_without_a_graph_for_serving_says_so(tmp_path: Path) -> None:
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        builder = v1.saved_model.Builder(str(tmp_path / "model"))
        builder.add_meta_graph_and_variables(session, ["train"])
        builder.save()
    with pytest.raises(CorruptModelError, match=r"can't be loaded as a SavedModel.*serve"):
        SavedModel(tmp_path / "model")


MEMORY = """
import gc
import numpy as np
import psutil
from pathlib import Path
from service.engine.optimizer import return_free_memory
from service.engine.folder.repository import read_models
from service.runtime.saved_model import SavedModel

digits = next(a for a in read_models(Path(FOLDER)).artifacts if a.card.name == "digits")
spec = digits.card.signature("serving_default")

def use():
    model = SavedModel(digits.path)
    signature = model.signature("serving_default", spec)
    program = signature.compile()
    for size in (1, 4, 16):
        batch = {"image": np.zeros((size, 28, 28, 1), np.uint8)}
        signature(batch)
        program(batch)
    if CLOSE:
        model.close()
        return None
    return model, signature, program

def grown(rounds):
    before = psutil.Process().memory_info().rss
    kept = [use() for _ in range(rounds)]
    gc.collect()
    return_free_memory()
    return psutil.Process().memory_info().rss - before

grown(3)
print(grown(15))
"""


def test_all_memory_of_a_closed_model_comes_back(shipped_models: Path) -> None:
    """What XLA compiled for it, too: 15 models that stay open tell how much there is to free."""
    code = MEMORY.replace("FOLDER", repr(str(shipped_models)))
    closed, kept = (int(printed(code.replace("CLOSE", close))) for close in ("True", "False"))
    assert kept > 15e6
    assert closed < kept / 10


def test_an_operators_flags_for_xla_are_kept() -> None:
    code = (
        "import os\n"
        "os.environ['XLA_FLAGS'] = '--xla_dump_to=/tmp/xla'\n"
        "import service.runtime.saved_model\n"
        "print(os.environ['XLA_FLAGS'])"
    )
    flags = printed(code).split()
    assert flags[-1] == "--xla_dump_to=/tmp/xla"
    assert len(flags) > 1


def test_compiling_leaves_no_file_behind(shipped_models: Path, tmp_path: Path) -> None:
    """A worker ends without Python's exit handlers, so nothing would remove the file."""
    code = (
        "import os, tempfile\n"
        "from pathlib import Path\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "from service.engine.folder.repository import read_models\n"
        "from service.runtime.saved_model import SavedModel\n"
        f"artifact = read_models(Path({str(shipped_models)!r})).artifacts[0]\n"
        "spec = artifact.card.signature('serving_default')\n"
        "signature = SavedModel(artifact.path).signature('serving_default', spec)\n"
        "import numpy as np\n"
        "signature.compile()({'image': np.zeros((1, 28, 28, 1), np.uint8)})\n"
        "print(os.listdir(tempfile.tempdir), flush=True)\n"
        "os._exit(0)"
    )
    assert printed(code) == "[]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("compiled", [False, True])
def test_an_answer_outlives_its_batch_and_later_calls(shipped_models: Path, compiled: bool) -> None:
    """Tensors and arrays share memory if possible."""
    artifact = next(a for a in read_models(shipped_models).artifacts if a.card.name == "digits")
    spec = artifact.card.signature("serving_default")
    signature = SavedModel(artifact.path).signature("serving_default", spec)
    program = signature.compile() if compiled else signature
    draw = np.random.default_rng(0)
    batches = [draw.integers(0, 256, (4, 28, 28, 1), np.uint8)[1:] for _ in range(20)]
    answers = [program({"image": batch})["probabilities"] for batch in batches]
    kept = [answer.copy() for answer in answers]
    for batch in batches:
        batch.fill(0)
    program({"image": batches[0]})
    for answer, before in zip(answers, kept, strict=True):
        assert (answer == before).all()
        assert answer.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert len({answer.tobytes() for answer in answers}) == len(answers)


def test_a_failure_is_raised_as_the_error_that_it_is(shipped_models: Path) -> None:
    """The log names the type: an operator who sees ResourceExhaustedError knows what to do."""
    artifact = next(a for a in read_models(shipped_models).artifacts if a.card.name == "sentiment")
    spec = artifact.card.signature("tokens")
    signature = SavedModel(artifact.path).signature("tokens", spec)
    with pytest.raises(errors.InvalidArgumentError, match="not in"):
        signature({"token_ids": np.full((1, 16), 10**6, np.int32)})


BUSY = """
import threading
import numpy as np
from pathlib import Path
from service.engine.folder.repository import read_models
from service.runtime.saved_model import SavedModel

cards = {f"{a.card.name}/{a.card.version}": a for a in read_models(Path(FOLDER)).artifacts}

def signature(name):
    spec = cards[name].card.signature("serving_default")
    return SavedModel(cards[name].path).signature("serving_default", spec)

slow, tint = signature("slow/1"), signature("tint/1")
white = np.full((1, 28, 28, 1), 255, np.uint8)
picture = np.zeros((1, 16, 16, 3), np.float32)
slow({"image": white * 0})
tint({"image": picture})
overtook = False
for _ in range(3):
    busy = threading.Thread(target=slow, args=({"image": white},))
    busy.start()
    tint({"image": picture})
    overtook = overtook or busy.is_alive()
    busy.join()
print(overtook)
"""


def test_a_long_call_of_one_model_does_not_hold_up_another(demo_models: Path) -> None:
    assert printed(BUSY.replace("FOLDER", repr(str(demo_models)))) == "True"
