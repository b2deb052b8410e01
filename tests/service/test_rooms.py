"""The rooms of the service, and who may import whom: written once, here."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.service.fresh_process import printed
from tests.service.live_server import ROOT

ROOMS = {
    "errors": set(),
    "prediction": {"errors"},
    "admission": {"errors"},
    "watched_files": set(),
    "telemetry": {"errors", "prediction", "admission"},
    "runtime": {"errors"},
    "tasks": {"errors", "telemetry", "runtime"},
    "engine": {"errors", "prediction", "admission", "telemetry", "runtime", "tasks"},
    "transport": {"errors", "admission", "telemetry", "watched_files"},
    "api": {
        "errors",
        "prediction",
        "admission",
        "telemetry",
        "runtime",
        "tasks",
        "engine",
        "transport",
        "watched_files",
    },
    "keys": {"api"},
    "settings": set(),
    "settings_report": {"settings"},
    "settings_document": {"settings"},
    "bento": {"errors", "admission", "telemetry", "runtime", "tasks", "engine", "transport", "api"},
}
"""What each room may import of the others. `app` puts them together."""

LIBRARIES = {
    "bentoml": {"bento", "app"},
    "_bentoml_impl": {"bento"},
    "circus": {"bento"},
    "uvicorn": {"transport", "bento"},
    "httptools": {"transport"},
    "hpack": {"transport"},
    "starlette": {"transport", "api", "bento", "app"},
    "PIL": {"tasks", "bento"},
    "tensorflow": {"runtime"},
    "opentelemetry": {"telemetry"},
}
"""The rooms that may import a library; each library that isn't here may be imported anywhere."""

Arrow = tuple[str, str]


def modules(package: str) -> dict[str, Path]:
    """Return the files of a package by their modules' names."""
    files = (path for path in (ROOT / package).rglob("*.py") if "_pb2" not in path.name)
    return {name_of(path): path for path in files}


def name_of(path: Path) -> str:
    """Return the name of a file's module."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the full name of everything that a file imports, wherever in it."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str:
    """Return the room of a module of the service, "" for the package itself."""
    return name.split(".")[1] if "." in name else ""


SERVICE = modules("service")


@pytest.mark.parametrize("name", SERVICE)
def test_a_room_imports_only_what_it_may(name: str) -> None:
    room = room_of(name)
    imported = {room_of(other) for other in imports(SERVICE[name]) if other.startswith("service.")}
    if room not in ("", "app"):
        assert imported - {room, "__version__"} <= ROOMS[room]


@pytest.mark.parametrize("name", SERVICE)
def test_a_library_is_known_to_its_rooms_alone(name: str) -> None:
    for library in {other.split(".")[0] for other in imports(SERVICE[name])} & LIBRARIES.keys():
        assert room_of(name) in LIBRARIES[library], library


def test_the_rooms_are_in_an_order() -> None:
    """So no two rooms need each other."""
    seen: set[str] = set()
    for room, others in ROOMS.items():
        assert others <= seen, room
        seen.add(room)


def test_no_modules_import_each_other_in_a_circle() -> None:
    arrows = {
        name: {module for other in imports(path) if (module := _module(other)) not in ("", name)}
        for name, path in SERVICE.items()
        if room_of(name)
    }
    while arrows:
        free = {name for name, others in arrows.items() if not others & arrows.keys()}
        assert free, f"a circle among {sorted(arrows)}"
        arrows = {name: others for name, others in arrows.items() if name not in free}


def _module(imported: str) -> str:
    """Return the module of the service that a name is, or is of."""
    return imported if imported in SERVICE else imported.rpartition(".")[0]


@pytest.mark.parametrize("path", SERVICE.values(), ids=str)
def test_the_service_never_imports_the_training(path: Path) -> None:
    assert not [name for name in imports(path) if name.split(".")[0] == "training"]


@pytest.mark.parametrize("path", modules("training").values(), ids=str)
def test_the_training_never_imports_the_service(path: Path) -> None:
    assert not [name for name in imports(path) if name.split(".")[0] == "service"]


@pytest.mark.parametrize("package", ["transport.http2", "transport.http1"])
def test_http_knows_nothing_of_grpc(package: str) -> None:
    for path in modules(f"service/{package.replace('.', '/')}").values():
        assert not [name for name in imports(path) if name.startswith("service.transport.grpc")]


def _loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a statement loads in a fresh process."""
    names = "print(*{name.split('.')[0] for name in sys.modules})"
    return set(printed(f"{statement}\n{names}").split())


def test_what_serves_loads_no_protocol() -> None:
    rooms = ("engine", "tasks", "runtime", "telemetry")
    statement = "import " + ", ".join(name for name in SERVICE if room_of(name) in rooms)
    unwanted = {"bentoml", "_bentoml_impl", "grpc", "starlette", "uvicorn", "multipart"}
    assert not _loaded_by(statement) & (unwanted | {"tensorflow"})


def test_the_service_is_imported_without_tensorflow() -> None:
    assert not _loaded_by("import service.app") & {"tensorflow", "keras"}


def test_the_service_is_imported_without_grpcs_own_library() -> None:
    """It is for clients: the server speaks HTTP/2 by itself."""
    assert "grpc" not in _loaded_by("import service.app")


def test_the_client_is_imported_without_bentoml() -> None:
    assert "bentoml" not in _loaded_by("from service.api.trident import inference_pb2_grpc")
