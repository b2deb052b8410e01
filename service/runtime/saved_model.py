"""A TensorFlow SavedModel, called with NumPy arrays."""

import logging
import os
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from service.errors import CorruptModelError
from service.runtime.card import SignatureSpec, TensorSpec
from service.runtime.signature_check import find_difference
from service.runtime.tensorflow_import import import_tensorflow

logger = logging.getLogger(__name__)

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Program: TypeAlias = Callable[[Mapping[str, Array]], dict[str, Array]]
"""A function that takes an array for each input, by its name, and returns one for each output."""

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow logs a page of notes at start
# By default TensorFlow uses oneDNN only on processors with VNNI, but it is faster on others too:
# with AVX2, in batches of 64, 80 us a digit against 121.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# XLA cuts a program into up to 32 parts to compile them in parallel. These programs are small:
# compiled whole, all of them together take 14 MB less (of 732) and are as fast. XLA ends the
# process if it doesn't know a flag: TensorFlow 2.21 has this one.
_WHOLE = "--xla_cpu_parallel_codegen_split_count=1"
os.environ["XLA_FLAGS"] = f"{_WHOLE} {os.environ.get('XLA_FLAGS', '')}".strip()


# Plain programs that TensorFlow runs at a time. With one, a long call of a model holds up all other
# models. With two, small image models under full load answer about 7% fewer requests a second.
_CALLS_AT_A_TIME = 2


def configure_tensorflow() -> None:
    """Import TensorFlow for serving; call it once, before the first model is loaded.

    Each operation runs in one thread: a batch's matrices are too small to be split, and the other
    cores run other batches, other workers and the event loop. Memory of a GPU is taken as it is
    needed: by default TensorFlow takes all of it at start.
    """
    import_tensorflow()
    from tensorflow.python.framework import config

    try:
        config.set_intra_op_parallelism_threads(1)
        config.set_inter_op_parallelism_threads(_CALLS_AT_A_TIME)
        for gpu in config.list_physical_devices("GPU"):
            config.set_memory_growth(gpu, enable=True)
    except RuntimeError:
        logger.warning("TensorFlow was in use before: its settings can't be changed any more")


def tensorflow_version() -> str:
    """Return the version of TensorFlow."""
    from tensorflow.python.framework import versions

    return str(versions.VERSION)


class SavedModel:
    """A SavedModel in memory."""

    def __init__(self, path: Path) -> None:
        """Load the folder `path`. Raises CorruptModelError if TensorFlow can't."""
        from tensorflow.python.framework import errors
        from tensorflow.python.saved_model.load import load

        try:
            self._module = load(str(path))
        except (OSError, ValueError, errors.OpError) as error:
            raise CorruptModelError(f"{path} can't be loaded as a SavedModel: {error}") from error
        self._path = path

    def signature(self, name: str, spec: SignatureSpec, *, is_batched: bool = True) -> "Signature":
        """Return the signature `name`. If it `is_batched`, its inputs take batches of any size.

        Raises:
            CorruptModelError: the model has no such signature, or its names, dtypes or shapes
            aren't those of `spec`.
        """
        signatures = self._module.signatures
        if name not in signatures:
            raise CorruptModelError(
                f"{self._path} has no signature {name!r}, but its card does. "
                f"It has: {', '.join(sorted(signatures)) or 'none'}."
            )
        fault = find_difference(spec, signatures[name], is_batched=is_batched)
        if fault is not None:
            raise CorruptModelError(f"{self._path}, signature {name!r}: {fault}.")
        return Signature(self._module, name, spec)


class Signature:
    """A signature, called on a whole batch of any size."""

    def __init__(self, module: Any, name: str, spec: SignatureSpec) -> None:
        self.inputs = spec.inputs
        """What it takes: the dtype and the shape of each input, by its name."""
        self._module = module  # keeps the model's variables, which the function doesn't
        self._function = module.signatures[name]
        self._call = _DirectCall(self._function, spec.inputs)

    def __call__(self, batch: Mapping[str, Array | list[str]]) -> dict[str, Array]:
        """Run the model on a batch; return its outputs by name, each [n, ...].

        `batch` has an array [n, ...], or n texts, for each input.
        """
        return self._call(batch)

    def compile(self, shapes: Mapping[str, Shape]) -> Program:
        """Return the same function compiled by XLA, for inputs of exactly these shapes."""
        from tensorflow.python.eager.def_function import function
        from tensorflow.python.framework import tensor

        tensors = {
            name: tensor.TensorSpec(shapes[name], spec.dtype) for name, spec in self.inputs.items()
        }
        compiled = function(
            lambda batch: self._function(**batch),
            input_signature=[tensors],
            jit_compile=True,
            autograph=False,  # there is nothing to convert, and it would write a file
        )
        # A concrete function is never traced again, whatever it is called with.
        return _DirectCall(compiled.get_concrete_function(), self.inputs)


class _DirectCall:
    """Calls a concrete function of a dict of tensors, with arrays in and out.

    The function's own `__call__` binds its arguments and prepares for gradients, `tf.constant`
    looks for types to dispatch to, and `numpy()` copies: together 100 us a call, as much as a small
    model takes. The private functions that are called here instead are those of TensorFlow 2.21.
    """

    def __init__(self, function: Any, inputs: Mapping[str, TensorSpec]) -> None:
        from tensorflow.python.eager import context, execute
        from tensorflow.python.framework import dtypes, ops

        self._function = function  # TensorFlow deletes a function without references
        self._name = function._inference_function.name.decode()  # noqa: SLF001
        self._captured = function.captured_inputs
        # TensorFlow flattens a dict in the order of its names.
        self._outputs = sorted(function.structured_outputs)
        self._inputs = [
            (name, dtypes.as_dtype(inputs[name].dtype).as_datatype_enum) for name in sorted(inputs)
        ]
        self._context = context.context()
        self._device = self._context.device_name
        self._attributes = tuple(chain(*self._context.function_call_options.as_attrs().items()))
        self._tensor = ops.EagerTensor
        self._execute = execute.execute

    def __call__(self, batch: Mapping[str, Array | list[str]]) -> dict[str, Array]:
        # A tensor may share its array's memory: nobody may write to a batch after this.
        tensors = [self._tensor(batch[name], self._device, dtype) for name, dtype in self._inputs]
        outputs = self._execute(
            self._name,
            len(self._outputs),
            [*tensors, *self._captured],
            self._attributes,
            self._context,
        )
        return {name: value._numpy() for name, value in zip(self._outputs, outputs, strict=True)}  # noqa: SLF001
