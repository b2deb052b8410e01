"""Who may import whom: the seams of the project."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.fresh_process import printed
from tests.service.live_server import ROOT

PROTOCOLS = {"bentoml", "_bentoml_impl", "grpc", "starlette", "uvicorn", "fastapi", "multipart"}
ADAPTERS = {"service.http", "service.grpc"}


def _modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def _imports(path: Path) -> Iterator[str]:
    """Yield the full name of every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def _loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a statement loads in a fresh process."""
    names = "print(*{name.split('.')[0] for name in sys.modules})"
    return set(printed(f"{statement}\n{names}").split())


def test_the_core_loads_no_protocol() -> None:
    files = [path for path in _modules("service/core") if path.stem != "__init__"]
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files)
    statement = "import " + ", ".join(names)
    assert not _loaded_by(statement) & (PROTOCOLS | {"tensorflow"})


def test_the_service_is_imported_without_tensorflow() -> None:
    assert not _loaded_by("import service.app") & {"tensorflow", "keras"}


def test_the_service_is_imported_without_grpcs_own_library() -> None:
    """It is for clients: the server speaks HTTP/2 by itself."""
    assert "grpc" not in _loaded_by("import service.app")


@pytest.mark.parametrize("path", _modules("service/grpc/http2"), ids=str)
def test_http2_knows_nothing_of_grpc(path: Path) -> None:
    imported = [name for name in _imports(path) if name.startswith("service")]
    assert all(name.startswith("service.grpc.http2") for name in imported)


def test_the_client_is_imported_without_bentoml() -> None:
    assert "bentoml" not in _loaded_by("from service.grpc import inference_pb2_grpc")


@pytest.mark.parametrize("path", _modules("service"), ids=str)
def test_the_service_never_imports_the_training(path: Path) -> None:
    assert not [name for name in _imports(path) if name.split(".")[0] == "training"]


@pytest.mark.parametrize("path", _modules("training"), ids=str)
def test_the_training_never_imports_the_service(path: Path) -> None:
    assert not [name for name in _imports(path) if name.split(".")[0] == "service"]


@pytest.mark.parametrize("path", _modules("service/core"), ids=str)
def test_the_core_imports_nothing_else_of_the_service(path: Path) -> None:
    imported = [name for name in _imports(path) if name.startswith("service")]
    assert all(name.startswith("service.core") for name in imported)


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_an_adapter_imports_no_other(adapter: str) -> None:
    others = tuple(ADAPTERS - {adapter})
    for path in _modules(adapter.replace(".", "/")):
        assert not [name for name in _imports(path) if name.startswith(others)], path
