"""TensorFlow imported without its public API, of which serving needs almost nothing.

`import tensorflow` runs twice as many modules as a SavedModel needs (1,622, not 731), and Keras,
which imports other packages that it finds, for instance scikit-learn and matplotlib. Here the
package is put into `sys.modules` without being run. Its submodules can be imported as usual, and
the first lookup of a name in the package itself, for instance `tensorflow.constant`, runs it.
"""

import importlib
import os
import sys
import threading
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any


def import_tensorflow() -> None:
    """Import `tensorflow.python`, ready to run models; the whole package if there are plugins."""
    if "tensorflow" not in sys.modules:
        _defer_public_api()
    from tensorflow.python.compat import v2_compat

    v2_compat.enable_v2_behavior()  # as the public API does


class _DeferredPackage(ModuleType):
    """A package that is run at the first lookup of a name that isn't in it yet."""

    _deferred = True
    _running = threading.RLock()  # other threads that look up a name wait meanwhile

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise self._missing(name)  # looked up in every module, by inspect for one
        with self._running:
            if self._deferred:
                self._deferred = False
                try:
                    importlib.reload(self)
                except BaseException:
                    self._deferred = True
                    raise
        if name not in self.__dict__:
            raise self._missing(name)
        return self.__dict__[name]

    def _missing(self, name: str) -> AttributeError:
        return AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


def _defer_public_api() -> None:
    spec = find_spec("tensorflow")
    if spec is None or _has_plugins():
        return
    package = module_from_spec(spec)
    package.__class__ = _DeferredPackage
    sys.modules[spec.name] = package


def _has_plugins() -> bool:
    """Return whether there are drivers of other devices, which the public API loads."""
    folders = (Path(entry) / "tensorflow-plugins" for entry in sys.path)
    return "TF_PLUGGABLE_DEVICE_LIBRARY_PATH" in os.environ or any(f.exists() for f in folders)
