"""What the log says of the settings at the start."""

import logging

import pytest

from service.settings import Settings
from service.settings_report import report_settings


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("TRIDENT_MODEL", "TRIDENT_MODELS"),
        ("TRIDENT_WORKER", "TRIDENT_WORKERS"),
        ("TRIDENT_GRPCPORT", "TRIDENT_GRPC_PORT"),
        ("TRIDENT_LOGLEVEL", "TRIDENT_LOG_LEVEL"),
        ("trident_max_inputs_", "TRIDENT_MAX_INPUTS"),
    ],
)
def test_a_misspelt_setting_is_named_with_the_one_that_is_meant(
    variable: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    report_settings(Settings(), {variable})
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.getMessage() == (
        f"{variable} is not a setting and has no effect: do you mean {meant}?"
    )


def test_a_name_like_no_setting_gets_no_suggestion(caplog: pytest.LogCaptureFixture) -> None:
    report_settings(Settings(), {"TRIDENT_QWERTZ"})
    assert caplog.messages[-1] == "TRIDENT_QWERTZ is not a setting and has no effect."


def test_settings_and_strangers_pass_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    report_settings(Settings(), {"TRIDENT_MODELS", "trident_workers", "PATH", "TRIDENTINE"})
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_all_settings_are_told_but_no_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TRIDENT_TRACES", "http://user:secret@collector:4318/path")
    monkeypatch.setenv("TRIDENT_KEYS", "a secret")
    monkeypatch.setenv("TRIDENT_WORKERS", "3")
    caplog.set_level(logging.INFO)
    report_settings(Settings(), ())
    (line,) = caplog.messages
    for field in Settings.model_fields:
        assert f" {field}=" in line
    assert " workers=3 " in line
    assert "traces=http://collector:4318/path" in line
    assert "secret" not in line
