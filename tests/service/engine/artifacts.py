"""Folders of versions made of a few bytes: complete for the repository, nothing for TensorFlow."""

import json
from pathlib import Path
from typing import Any

from service.engine.folder.repository import ModelFolder
from tests.service.demo_models import hashes


def write_artifact(
    folder: Path, content: bytes = b"weights", *, task: str = "tensors", **changes: Any
) -> Path:
    """Write a complete version whose variables are `content`, and return its folder."""
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_bytes(b"graph of " + content)
    (folder / "variables" / "variables.index").write_bytes(b"index of " + content)
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(content * 100)
    card = {
        "name": folder.parent.name,
        "version": int(folder.name),
        "task": task,
        "signatures": {},
        "preprocessing": {"type": "tensors"},
        "files": {name: found for name, found in hashes(folder).items() if name != "model.json"},
    }
    (folder / "model.json").write_text(json.dumps(card | changes))
    return folder


class Clock:
    """A clock that a test moves, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def versions_of(found: ModelFolder) -> list[str]:
    """Return the artifacts as NAME/VERSION, in their order."""
    return [f"{a.card.name}/{a.card.version}" for a in found.artifacts]
