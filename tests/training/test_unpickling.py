import builtins
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training import python2_pickle
from training.data.unpickling import load_arrays
from training.errors import UnsafePickleError


class Gadget:
    """An object whose unpickling calls `function`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_arrays_in_tuples_are_read() -> None:
    content = ((np.arange(6, dtype=np.float32).reshape(2, 3), np.array([7, 8])),)
    ((images, labels),) = load_arrays(python2_pickle.dumps(content))
    assert images.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert labels.tolist() == [7, 8]


def test_a_shell_command_is_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    pickled = pickle.dumps(Gadget(os.system, f"touch {trace}"), 2)
    with pytest.raises(UnsafePickleError, match="system"):
        load_arrays(pickled)
    assert not trace.exists()


def test_python_code_is_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for function in (eval, exec):
        pickled = pickle.dumps(Gadget(function, f"open({str(trace)!r}, 'w')"), 2)
        with pytest.raises(UnsafePickleError):
            load_arrays(pickled)
    assert not trace.exists()


def pickle_of_global(module: str, name: str) -> bytes:
    """A pickle of nothing but a reference to `module.name`."""
    return f"c{module}\n{name}\n.".encode()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy", "load"),
        ("numpy", "fromfile"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy.f2py.crackfortran", "myeval"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy", "ndarray.tofile"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
        ("builtins", "getattr"),
        ("__builtin__", "eval"),
        ("builtins", "__import__"),
        ("posix", "system"),
        ("subprocess", "Popen"),
    ],
)
def test_nothing_but_arrays_is_named(module: str, name: str) -> None:
    with pytest.raises(UnsafePickleError, match="only numpy arrays"):
        load_arrays(pickle_of_global(module, name))


def test_the_array_maker_makes_arrays_only() -> None:
    reconstruct = np.array([0]).__reduce__()[0]
    gadget = python2_pickle.dumps(Gadget(reconstruct, np.ndarray, (1,), b"b"))
    assert load_arrays(gadget).shape == (1,)
    disguised = gadget.replace(b"cnumpy\nndarray\n", b"cnumpy\ndtype\n")
    assert disguised != gadget
    with pytest.raises(UnsafePickleError, match="array of type"):
        load_arrays(disguised)


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1, 2], 2)[:-3]])
def test_what_is_no_pickle_is_refused(content: bytes) -> None:
    with pytest.raises(UnsafePickleError, match="not a pickle"):
        load_arrays(content)


def test_the_plain_unpickler_would_have_run_it(tmp_path: Path) -> None:
    """Tests the tests: the gadgets above really work."""
    trace = tmp_path / "trace"
    pickle.loads(pickle.dumps(Gadget(builtins.eval, f"open({str(trace)!r}, 'w').close()"), 2))
    assert trace.exists()
