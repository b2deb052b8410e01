"""TensorFlow imported without its public API, of which serving needs next to nothing.

`import tensorflow` runs some 1,000 modules that no SavedModel needs, and Keras, which brings along
whatever it finds, scikit-learn and matplotlib say. Here the package is put in place without being
run. Its submodules can be imported as ever, and the first name that somebody looks up in the
package itself, `tensorflow.constant` say, runs it after all.
"""

import importlib
import sys
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

    def __getattr__(self, name: str) -> Any:
        self.__class__ = ModuleType  # type: ignore[assignment]
        importlib.reload(self)
        return getattr(self, name)


def _defer_public_api() -> None:
    spec = find_spec("tensorflow")
    if spec is None or spec.origin is None:
        return
    if (Path(spec.origin).parents[1] / "tensorflow-plugins").exists():
        return  # drivers of other devices, which the public API loads
    package = module_from_spec(spec)
    package.__class__ = _DeferredPackage
    sys.modules[spec.name] = package
