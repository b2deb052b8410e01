"""The ways in which people and tools copy a version into the folder of models, step by step.

Each takes a complete version and where it should be, and stops after each step.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TypeAlias

Steps: TypeAlias = Iterator[None]
Copy: TypeAlias = Callable[[Path, Path], Steps]

_CARD = Path("model.json")
_TIMES = count(10**18, 10**9)  # nanoseconds


def _files(source: Path) -> list[Path]:
    return sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())


def _write_in_halves(source: Path, target: Path, names: Sequence[Path]) -> Steps:
    target.mkdir(parents=True, exist_ok=True)
    yield
    for name in names:
        content = (source / name).read_bytes()
        (target / name).parent.mkdir(exist_ok=True)
        for part in (b"", content[: len(content) // 2], content):
            (target / name).write_bytes(part)
            yield


def card_first(source: Path, target: Path) -> Steps:
    """As `cp -r` does it if the card comes first."""
    others = [name for name in _files(source) if name != _CARD]
    yield from _write_in_halves(source, target, [_CARD, *others])


def card_last(source: Path, target: Path) -> Steps:
    """As somebody does it who wants to be careful."""
    others = [name for name in _files(source) if name != _CARD]
    yield from _write_in_halves(source, target, [*others, _CARD])


def allocated_first(source: Path, target: Path) -> Steps:
    """As a downloader does it: all files have their size before they have their content."""
    for name in _files(source):
        content = (source / name).read_bytes()
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(bytes(len(content)))
        _pass_time(target / name)
        yield
    for name in _files(source):
        content = (source / name).read_bytes()
        with (target / name).open("r+b") as file:
            for place in (0, len(content) // 2):
                file.seek(place)
                file.write(content[place:][: len(content) // 2 + 1])
                file.flush()
                _pass_time(target / name)
                yield


def _pass_time(file: Path) -> None:
    """Give a file a time of its own: two writes may be closer than the resolution of the clock."""
    os.utime(file, ns=(0, next(_TIMES)))


def rsync(source: Path, target: Path) -> Steps:
    """As rsync does it: a hidden file that grows and gets its name when it is complete."""
    for name in _files(source):
        content = (source / name).read_bytes()
        hidden = target / name.with_name(f".{name.name}.Xa3bQ1")
        hidden.parent.mkdir(parents=True, exist_ok=True)
        for part in (content[:3], content):
            hidden.write_bytes(part)
            yield
        hidden.rename(target / name)
        yield
        os.utime(target / name, ns=(0, 0))
        yield


def moved(source: Path, target: Path) -> Steps:
    """As `mv` does it on one disk, from a hidden folder beside it."""
    hidden = target.with_name(f".{target.name}.part")
    hidden.parent.mkdir(parents=True, exist_ok=True)
    yield from _write_in_halves(source, hidden, _files(source))
    if target.exists():
        target.rename(target.with_name(".old"))
    hidden.rename(target)
    yield


def link_switched(source: Path, target: Path) -> Steps:
    """A link that leads elsewhere from one moment to the next."""
    store = target.parent.parent.parent / "store" / source.name
    yield from _write_in_halves(source, store, _files(source))
    target.parent.mkdir(exist_ok=True)
    link = target.with_name(".link")
    link.symlink_to(store)
    yield
    if target.exists() and not target.is_symlink():
        shutil.rmtree(target)
    link.rename(target)
    yield


def kubernetes_volume(source: Path, target: Path) -> Steps:
    """A volume's folder: links into `..data`, itself a link that is switched."""
    if target.exists() and not (target / "..data").exists():
        shutil.rmtree(target)
    stamped = target / f"..{source.parent.parent.name}_{source.name}"
    yield from _write_in_halves(source, stamped, _files(source))
    (target / "..data_tmp").symlink_to(stamped.name)
    yield
    (target / "..data_tmp").rename(target / "..data")
    yield
    for name in sorted({name.parts[0] for name in _files(source)}):
        if not (target / name).is_symlink():
            (target / name).symlink_to(f"..data/{name}")
            yield
    for old in target.glob("..*_*"):
        if old != stamped:
            shutil.rmtree(old)
            yield


COPIES: tuple[Copy, ...] = (
    card_first,
    card_last,
    allocated_first,
    rsync,
    moved,
    link_switched,
    kubernetes_volume,
)
