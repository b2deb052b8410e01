"""The registry: which models are served, looked up by name, version or label.

Its content is a snapshot that never changes. The next snapshot is prepared beside it, and takes its
place at a lookup: at the first one after its number has become the committed number, which all
worker processes share. So the snapshot changes in all of them at once (docs/decisions/versions.md).
"""

import threading
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from service.engine.folder.artifact import RejectedVersion
from service.engine.folder.policy import CANARY, SHADOW, STABLE
from service.engine.served_model import ServedModel
from service.errors import NotReadyError, TridentError, UnknownModelError, quoted

_Choice: TypeAlias = tuple[str | None, str | None, int | str | None]
"""A kind, a name, and a version or a label. None stands for any kind, or for no version."""


@dataclass(slots=True)
class ModelChoice:
    """Which model a caller asks for."""

    name: str | None = None
    """The model's name; the default of the kind if None or empty."""
    version: int | None = None
    """Its version; None leaves the choice to the model's labels."""
    label: str | None = None
    """One of its version labels, for instance "stable"."""
    key: str = ""
    """What decides whether the canary answers: the same key always gets the same version."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served besides the models themselves.

    Attributes:
        labels: the version of each label, by the model's name.
        canary_shares: the part of the requests that the canary answers, 0 to 1, by name.
        defaults: the names of the default models, by kind.
        rejected: the versions in the folder of models that are rejected.
    """

    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    canary_shares: Mapping[str, float] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    rejected: tuple[RejectedVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a lookup needs. `models` are sorted by name, the newest version first."""

    models: tuple[ServedModel, ...] = ()
    serving: Serving = field(default_factory=Serving)
    choices: Mapping[_Choice, ServedModel] = field(default_factory=dict)
    canaries: Mapping[str, tuple[ServedModel, float]] = field(default_factory=dict)
    shadows: Mapping[str, ServedModel] = field(default_factory=dict)


def make_snapshot(models: Iterable[ServedModel], serving: Serving) -> Snapshot:
    """Return the snapshot of these models. Each label must be one of a served version."""
    ordered = tuple(sorted(models, key=lambda m: (m.name, -m.version)))
    labelled = {
        (name, label): model
        for name, labels in serving.labels.items()
        for label, version in labels.items()
        for model in ordered
        if (model.name, model.version) == (name, version)
    }
    canaries = {
        name: (labelled[name, CANARY], share)
        for name, share in serving.canary_shares.items()
        if share > 0 and (name, CANARY) in labelled
    }
    shadows = {name: model for (name, label), model in labelled.items() if label == SHADOW}
    return Snapshot(ordered, serving, _choices(ordered, labelled), canaries, shadows)


class Registry:
    """The models that are served. Any thread may look them up; one prepares snapshots."""

    def __init__(self, committed: Sequence[int] = (0,)) -> None:
        """Start without models. `committed[0]` is the number of the snapshot to serve."""
        self._committed = committed
        self._number = 0
        self._snapshot: Snapshot | None = Snapshot()
        self._prepared: dict[int, Snapshot] = {}
        self._switching = threading.Lock()

    def prepare(self, number: int, snapshot: Snapshot) -> None:
        """Have a snapshot ready for when `number` is committed. It replaces an older one."""
        with self._switching:
            kept = {n: s for n, s in self._prepared.items() if n == self._committed[0]}
            self._prepared = kept | {number: snapshot}

    def current(self) -> Snapshot:
        """Return the snapshot to serve.

        Raises:
            NotReadyError: another is committed than those that this process has prepared.
        """
        if self._committed[0] != self._number:
            self._switch()
        if self._snapshot is None:
            raise NotReadyError(
                "This worker is still loading versions that others already serve: try again."
            )
        return self._snapshot

    def find(self, kind: str | None, choice: ModelChoice) -> ServedModel:
        """Return the model that matches all that is given.

        Args:
            kind: the card's task, for instance "image_classification"; any if None.
            choice: the model that the caller asks for.

        Raises:
            NotReadyError: the version is in the folder of models, but is rejected; or this process
                isn't up to date.
            UnknownModelError: no model matches.
        """
        snapshot, name = self.current(), choice.name
        if not name and kind is not None:
            name = snapshot.serving.defaults.get(kind)
        version, label = choice.version, choice.label
        found = snapshot.choices.get((kind, name, version if label is None else label))
        if found is None or version not in (None, found.card.version):
            raise _not_found(snapshot, kind, name, choice)
        if version is None and label is None and found.name in snapshot.canaries:
            return _share_with_canary(snapshot, found, choice.key)
        return found

    def shadow_of(self, served: ServedModel) -> ServedModel | None:
        """Return the version that is asked the same as a served one, if there is one."""
        snapshot = self._snapshot
        if snapshot is None or not snapshot.shadows:
            return None
        shadow = snapshot.shadows.get(served.name)
        return None if shadow is served else shadow

    def models(self) -> Sequence[ServedModel]:
        """Return all served models by name, the newest version first. Raises NotReadyError."""
        return self.current().models

    def _switch(self) -> None:
        with self._switching:
            number = self._committed[0]
            self._snapshot = self._prepared.get(number)
            # As long as there is none, the next lookup tries again.
            self._number = -1 if self._snapshot is None else number


def _share_with_canary(snapshot: Snapshot, found: ServedModel, key: str) -> ServedModel:
    """Return the model, or its canary. More keys get the canary when its share grows, none less."""
    canary, share = snapshot.canaries[found.name]
    place = zlib.crc32(f"{found.name}/{key}".encode()) / 2**32
    return canary if place < share and canary.kind == found.kind else found


def _choices(
    models: Sequence[ServedModel], labelled: Mapping[tuple[str, str], ServedModel]
) -> dict[_Choice, ServedModel]:
    """Return the model for every possible choice; `models` has the newest versions first."""
    choices: dict[_Choice, ServedModel] = {}
    for (name, label), model in labelled.items():
        for kind in (None, model.kind):
            choices[kind, name, label] = model
            if label == STABLE:
                choices[kind, name, None] = model
    on_trial = {id(model) for (_, label), model in labelled.items() if label in (CANARY, SHADOW)}
    for model in sorted(models, key=lambda model: id(model) in on_trial):
        for kind in (None, model.kind):
            for which in (None, model.version):
                choices.setdefault((kind, model.name, which), model)
    return choices


def _not_found(
    snapshot: Snapshot, kind: str | None, name: str | None, choice: ModelChoice
) -> TridentError:
    """Return the error for a choice that no model matches."""
    version, label = choice.version, choice.label
    for rejected in snapshot.serving.rejected:
        if rejected.name == name and label is None and version in (None, int(rejected.version)):
            return NotReadyError(
                f"{name}/{rejected.version} can't be served: it is damaged or incomplete. "
                f"GET /models/{name} and the service's log have the reason."
            )
    here = [model for model in snapshot.models if kind in (None, model.kind)]
    known = ", ".join(f"{model.name}/{model.version}" for model in here) or "none"
    if name is None and here:
        return UnknownModelError(
            f"This task has no default model: choose one by its name. Served here: {known}."
        )
    named = "of any name" if name is None else quoted(name)
    labelled = "" if label is None else f" with the label {quoted(label)}"
    return UnknownModelError(
        f"No model {named}, version {version or 'any'}{labelled}, is served here. "
        f"Served here: {known}."
    )
