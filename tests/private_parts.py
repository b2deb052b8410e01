"""Lists of the parts of libraries that are used without their makers' promise, and their checks.

A part that is used but not listed fails a test, and so does one that the installed version no
longer has. What a part does is held by other tests.
"""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

from packaging.requirements import Requirement

from tests.service.live_server import ROOT
from tests.service.test_rooms import imports, modules

PAGE = ROOT / "docs/decisions/private-parts.md"

UNDOCUMENTED = (
    "circus",
    "hpack.table",
    "keras.src",
    "prometheus_client.mmap_dict",
    "prometheus_client.values",
    "tensorflow.python",
    "uvicorn.loops",
    "uvicorn.protocols",
    "uvicorn.server",
)
"""Modules whose names don't say that they are private."""

DOCUMENTED = {"_replace", "_asdict", "_exit", "PIL.Image.MAX_IMAGE_PIXELS", "warnings.showwarning"}
"""What looks private, or replaces something, and is meant for that."""


@dataclass(frozen=True)
class Part:
    """A module of a library, and what one file of a package uses of it."""

    library: str
    """Its name in `pyproject.toml`."""
    module: str
    names: tuple[str, ...]
    """Names in the module, and attributes of these: `Class.attribute`."""
    used_by: str
    """The file, in the package's folder."""
    why: str
    held_by: str
    """The test of what the part does, in the folder of the package's tests."""


@dataclass(frozen=True)
class PartList:
    """All parts that one of our packages uses, `service` or `training`."""

    package: str
    parts: tuple[Part, ...]

    @cached_property
    def modules(self) -> dict[str, Path]:
        """The package's files by their modules' names."""
        return modules(self.package)

    def check_part(self, part: Part) -> None:
        """Check that a library has a part, and that the files exist which use and test it."""
        module = import_module(part.module)
        for name in part.names:
            assert _has(module, name), f"{part.module}.{name} is gone: {part.used_by} needs it"
        assert (ROOT / self.package / part.used_by).is_file()
        assert (ROOT / "tests" / self.package / part.held_by).is_file()

    def check_module(self, name: str) -> None:
        """Check that a module of the package uses no part that isn't listed for its file."""
        path = self.modules[name]
        file = path.relative_to(ROOT / self.package).as_posix()
        listed = [part for part in self.parts if part.used_by == file]
        listed_modules = [part.module for part in listed]
        for imported in filter(self._is_private, imports(path)):
            assert any(f"{imported}.".startswith(f"{each}.") for each in listed_modules), imported
        attributes = {name.rpartition(".")[2] for part in listed for name in part.names}
        tree = ast.parse(path.read_text())
        assert set(self._foreign_attributes(tree)) <= attributes
        replaceable = {f"{part.module}.{name}" for part in listed for name in part.names}
        assert set(_replaced(tree)) <= replaceable

    def table(self) -> str:
        """Return the list as the page has it."""
        rows = [f"## The parts in `{self.package}/`", ""]
        rows += ["| library | part | used by | why | held by |", "| --- | --- | --- | --- | --- |"]
        for part in self.parts:
            names = ", ".join(f"`{name}`" for name in part.names)
            library = f"{part.library} {_requirements()[part.library].specifier}"
            used, held = f"`{part.used_by}`", f"`{part.held_by}`"
            rows.append(f"| {library} | `{part.module}`: {names} | {used} | {part.why} | {held} |")
        return "\n".join(rows) + "\n"

    def _is_private(self, imported: str) -> bool:
        if imported.startswith(f"{self.package}."):
            return False
        parts = imported.split(".")
        return any(f"{imported}.".startswith(f"{module}.") for module in UNDOCUMENTED) or any(
            _is_private_name(part) for part in parts
        )

    def _foreign_attributes(self, tree: ast.AST) -> Iterator[str]:
        """Yield the private attributes that are looked up, and that the package doesn't define."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and _is_private_name(node.attr):
                yield from {node.attr} - self._own_names - DOCUMENTED

    @cached_property
    def _own_names(self) -> frozenset[str]:
        """The private names that the package defines, wherever."""
        names = (_defined(node) for path in self.modules.values() for node in _nodes(path))
        return frozenset(name for name in names if _is_private_name(name))


def check_version(library: str) -> None:
    """Check that `pyproject.toml` allows a library's installed version, and no later minor one."""
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


@cache
def _requirements() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["cpu"], *extras["training"]]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


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


def _is_private_name(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


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
