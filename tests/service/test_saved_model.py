"""How TensorFlow is set up before the first model is loaded."""

import pytest
from tensorflow.python.framework import config

from service.core.saved_model import configure_tensorflow
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
        "import service.core.saved_model\n"
        "print(os.environ['XLA_FLAGS'])"
    )
    flags = printed(code).split()
    assert flags[-1] == "--xla_dump_to=/tmp/xla"
    assert len(flags) > 1
