"""The settings: documented, set by the environment, refused in a clear sentence."""

from pathlib import Path

import pytest
from pydantic import HttpUrl, SecretStr, ValidationError

from service.settings import Settings, max_inline_seconds, suitable_workers
from service.settings_document import settings_document
from tests.service.live_server import ROOT, START_SECONDS, LiveServer

VALUES = {
    "models": ("/srv/models", Path("/srv/models")),
    "latest_versions": ("0", 0),
    "watch_interval": ("0.5", 0.5),
    "unload_default_models": ("true", True),
    "keys_file": ("/run/keys.json", Path("/run/keys.json")),
    "keys": ("[]", SecretStr("[]")),
    "tls_certificate": ("/run/tls.crt", Path("/run/tls.crt")),
    "tls_key": ("/run/tls.key", Path("/run/tls.key")),
    "tls_client_ca": ("/run/ca.crt", Path("/run/ca.crt")),
    "cors_origins": ("https://a.example,http://b:1", "https://a.example,http://b:1"),
    "operations_port": ("3002", 3002),
    "operations_host": ("0.0.0.0", "0.0.0.0"),
    "workers": ("3", 3),
    "ingress": ("false", False),
    "grpc_host": ("127.0.0.1", "127.0.0.1"),
    "grpc_port": ("4001", 4001),
    "max_batch_size": ("16", 16),
    "max_queue_size": ("99", 99),
    "max_queue_seconds": ("0.5", 0.5),
    "client_rate": ("2.5", 2.5),
    "client_concurrency": ("4", 4),
    "max_inputs": ("5", 5),
    "max_body_bytes": ("4096", 4096),
    "max_inflight_bytes": ("2000000", 2_000_000),
    "max_pixels": ("1000", 1000),
    "max_connections": ("100", 100),
    "request_timeout": ("0.5", 0.5),
    "header_timeout": ("2.5", 2.5),
    "stall_timeout": ("3", 3.0),
    "min_transfer_rate": ("0", 0.0),
    "stop_grace": ("0", 0.0),
    "drain_timeout": ("0", 0.0),
    "call_timeout": ("300", 300.0),
    "core_dumps": ("1", True),
    "log_format": ("json", "json"),
    "log_level": ("debug", "debug"),
    "access_log": ("true", True),
    "traces": ("http://localhost:4318", HttpUrl("http://localhost:4318")),
}

BAD_VALUES = {
    "watch_interval": "-1",
    "latest_versions": "-1",
    "cors_origins": "https://a.example/",
    "operations_port": "-1",
    "workers": "0",
    "grpc_port": "65536",
    "max_batch_size": "many",
    "max_queue_size": "-1",
    "max_queue_seconds": "0",
    "client_rate": "-1",
    "client_concurrency": "-1",
    "max_inputs": "0",
    "max_body_bytes": "1",
    "max_inflight_bytes": "1000",
    "max_pixels": "0",
    "max_connections": "0",
    "request_timeout": "0",
    "header_timeout": "0",
    "stall_timeout": "0",
    "min_transfer_rate": "-1",
    "stop_grace": "-1",
    "drain_timeout": "-1",
    "call_timeout": "0.5",
    "core_dumps": "perhaps",
    "log_format": "xml",
    "log_level": "loud",
    "access_log": "perhaps",
    "traces": "localhost",
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"TRIDENT_{field.upper()}", raising=False)


def test_every_setting_is_tried_here() -> None:
    assert VALUES.keys() == Settings.model_fields.keys()


@pytest.mark.parametrize("field", Settings.model_fields)
def test_a_setting_is_documented(field: str) -> None:
    description = Settings.model_fields[field].description
    assert description is not None
    assert description.strip().endswith(".")


def test_the_page_of_settings_is_up_to_date() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert page == settings_document(), "python -m service.settings_document > docs/settings.md"


@pytest.mark.parametrize("field", VALUES)
def test_a_setting_is_set_by_the_environment(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, expected = VALUES[field]
    assert getattr(Settings(), field) != expected
    monkeypatch.setenv(f"TRIDENT_{field.upper()}", text)
    assert getattr(Settings(), field) == expected


@pytest.mark.parametrize("field", VALUES)
def test_an_empty_value_means_the_default(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose writes an empty one for a variable that isn't set."""
    default = getattr(Settings(), field)
    monkeypatch.setenv(f"TRIDENT_{field.upper()}", "")
    assert getattr(Settings(), field) == default


@pytest.mark.parametrize("field", BAD_VALUES)
def test_a_bad_value_is_refused_by_its_name(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"TRIDENT_{field.upper()}", BAD_VALUES[field])
    with pytest.raises(ValidationError, match=field):
        Settings()


def test_the_defaults_are_what_the_project_promises() -> None:
    settings = Settings()
    assert settings.grpc_port == 3001
    assert settings.models == ROOT / "models"


@pytest.mark.parametrize(
    ("cores", "gibibytes", "workers"), [(1, 8, 1), (2, 24, 2), (8, 64, 8), (8, 9, 4), (4, 1, 1)]
)
def test_each_core_has_a_worker_as_far_as_the_memory_reaches(
    cores: int, gibibytes: int, workers: int
) -> None:
    assert suitable_workers(cores, gibibytes * 1024**3) == workers


def test_only_a_worker_with_a_core_to_itself_runs_long_batches_on_its_event_loop() -> None:
    for workers, cores in ((1, 1), (2, 2), (4, 2)):
        assert max_inline_seconds(workers, cores) == 0.01
    for workers, cores in ((1, 2), (4, 8)):
        assert max_inline_seconds(workers, cores) < 0.001


def test_settings_do_not_change_while_the_service_runs() -> None:
    with pytest.raises(ValidationError):
        Settings().workers = 2


def test_the_service_says_in_a_sentence_which_value_it_does_not_take(tmp_path: Path) -> None:
    with LiveServer(tmp_path, ROOT / "models", log_format="xml", max_inputs=0) as live:
        assert live.wait_until_exit(START_SECONDS) != 0
    assert "TRIDENT_LOG_FORMAT can't be 'xml': input should be 'text' or 'json'." in live.log
    assert "TRIDENT_MAX_INPUTS can't be '0'" in live.log
    assert "Traceback" not in live.log
