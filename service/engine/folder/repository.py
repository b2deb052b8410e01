"""The models on disk, in TensorFlow Serving's layout: NAME/VERSION/saved_model.pb."""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.engine.folder.artifact import CARD, Artifact, IncompleteVersion, RejectedVersion
from service.engine.folder.default_models import (
    DEFAULTS,
    choose_defaults,
    read_defaults,
    undecided_defaults,
)
from service.engine.folder.policy import ServingPolicy, default_policy, read_policy
from service.engine.folder.version_folder import VersionFolder
from service.errors import CorruptModelError, unreadable
from service.runtime.card import MODEL_NAME

MAX_VERSIONS: Final = 2_000
"""Versions of all models together that are looked at."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The content of a folder of models.

    `artifacts` are sorted by name, the newest version first. `defaults` are the names of the models
    that answer requests that name none, by task. `policies` has each model in the folder, by its
    name. `faults` are sentences about what can't be read or isn't right now, except versions; what
    was known before stays in force there.

    The files of an incomplete version may be a replacement for those of an artifact that is served:
    it should be served until the version is complete, rejected or gone.
    """

    artifacts: list[Artifact]
    incomplete: list[IncompleteVersion]
    rejected: list[RejectedVersion]
    defaults: dict[str, str]
    policies: dict[str, ServingPolicy]
    faults: list[str]


def read_models(models: Path) -> ModelFolder:
    """Read and verify every version of every model below `models`, once.

    A version that is incomplete or altered is rejected. The others can still be served.

    Raises:
        CorruptModelError: no version can be served, the folder can't be read, or its defaults don't
            match its models.
    """
    return Repository(models).scan(settled=True)


class Repository:
    """A folder of models that is scanned again and again. Only one thread may use it at a time."""

    def __init__(
        self,
        models: Path,
        *,
        latest_versions: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read nothing yet.

        Args:
            models: the folder of models.
            latest_versions: how many of the newest versions are served if a model's file doesn't
                say which; 0 means all.
            clock: returns the time in seconds.
        """
        self._models = models
        self._default_policy = default_policy(latest_versions)
        self._clock = clock
        self._versions: dict[Path, VersionFolder] = {}
        self._policies: dict[str, ServingPolicy] = {}
        self._configured: dict[str, str] = {}
        self._defaults: dict[str, str] = {}
        self._gone: set[Path] = set()  # since the last scan
        self._is_known = False  # whether a scan has succeeded

    def scan(self, *, settled: bool = False) -> ModelFolder:
        """Return what is in the folder now. It reads only files that have changed.

        What can't be read in a later scan than the first stays as it was, with a fault: a folder
        that is unreadable, missing or without any model hasn't been emptied on purpose.

        A version that is gone is forgotten if it is still gone in the next scan.

        Args:
            settled: nobody copies files any more: a version that isn't right is rejected at once,
                and one that is gone is forgotten at once.

        Raises:
            CorruptModelError: only until a scan has succeeded: no version can be served, the folder
                can't be read, or its defaults don't match its models.
        """
        faults: list[str] = []
        try:
            folders = self._find(faults, settled=settled)
        except CorruptModelError as error:
            self._note(error, faults)
        else:
            self._look(folders, settled=settled, faults=faults)
            self._read_policies({path.parent for path in folders}, faults)
            self._read_defaults(faults)
        self._is_known = True
        return self._content(faults)

    def reject(self, name: str, version: int, digest: str, reason: str) -> None:
        """Reject an artifact that can't be served, until one of its files changes.

        It may be called before the first scan, with what another process has found. Another
        artifact that has replaced this one in the meantime isn't rejected.
        """
        path = self._models / name / str(version)
        self._versions.setdefault(path, VersionFolder(path, self._clock)).refuse(digest, reason)

    def _find(self, faults: list[str], *, settled: bool) -> list[Path]:
        """Return the folders of all versions that can be looked at; keep what is unreadable.

        What is gone is kept until the next scan, unless all is `settled`: a version that is being
        replaced by another, or a link that is being switched, isn't there for a moment.
        """
        found: list[Path] = []
        models = _with_names(_subfolders(self._models), faults)
        before = self._versions
        missing = {path.parent for path in before} - set(models)
        unread = {model for model in missing if model.is_symlink()}
        faults += [f"{model} can't be read: the link leads nowhere." for model in sorted(unread)]
        for model in models:
            try:
                found += [path for path in _subfolders(model) if _is_number(path.name)]
            except CorruptModelError as error:
                self._note(error, faults)
                unread.add(model)
        if self._is_known and not found and not unread:
            raise CorruptModelError(f"{self._models} is missing, or it has no model any more.")
        found = _newest(found, faults)
        gone = {path for path in before.keys() - set(found) if path.parent not in unread}
        dropped = gone if settled or not self._is_known else gone & self._gone
        self._gone = gone - dropped
        self._versions = {path: before[path] for path in before.keys() - set(found) - dropped}
        for path in found:
            self._versions[path] = before.get(path) or VersionFolder(path, self._clock)
        return found

    def _look(self, folders: list[Path], *, settled: bool, faults: list[str]) -> None:
        for path in folders:
            try:
                self._versions[path].look(settled=settled)
            except CorruptModelError as error:
                faults.append(str(error))
        verdicts = [version.verdict for version in self._versions.values()]
        if not self._is_known and not any(isinstance(found, Artifact) for found in verdicts):
            reasons = [found.reason for found in verdicts if not isinstance(found, Artifact)]
            raise CorruptModelError(" ".join([_no_model(self._models), *reasons]))

    def _read_policies(self, models: set[Path], faults: list[str]) -> None:
        """Read the policies of the models in these folders; keep those of unreadable ones."""
        present = {path.parent.name for path in self._versions}
        policies = {name: kept for name, kept in self._policies.items() if name in present}
        for model in sorted(models):
            try:
                policies[model.name] = read_policy(model, self._default_policy)
            except CorruptModelError as error:
                faults.append(str(error))
                policies.setdefault(model.name, self._default_policy)
        self._policies = policies

    def _read_defaults(self, faults: list[str]) -> None:
        file, tasks = self._models / DEFAULTS, self._tasks()
        try:
            self._configured = read_defaults(file, tasks)
        except CorruptModelError as error:
            self._note(error, faults)
        self._defaults = choose_defaults(self._configured, tasks, self._defaults)
        faults += undecided_defaults(file, self._configured, tasks, self._defaults)

    def _tasks(self) -> dict[str, str | None]:
        """Return the task of each model, by its name; None if no card of it can be read."""
        tasks: dict[str, str | None] = {}
        for path, version in self._versions.items():
            tasks[path.parent.name] = version.task or tasks.get(path.parent.name)
        return tasks

    def _content(self, faults: list[str]) -> ModelFolder:
        verdicts = [version.verdict for version in self._versions.values()]
        return ModelFolder(
            sorted(
                (found for found in verdicts if isinstance(found, Artifact)),
                key=lambda artifact: (artifact.card.name, -artifact.card.version),
            ),
            [found for found in verdicts if isinstance(found, IncompleteVersion)],
            [found for found in verdicts if isinstance(found, RejectedVersion)],
            self._defaults,
            self._policies,
            faults,
        )

    def _note(self, error: CorruptModelError, faults: list[str]) -> None:
        """Keep what is known, with the fault. If nothing is known yet, the scan fails."""
        if not self._is_known:
            raise error
        faults.append(str(error))


def _no_model(models: Path) -> str:
    return (
        f"No model in {models} can be served: expected NAME/VERSION/{CARD}. "
        "Train models with `make train`, or set TRIDENT_MODELS to the folder that has them."
    )


def _with_names(models: list[Path], faults: list[str]) -> list[Path]:
    """Return the folders whose names a model can have: no card can name another."""
    odd = [model for model in models if re.fullmatch(MODEL_NAME, model.name) is None]
    if odd:
        faults.append(
            f"{odd[0].parent}: no model can have the name {odd[0].name!a}"
            f"{f' (and {len(odd) - 1} more)' if len(odd) > 1 else ''}. Take letters, digits, '_', "
            "'-' and '.', at most 64, the first a letter or a digit."
        )
    return [model for model in models if model not in odd]


def _newest(versions: list[Path], faults: list[str]) -> list[Path]:
    """Return the versions to look at: not more than can be looked at every two seconds."""
    if len(versions) <= MAX_VERSIONS:
        return versions
    faults.append(
        f"There are {len(versions)} versions in the folder of models: only the {MAX_VERSIONS} "
        "newest are looked at. Remove old ones."
    )
    ranks: Counter[Path] = Counter()  # how many newer ones the model has
    ranked = []
    for path in sorted(versions, key=lambda path: -int(path.name)):
        ranked.append((ranks[path.parent], path))
        ranks[path.parent] += 1
    return [path for _, path in sorted(ranked)[:MAX_VERSIONS]]


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def _subfolders(folder: Path) -> list[Path]:
    """Return the folders in `folder` that aren't hidden, none if there is no such folder."""
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith(".") and p.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(folder, error) from error
