"""Models made of the versions of `tint`, under any name and number."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class ModelCopies:
    """Makes models in the folder that a server serves, of two versions made by hand."""

    def __init__(self, source: Path, models: Path) -> None:
        """Copy the versions of the model in `source` to `models`."""
        self._source = source
        self.folder = models

    def add(self, name: str, versions: Mapping[int, int], /, **serving: Any) -> Path:
        """Add a model whose versions are copies of these versions; `serving` is its file."""
        for version, original in versions.items():
            self.add_version(name, version, original)
        if serving:
            self.write(name, **serving)
        return self.folder / name

    def add_version(
        self, name: str, version: int, original: int, *, without: str | None = None, **changes: Any
    ) -> Path:
        """Add a version, with these changes of its card, `without` a file, in one step."""
        hidden = self.folder / name / f".{version}"
        shutil.copytree(self._source / str(original), hidden)
        card = json.loads((hidden / "model.json").read_text())
        card |= {"name": name, "version": version} | changes
        (hidden / "model.json").write_text(json.dumps(card))
        if without is not None:
            (hidden / without).unlink()
        return hidden.rename(self.folder / name / str(version))

    def add_unloadable(self, name: str, version: int) -> Path:
        """Add a version whose files are right, but whose model doesn't match its card."""
        card = json.loads((self._source / "1" / "model.json").read_text())
        outputs = card["signatures"]["serving_default"]["outputs"]
        outputs["scores"] = outputs["probabilities"]
        return self.add_version(name, version, 1, signatures=card["signatures"])

    def write(self, name: str, **serving: Any) -> None:
        """Write a model's `serving.json`, in one step."""
        hidden = self.folder / name / ".new"
        hidden.write_text(json.dumps(serving))
        hidden.rename(self.folder / name / "serving.json")

    def labels(self, name: str) -> Any:
        """Return the labels in a model's `serving.json`."""
        return json.loads((self.folder / name / "serving.json").read_text())["labels"]
