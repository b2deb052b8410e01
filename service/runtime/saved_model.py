"""A TensorFlow SavedModel, called with NumPy arrays.

Each one has a TensorFlow session of its own. All that TensorFlow makes for it (variables, kernels,
compiled programs) belongs to the session, and is freed when that is closed. A loaded function of
TensorFlow 2 would leave its compiled programs in memory: 40 MB for each version of the shipped text
model. A session also answers sooner: its functions are inlined, and run in the caller's thread.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.errors import CorruptModelError
from service.runtime.card import SignatureSpec
from service.runtime.compiled_call import add_compiled_calls, compiled_name
from service.runtime.graph_check import check_graph
from service.runtime.signature_check import find_difference
from service.runtime.tensorflow_import import import_tensorflow

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Program: TypeAlias = Callable[[Mapping[str, Array]], dict[str, Array]]
"""A function that takes an array for each input, by its name, and returns one for each output."""

_SERVING: str = "serve"
"""The tag of the graph that is for serving."""

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow logs a page of notes at start
# By default TensorFlow uses oneDNN only on processors with VNNI, but it is faster on others too:
# with AVX2, in batches of 64, 80 us a digit against 121.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# XLA cuts a program into up to 32 parts to compile them in parallel. These programs are small:
# compiled whole, all of them together take 14 MB less (of 732) and are as fast. XLA ends the
# process if it doesn't know a flag: TensorFlow 2.21 has this one.
_WHOLE = "--xla_cpu_parallel_codegen_split_count=1"
os.environ["XLA_FLAGS"] = f"{_WHOLE} {os.environ.get('XLA_FLAGS', '')}".strip()


def tensorflow_version() -> str:
    """Return the version of TensorFlow."""
    from tensorflow.python.framework import versions

    return str(versions.VERSION)


class SavedModel:
    """A SavedModel in memory. Its signatures can be used until it is closed."""

    def __init__(self, path: Path) -> None:
        """Load the folder `path`.

        Raises:
            CorruptModelError: TensorFlow can't load it, or its graph has what isn't allowed.
        """
        import_tensorflow()
        from tensorflow.python.framework import errors

        self.path = path
        """The folder that it was loaded from."""
        try:
            self._load()
        except (OSError, ValueError, RuntimeError, errors.OpError) as error:
            raise CorruptModelError(f"{path} can't be loaded as a SavedModel: {error}") from error

    def _load(self) -> None:
        from tensorflow.python.client.session import Session
        from tensorflow.python.framework.ops import Graph
        from tensorflow.python.saved_model.loader_impl import SavedModelLoader

        loader = SavedModelLoader(str(self.path))
        tags = [list(graph.meta_info_def.tags) for graph in loader.saved_model.meta_graphs]
        serving = next((these for these in tags if _SERVING in these), [_SERVING])
        content = loader.get_meta_graph_def_from_tags(serving)
        check_graph(content, str(self.path))
        self._compilable = add_compiled_calls(content)
        self._signatures = dict(content.signature_def)
        self._calls: dict[str, _Call] = {}
        self._session = Session(graph=Graph(), config=_session_config(content.graph_def))
        try:
            saver, _ = loader.load_graph(self._session.graph, serving)
            loader.restore_variables(self._session, saver)
            loader.run_init_ops(self._session, serving)
        except BaseException:
            self._session.close()
            raise

    def close(self) -> None:
        """Free all that TensorFlow holds for it. No call may run, and none may follow."""
        self._session.close()

    def signature(self, name: str, spec: SignatureSpec, *, is_batched: bool = True) -> "Signature":
        """Return the signature `name`. If it `is_batched`, its inputs take batches of any size.

        Raises:
            CorruptModelError: the model has no such signature, or its names, dtypes or shapes
            aren't those of `spec`.
        """
        found = self._signatures.get(name)
        if found is None:
            raise CorruptModelError(
                f"{self.path} has no signature {name!r}, but its card does. "
                f"It has: {', '.join(_shown(self._signatures)) or 'none'}."
            )
        fault = find_difference(spec, found, is_batched=is_batched)
        if fault is not None:
            raise CorruptModelError(f"{self.path}, signature {name!r}: {fault}.")
        if name not in self._calls:  # to prepare one takes up to 0.2 s
            self._calls[name] = _Call(self._session, found, lambda tensor: tensor)
        compiled = None
        if name in self._compilable:
            compiled = partial(_Call, self._session, found, compiled_name)
        return Signature(spec, self._calls[name], compiled)


class Signature:
    """A signature, called on a whole batch of any size."""

    def __init__(
        self, spec: SignatureSpec, call: "_Call", compiled: Callable[[], "_Call"] | None
    ) -> None:
        """`compiled` makes the call that XLA compiles; None if XLA can't."""
        self.inputs = spec.inputs
        """What it takes: the dtype and the shape of each input, by its name."""
        self._call = call
        self._make_compiled = compiled

    def __call__(self, batch: Mapping[str, Array | list[str]]) -> dict[str, Array]:
        """Run the model on a batch; return its outputs by name, each [n, ...].

        `batch` has an array [n, ...], or n texts, for each input.
        """
        return self._call(batch)

    def compile(self) -> Program:
        """Return the same function, compiled by XLA at its first call with inputs of each shape.

        Raises:
            NotImplementedError: it isn't a single function, which XLA needs.
        """
        if self._make_compiled is None:
            raise NotImplementedError("the signature isn't a single function")
        return self._make_compiled()


class _Call:
    """Calls a part of a session's graph, with arrays in and out, in the caller's thread."""

    def __init__(self, session: Any, definition: Any, fetched: Callable[[str], str]) -> None:
        from tensorflow.core.protobuf.config_pb2 import CallableOptions

        self._inputs = sorted(definition.inputs)
        self._outputs = sorted(definition.outputs)
        options = CallableOptions(
            feed=[definition.inputs[name].name for name in self._inputs],
            fetch=[fetched(definition.outputs[name].name) for name in self._outputs],
        )
        options.run_options.inter_op_thread_pool = -1  # the caller's thread
        # The public ways to call a session look up each name again: 20 us a call.
        self._call = session._make_callable_from_options(options)  # noqa: SLF001

    def __call__(self, batch: Mapping[str, Array | list[str]]) -> dict[str, Array]:
        # A tensor may share its array's memory: nobody may write to a batch after this.
        values = [_fed(batch[name]) for name in self._inputs]
        return dict(zip(self._outputs, self._call(*values), strict=True))


def _fed(value: Array | list[str]) -> Array:
    return np.array(value, dtype=object) if isinstance(value, list) else value


def _session_config(graph: Any) -> Any:
    """Return how a graph is run.

    Each operation runs in one thread: a batch's matrices are too small to be split, and the other
    cores run other batches, other workers and the event loop. The operations run one after another
    too, by an executor that takes no locks. It can't run the loops of TensorFlow 1. Memory of a GPU
    is taken as it is needed: by default TensorFlow takes all of it at start.
    """
    from tensorflow.core.protobuf.config_pb2 import ConfigProto

    config = ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.gpu_options.allow_growth = True
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    if not any(node.op in _LOOPS_OF_TENSORFLOW_1 for node in nodes):
        config.experimental.executor_type = "SINGLE_THREADED_EXECUTOR"
    return config


_LOOPS_OF_TENSORFLOW_1 = {"Enter", "RefEnter", "Switch", "RefSwitch", "Merge", "RefMerge"}


def _shown(signatures: Mapping[str, Any]) -> list[str]:
    """Return the names of signatures, without those that TensorFlow keeps for itself."""
    return sorted(name for name in signatures if not name.startswith("__saved_model"))
