"""How TensorFlow is set up before the first model is loaded, and how it is called."""

from pathlib import Path

import numpy as np
import pytest
from tensorflow.python.framework import config, errors

from service.engine.repository import read_models
from service.runtime.saved_model import SavedModel, configure_tensorflow
from tests.service.fresh_process import printed


@pytest.mark.parametrize("devices", [[], ["GPU:0"], ["GPU:0", "GPU:1"]])
def test_memory_grows_on_every_gpu(monkeypatch: pytest.MonkeyPatch, devices: list[str]) -> None:
    grown: dict[str, bool] = {}

    def grow(device: str, *, enable: bool) -> None:
        grown[device] = enable

    for setting in ("set_intra_op_parallelism_threads", "set_inter_op_parallelism_threads"):
        monkeypatch.setattr(config, setting, lambda _: None)
    monkeypatch.setattr(
        config, "list_physical_devices", lambda kind: devices if kind == "GPU" else []
    )
    monkeypatch.setattr(config, "set_memory_growth", grow)
    configure_tensorflow()
    assert grown == dict.fromkeys(devices, True)


def test_settings_that_come_too_late_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: int) -> None:
        raise RuntimeError("too late")

    monkeypatch.setattr(config, "set_intra_op_parallelism_threads", refuse)
    configure_tensorflow()
    assert "in use before" in caplog.text


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
        "from service.engine.repository import read_models\n"
        "from service.runtime.saved_model import SavedModel, configure_tensorflow\n"
        f"artifact = read_models(Path({str(shipped_models)!r})).artifacts[0]\n"
        "configure_tensorflow()\n"
        "spec = artifact.card.signature('serving_default')\n"
        "signature = SavedModel(artifact.path).signature('serving_default', spec)\n"
        "signature.compile({'image': (1, 28, 28, 1)})\n"
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
    program = signature.compile({"image": (3, 28, 28, 1)}) if compiled else signature
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
from service.engine.repository import read_models
from service.runtime.saved_model import SavedModel, configure_tensorflow

configure_tensorflow()
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
