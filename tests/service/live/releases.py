"""Copying versions of models into a folder that a server watches, in the ways that people do."""

import hashlib
import json
import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

CARD: Final = "model.json"
_PAUSE: Final = 0.05  # seconds after each part: a version takes longer than a look at the folder

ORDERS: Final = ("sorted", "reversed", "card first", "card last", "shuffled")


def make_release(pattern: Path, folder: Path, *, version: int, **changes: Any) -> Path:
    """Write a release of a model, a changed copy of a version, to `folder`. Return the folder.

    `changes` are fields of its card.
    """
    shutil.copytree(pattern, folder)
    change_card(folder, version=version, **changes)
    return folder


def change_card(folder: Path, **changes: Any) -> None:
    """Change fields of a version's card."""
    card = json.loads((folder / CARD).read_bytes()) | changes
    (folder / CARD).write_text(json.dumps(card))


def change_file(folder: Path, name: str, content: bytes) -> None:
    """Change a file of a version, and its hash in the card."""
    (folder / name).write_bytes(content)
    files = json.loads((folder / CARD).read_bytes())["files"]
    change_card(folder, files=files | {name: hashlib.sha256(content).hexdigest()})


def copy_slowly(release: Path, target: Path, order: str) -> None:
    """Copy a release to `target` file by file, each in two parts; `order` is one of `ORDERS`."""
    for name in _in_order(release, order):
        content = (release / name).read_bytes()
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with (target / name).open("wb") as file:
            for part in (content[: len(content) // 2], content[len(content) // 2 :]):
                file.write(part)
                file.flush()
                time.sleep(_PAUSE)


def switch_link(link: Path, target: Path) -> None:
    """Let a symbolic link lead elsewhere, in one step."""
    new = link.with_name(f"{link.name}_tmp")
    new.symlink_to(target)
    new.replace(link)


def _in_order(release: Path, order: str) -> Sequence[Path]:
    files = sorted(path.relative_to(release) for path in release.rglob("*") if path.is_file())
    if order == "sorted":
        return files
    if order == "reversed":
        return files[::-1]
    if order == "shuffled":
        return random.Random(5).sample(files, len(files))
    return sorted(files, key=lambda path: (path.name == CARD) is (order == "card last"))
