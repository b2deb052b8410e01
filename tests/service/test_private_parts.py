"""Each part of a library that the service uses without its makers' promise is listed here.

`docs/decisions/private-parts.md` says why. A part that is used but not listed fails a test, and so
does one that the installed version no longer has. What a part does is held by other tests.
"""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

from tests.service.live_server import ROOT
from tests.service.test_rooms import SERVICE, imports

PAGE = ROOT / "docs/decisions/private-parts.md"


@dataclass(frozen=True)
class Part:
    """A module of a library, and what one file of the service uses of it."""

    library: str
    """Its name in `pyproject.toml`."""
    module: str
    names: tuple[str, ...]
    """Names in the module, and attributes of these: `Class.attribute`."""
    used_by: str
    """The file, in `service/`."""
    why: str
    held_by: str
    """The test of what the part does, in `tests/service/`."""


BENTOML_PARTS = (
    Part(
        "bentoml",
        "bentoml",
        ("Service.to_asgi",),
        "bento/ingress.py",
        "A worker calls it once, before it looks up uvicorn's classes: ours are put there then.",
        "live/test_ingress.py",
    ),
    Part(
        "bentoml",
        "bentoml._internal.utils.analytics.usage_stats",
        ("BENTOML_DO_NOT_TRACK", "do_not_track.cache_clear"),
        "bento/ingress.py",
        "No usage reports are sent unless the operator asks for them.",
        "live/test_usage_reports.py",
    ),
    Part(
        "bentoml",
        "bentoml._internal.configuration.containers",
        ("BentoMLContainer.prometheus_multiproc_dir",),
        "bento/metrics_folder.py",
        "Two services of one user must not empty each other's folder of metrics.",
        "bento/test_metrics_folder.py",
    ),
    Part(
        "bentoml",
        "bentoml._internal.utils.circus",
        ("Arbiter",),
        "bento/supervisor.py",
        "BentoML's supervisor waits a day for a worker to end: ours takes its place.",
        "bento/test_supervisor.py",
    ),
    Part(
        "kantoku",
        "circus.arbiter",
        (
            "Arbiter.initialize",
            "Arbiter.manage_watchers",
            "Arbiter.iter_watchers",
            "Arbiter.stop",
            "Arbiter.sockets",
            "Arbiter.loop",
            "Arbiter._exclusive_running_command",
        ),
        "bento/supervisor.py",
        "Our supervisor is one of circus's. circus ignores a command while another one runs.",
        "bento/test_supervisor.py",
    ),
    Part(
        "kantoku",
        "circus.watcher",
        (
            "Watcher.graceful_timeout",
            "Watcher.env",
            "Watcher.hooks",
            "Watcher.processes",
            "Watcher.send_signal_process",
        ),
        "bento/supervisor.py",
        "The workers are told who starts them, and are killed if they don't end in time.",
        "live/test_workers.py",
    ),
)

UVICORN_PARTS = (
    Part(
        "uvicorn",
        "uvicorn",
        ("Server",),
        "bento/ingress.py",
        "`DrainingServer` takes its place, to stop within a stated time.",
        "live/test_ingress.py",
    ),
    Part(
        "uvicorn",
        "uvicorn",
        (
            "Server.shutdown",
            "Server.servers",
            "Server.server_state",
            "Server.lifespan",
            "Server.force_exit",
        ),
        "transport/http1/server.py",
        "Stopping ends connections that uvicorn would wait for without limit.",
        "live/test_draining.py",
    ),
    Part(
        "uvicorn",
        "uvicorn.protocols.http.auto",
        ("AutoHTTPProtocol",),
        "bento/ingress.py",
        "`HttpConnection` takes its place.",
        "live/test_ingress.py",
    ),
    Part(
        "uvicorn",
        "uvicorn.loops.auto",
        ("auto_loop_factory",),
        "bento/ingress.py",
        "Several workers share the connections fairly by a loop of their own.",
        "live/test_ingress.py",
    ),
    *(
        Part(
            "uvicorn",
            "uvicorn.server",
            (
                "ServerState.connections",
                "ServerState.tasks",
                "ServerState.total_requests",
                "ServerState.default_headers",
            ),
            file,
            "uvicorn's server knows its connections and tasks by it.",
            "live/test_draining.py",
        )
        for file in ("transport/http1/carrier.py", "transport/http1/connection.py")
    ),
    Part(
        "uvicorn",
        "uvicorn.protocols.http.httptools_impl",
        (
            "RequestResponseCycle.run_asgi",
            "RequestResponseCycle.body",
            "RequestResponseCycle.more_body",
            "RequestResponseCycle.disconnected",
            "RequestResponseCycle.keep_alive",
            "RequestResponseCycle.message_event",
            "RequestResponseCycle.response_started",
            "RequestResponseCycle.response_complete",
            "RequestResponseCycle.waiting_for_100_continue",
        ),
        "transport/http1/asgi_request.py",
        "It carries a request to BentoML's ASGI application and back.",
        "transport/http1/test_carriers.py",
    ),
    Part(
        "uvicorn",
        "uvicorn.protocols.utils",
        ("get_local_addr", "get_remote_addr", "is_ssl"),
        "transport/http1/asgi_request.py",
        "They tell an ASGI application who asks, as uvicorn tells it.",
        "transport/http1/test_carriers.py",
    ),
)

SMALL_PARTS = (
    Part(
        "hpack",
        "hpack.table",
        ("HeaderTable.add", "HeaderTable.maxsize", "HeaderTable._maxsize"),
        "transport/http2/headers.py",
        "Changes of the dynamic table are counted: while there is none, a block is read once.",
        "transport/http2/test_headers.py",
    ),
    Part(
        "prometheus-client",
        "prometheus_client",
        ("Histogram._sum", "Histogram._buckets", "Histogram._upper_bounds"),
        "telemetry/buffering.py",
        "Many values are written for the price of a few.",
        "live/test_metrics.py",
    ),
    Part(
        "prometheus-client",
        "prometheus_client.values",
        ("MultiProcessValue",),
        "telemetry/worker_exits.py",
        "The supervisor counts lost workers, and isn't a worker itself.",
        "live/test_workers.py",
    ),
    Part(
        "pillow",
        "PIL._imaging",
        ("__file__",),
        "tasks/preprocessing/containers/tiff.py",
        "libtiff is loaded with it, and must not write to the standard error.",
        "live/test_odd_files.py",
    ),
    Part(
        "pillow",
        "PIL._webp",
        ("WebPAnimDecoder",),
        "tasks/preprocessing/containers/webp.py",
        "It reads the first frame of an animation, which Pillow's own reader does with all others.",
        "tasks/test_odd_metadata.py",
    ),
)

SAVED_MODEL, CALLED_DIRECTLY = (
    "runtime/saved_model.py",
    ("TensorFlow's own way to call a function costs 100 µs more, as much as a small model."),
)
WITHOUT_PUBLIC_API = "The public API needs 75 MB and two seconds more, for nothing that is used."

TENSORFLOW_PARTS = (
    Part(
        "tensorflow",
        "tensorflow.python.compat.v2_compat",
        ("enable_v2_behavior",),
        "runtime/tensorflow_import.py",
        WITHOUT_PUBLIC_API,
        "runtime/test_tensorflow_import.py",
    ),
    *(
        Part("tensorflow", module, names, SAVED_MODEL, why, "runtime/test_saved_model.py")
        for module, names, why in (
            (
                "tensorflow.python.framework.config",
                (
                    "set_intra_op_parallelism_threads",
                    "set_inter_op_parallelism_threads",
                    "list_physical_devices",
                    "set_memory_growth",
                ),
                WITHOUT_PUBLIC_API,
            ),
            ("tensorflow.python.framework.versions", ("VERSION",), WITHOUT_PUBLIC_API),
            ("tensorflow.python.framework.errors", ("OpError",), WITHOUT_PUBLIC_API),
            ("tensorflow.python.saved_model.load", ("load",), WITHOUT_PUBLIC_API),
            ("tensorflow.python.eager.def_function", ("function",), WITHOUT_PUBLIC_API),
            ("tensorflow.python.framework.tensor", ("TensorSpec",), WITHOUT_PUBLIC_API),
            (
                "tensorflow.python.eager.polymorphic_function.concrete_function",
                (
                    "ConcreteFunction._inference_function",
                    "ConcreteFunction.captured_inputs",
                    "ConcreteFunction.structured_outputs",
                ),
                CALLED_DIRECTLY,
            ),
            (
                "tensorflow.python.eager.context",
                ("context", "Context.device_name", "Context.function_call_options"),
                CALLED_DIRECTLY,
            ),
            ("tensorflow.python.eager.execute", ("execute",), CALLED_DIRECTLY),
            ("tensorflow.python.framework.dtypes", ("as_dtype",), CALLED_DIRECTLY),
            ("tensorflow.python.framework.ops", ("EagerTensor._numpy",), CALLED_DIRECTLY),
        )
    ),
)

PARTS = (*BENTOML_PARTS, *UVICORN_PARTS, *SMALL_PARTS, *TENSORFLOW_PARTS)

UNDOCUMENTED = (
    "circus",
    "hpack.table",
    "prometheus_client.values",
    "tensorflow.python",
    "uvicorn.loops",
    "uvicorn.protocols",
    "uvicorn.server",
)
"""Modules whose names don't say that they are private."""

DOCUMENTED = {"_replace", "_asdict", "PIL.Image.MAX_IMAGE_PIXELS", "warnings.showwarning"}
"""What looks private, or replaces something, and is meant for that."""


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.module} {part.used_by}")
def test_the_part_is_there_and_used(part: Part) -> None:
    module = import_module(part.module)
    for name in part.names:
        assert _has(module, name), f"{part.module}.{name} is gone: {part.used_by} needs it"
    for file in (ROOT / "service" / part.used_by, ROOT / "tests/service" / part.held_by):
        assert file.is_file()


def _has(module: ModuleType, name: str) -> bool:
    """Tell whether a module has a name. An attribute may be one that `__init__` sets."""
    first, *rest = name.split(".")
    found = getattr(module, first, None)
    for attribute in rest:
        if not hasattr(found, attribute):
            return inspect.isclass(found) and _sets(found, attribute)
        found = getattr(found, attribute)
    return found is not None


def _sets(cls: type, attribute: str) -> bool:
    sources = (inspect.getsource(base) for base in cls.__mro__ if base is not object)
    return any(re.search(rf"\bself\.{attribute}\b[^=\n]*=[^=]", source) for source in sources)


@cache
def _requirements() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["cpu"]]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


@pytest.mark.parametrize("library", sorted({part.library for part in PARTS}))
def test_only_versions_that_were_tried_are_installed(library: str) -> None:
    """The parts are there in the versions that `pyproject.toml` allows: at most a minor one."""
    specifier = _requirements()[library].specifier
    assert _installed(library) in specifier
    upper = [clause.version for clause in specifier if clause.operator == "<"]
    assert len(upper) == 1, f"{library} needs an upper bound"
    major, minor, *_ = map(int, _installed(library).split("."))
    assert upper[0] in (f"{major}.{minor + 1}", f"{major}.{minor}.{minor + 1}")


def _installed(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # TensorFlow has a distribution of its own for processors
        return version(f"{library}-cpu")


@pytest.mark.parametrize("name", SERVICE)
def test_no_other_part_is_used(name: str) -> None:
    path = SERVICE[name]
    file = path.relative_to(ROOT / "service").as_posix()
    listed = [part for part in PARTS if part.used_by == file]
    modules = [part.module for part in listed]
    for imported in filter(_is_private, imports(path)):
        assert any(f"{imported}.".startswith(f"{module}.") for module in modules), imported
    attributes = {name.rpartition(".")[2] for part in listed for name in part.names}
    tree = ast.parse(path.read_text())
    assert set(_foreign_attributes(tree)) <= attributes
    assert set(_replaced(tree)) <= {f"{part.module}.{n}" for part in listed for n in part.names}


def _is_private(imported: str) -> bool:
    if imported.startswith("service."):
        return False
    parts = imported.split(".")
    return any(f"{imported}.".startswith(f"{module}.") for module in UNDOCUMENTED) or any(
        _is_private_name(part) for part in parts
    )


def _is_private_name(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _foreign_attributes(tree: ast.AST) -> Iterator[str]:
    """Yield the private attributes that are looked up, and that the service doesn't define."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private_name(node.attr):
            yield from {node.attr} - _own_names() - DOCUMENTED


@cache
def _own_names() -> frozenset[str]:
    """Return the private names that the service defines, wherever."""
    names = (_defined(node) for path in SERVICE.values() for node in _nodes(path))
    return frozenset(name for name in names if _is_private_name(name))


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


def _defined(node: ast.AST) -> str:
    """Return the name that a node defines, "" if it defines none."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
        case ast.Name(name, ast.Store()) | ast.Attribute(_, name, ast.Store()):
            return name
    return ""


def _replaced(tree: ast.AST) -> Iterator[str]:
    """Yield what a file puts into modules of libraries, in the place of their own."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(ast.Name(name), attribute, ast.Store()) if name in modules:
                yield from {f"{modules[name]}.{attribute}"} - DOCUMENTED


def _table() -> str:
    rows = ["| library | part | used by | why | held by |", "| --- | --- | --- | --- | --- |"]
    for part in PARTS:
        names = ", ".join(f"`{name}`" for name in part.names)
        library = f"{part.library} {_requirements()[part.library].specifier}"
        used, held = f"`{part.used_by}`", f"`{part.held_by}`"
        rows.append(f"| {library} | `{part.module}`: {names} | {used} | {part.why} | {held} |")
    return "\n".join(rows) + "\n"


def test_the_page_lists_the_parts() -> None:
    assert PAGE.read_text().endswith(_table()), f"the page must end with\n{_table()}"
