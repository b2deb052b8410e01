"""TensorFlow imported without its public API, of which serving needs next to nothing.

`import tensorflow` runs twice as many of its modules as a SavedModel needs (1,622 for 731), and
Keras, which brings along whatever it finds, scikit-learn and matplotlib say. Here the package is
put in place without being run. Its submodules can be imported as ever, and the first name that
somebody looks up in the package itself, `tensorflow.constant` say, runs it after all.
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
    """Import `tensorflow.python`, ready to run models; the whole package where it needs plugins."""
    if "tensorflow" not in sys.modules:
        _defer_public_api()
    from tensorflow.python.compat import v2_compat

    v2_compat.enable_v2_behavior()  # as the public API does when it is run


class _DeferredPackage(ModuleType):
    """A package that is run when a name is looked up in it that isn't there yet."""

    _deferred = True
    _running = threading.RLock()  # whoever else looks up a name meanwhile waits

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise self._missing(name)  # who asks every module for that doesn't want this one
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
    """Tell whether there are drivers of other devices, which the public API loads."""
    folders = (Path(entry) / "tensorflow-plugins" for entry in sys.path)
    return "TF_PLUGGABLE_DEVICE_LIBRARY_PATH" in os.environ or any(f.exists() for f in folders)
