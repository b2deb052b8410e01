"""TensorFlow's public API isn't imported for serving, but other code can still use it."""

from pathlib import Path

import pytest

from tests.service.fresh_process import printed

CONFIGURE = (
    "from service.runtime.saved_model import SavedModel\n"
    "from service.runtime.tensorflow_import import import_tensorflow\n"
    "import_tensorflow()\n"
)
SERVE = CONFIGURE + (
    "from pathlib import Path\n"
    "import numpy as np\n"
    "from service.engine.folder.repository import read_models\n"
    "digits = next(a for a in read_models(Path('models')).artifacts if a.card.name == 'digits')\n"
    "spec = digits.card.signature('serving_default', 'probabilities')\n"
    "signature = SavedModel(digits.path).signature('serving_default', spec)\n"
    "compiled = signature.compile()\n"
    "image = {'image': np.zeros((1, 28, 28, 1), np.uint8)}\n"
    "same = np.allclose(signature(image)['probabilities'], compiled(image)['probabilities'])\n"
)


def test_models_are_loaded_without_the_public_api() -> None:
    loaded = set(printed(SERVE + "print(*sys.modules)").split())
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
    assert printed(SERVE + later) == "3"


def test_a_model_outlives_the_import_of_the_public_api() -> None:
    code = (
        "import tensorflow as tf\n"
        "print(same, *signature(image), *compiled(image), tf.add(1, 2).numpy())"
    )
    assert printed(SERVE + code) == "True probabilities probabilities 3"


def test_two_threads_may_ask_for_it_at_once() -> None:
    code = (
        "import tensorflow as tf, threading, time\n"
        "found = []\n"
        "for pause in (0, 0.2):\n"
        "    time.sleep(pause)\n"
        "    threading.Thread(target=lambda: found.append(tf.add)).start()\n"
        "[t.join() for t in threading.enumerate() if t is not threading.current_thread()]\n"
        "print(len(found))"
    )
    assert printed(CONFIGURE + code) == "2"


def test_a_probe_of_every_module_does_not_run_it() -> None:
    code = (
        "import sys, tensorflow\n"
        "[getattr(m, '__warningregistry__', None) for m in list(sys.modules.values())]\n"
        "print('tensorflow._api' in sys.modules, hasattr(tensorflow, '__version__'))\n"
        "print('tensorflow._api' in sys.modules, hasattr(tensorflow, 'no_such_name'))"
    )
    assert printed(CONFIGURE + code).split() == ["False", "True", "True", "False"]


@pytest.mark.parametrize(
    ("plugins", "variable", "run"),
    [
        (False, "OTHER", "False"),
        (True, "OTHER", "True"),
        (False, "TF_PLUGGABLE_DEVICE_LIBRARY_PATH", "True"),
    ],
)
def test_the_package_is_run_where_it_has_plugins_to_load(
    tmp_path: Path, plugins: bool, variable: str, run: str
) -> None:
    compat = tmp_path / "tensorflow" / "python" / "compat"
    compat.mkdir(parents=True)
    (tmp_path / "tensorflow" / "__init__.py").write_text("import builtins\nbuiltins.was_run = 1\n")
    (compat / "v2_compat.py").write_text("def enable_v2_behavior(): pass\n")
    if plugins:
        (tmp_path / "tensorflow-plugins").mkdir()
    code = (
        "import builtins, os\n"
        f"os.environ[{variable!r}] = 'plugin.so'\n"
        "from service.runtime.tensorflow_import import import_tensorflow\n"
        "import_tensorflow()\n"
        "print(hasattr(builtins, 'was_run'))"
    )
    assert printed(code, first_on_path=tmp_path) == run
