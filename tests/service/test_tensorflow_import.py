"""TensorFlow's public API is left out of serving, and there for whoever wants it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.live_server import ROOT

SERVE = (
    "from pathlib import Path\n"
    "from service.core.saved_model import SavedModel, configure_tensorflow\n"
    "configure_tensorflow()\n"
    "model = SavedModel(Path('models/digits/1'))\n"
)


def _printed(code: str, *, first_on_path: Path | None = None) -> str:
    """Return what code prints in a process of its own."""
    path = [str(first_on_path)] if first_on_path else []
    code = f"import sys\nsys.path[:0] = {path}\n{code}"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_models_are_loaded_without_the_public_api() -> None:
    loaded = set(_printed(SERVE + "print(*sys.modules)").split())
    assert "tensorflow.python" in loaded
    assert not loaded & {"tensorflow._api", "keras", "h5py", "scipy", "sklearn", "matplotlib"}


@pytest.mark.parametrize(
    "later",
    [
        "import tensorflow as tf; print(tf.add(1, 2).numpy())",
        "from tensorflow import add; print(add(1, 2).numpy())",
        "import tensorflow.python.ops.math_ops as ops; print(ops.add(1, 2).numpy())",
        "import keras; print(keras.ops.add(1, 2).numpy())",
    ],
)
def test_all_of_it_is_there_for_who_asks_later(later: str) -> None:
    assert _printed(SERVE + later) == "3"


def test_a_model_outlives_the_import_of_the_public_api() -> None:
    code = (
        "import tensorflow as tf\n"
        "answer = model._module.signatures['serving_default'](tf.zeros([1, 28, 28, 1], tf.uint8))\n"
        "print(*answer, tf.config.threading.get_intra_op_parallelism_threads())"
    )
    assert _printed(SERVE + code) == "probabilities 1"


@pytest.mark.parametrize(("plugins", "run"), [(True, "True"), (False, "False")])
def test_the_package_is_run_where_it_has_plugins_to_load(
    tmp_path: Path, plugins: bool, run: str
) -> None:
    compat = tmp_path / "tensorflow" / "python" / "compat"
    compat.mkdir(parents=True)
    (tmp_path / "tensorflow" / "__init__.py").write_text("import builtins\nbuiltins.was_run = 1\n")
    (compat / "v2_compat.py").write_text("def enable_v2_behavior(): pass\n")
    if plugins:
        (tmp_path / "tensorflow-plugins").mkdir()
    code = (
        "import builtins\n"
        "from service.core.tensorflow_import import import_tensorflow\n"
        "import_tensorflow()\n"
        "print(hasattr(builtins, 'was_run'))"
    )
    assert _printed(code, first_on_path=tmp_path) == run
