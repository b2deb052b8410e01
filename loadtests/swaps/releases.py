"""New versions of a model, copied into the folder of models as an operator copies them."""

import json
import shutil
import time
from pathlib import Path
from typing import Final

CARD: Final = "model.json"


class Releases:
    """Versions of one model, all with the same SavedModel."""

    def __init__(self, models: Path, name: str) -> None:
        """Take the newest version in the folder of models as the pattern of all others.

        Args:
            models: the folder of models that the server watches.
            name: the model's name.
        """
        self.name = name
        self._folder = models / name
        self.newest = max(int(path.name) for path in self._folder.iterdir() if path.is_dir())
        """The number of the newest version in the folder."""
        pattern = self._folder / str(self.newest)
        self._card = json.loads((pattern / CARD).read_bytes())
        files = sorted(path for path in pattern.rglob("*") if path.is_file() and path.name != CARD)
        self._files = {path.relative_to(pattern): path.read_bytes() for path in files}

    def copy_next(self, *, card_first: bool) -> float:
        """Copy the next version, file by file. Return when the last byte was there.

        The time is that of `time.monotonic()`.
        """
        self.newest += 1
        card = self._card | {"version": self.newest, "description": f"Release {self.newest}."}
        written = {Path(CARD): json.dumps(card).encode()}
        files = written | self._files if card_first else self._files | written
        for path, content in files.items():
            target = self._folder / str(self.newest) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return time.monotonic()

    def remove_older(self) -> None:
        """Remove all versions but the newest."""
        for path in self._folder.iterdir():
            if path.is_dir() and path.name != str(self.newest):
                shutil.rmtree(path)

    def remove_newest(self) -> None:
        """Remove the newest version, so that the one before it answers again."""
        shutil.rmtree(self._folder / str(self.newest))
        self.newest -= 1
