"""The registry: which models are served, looked up by name, version or label.

It can change while it is used. Its content is one snapshot that never changes: a lookup reads the
current snapshot, and a change replaces it in one step.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from service.engine.repository import RejectedVersion
from service.engine.served_model import ServedModel
from service.errors import NotReadyError, TridentError, UnknownModelError

_Choice: TypeAlias = tuple[str | None, str | None, int | str | None]
"""A kind, a name, and a version or a label. None stands for any kind, or the newest version."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The models by name, the newest version first, and the tables in which they are found."""

    models: tuple[ServedModel, ...] = ()
    rejected: tuple[RejectedVersion, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[_Choice, ServedModel] = field(default_factory=dict)


class Registry:
    """The models that are served. Any thread may look them up or change them."""

    def __init__(self) -> None:
        """Start without models."""
        self._snapshot = _Snapshot()
        self._changing = threading.Lock()

    def find(
        self,
        kind: str | None = None,
        name: str | None = None,
        version: int | None = None,
        label: str | None = None,
    ) -> ServedModel:
        """Return the model that matches all arguments.

        Args:
            kind: the card's task, for instance "image_classification"; any if None.
            name: the model's name; the default of the kind if None or empty.
            version: its version; the newest that is served if neither it nor a label is given.
            label: one of its version labels, for instance "stable".

        Raises:
            NotReadyError: the version is in the folder of models, but is rejected.
            UnknownModelError: no model matches.
        """
        snapshot = self._snapshot
        if not name and kind is not None:
            name = snapshot.defaults.get(kind)
        found = snapshot.choices.get((kind, name, version if label is None else label))
        if found is None or version not in (None, found.card.version):
            raise _not_found(snapshot, kind, name, version, label)
        return found

    def models(self) -> Sequence[ServedModel]:
        """Return all present models by name, the newest version first."""
        return self._snapshot.models

    @property
    def rejected(self) -> Sequence[RejectedVersion]:
        """The versions in the folder of models that are rejected."""
        return self._snapshot.rejected

    def default(self, kind: str) -> str | None:
        """Return the name of a kind's default model, which answers callers who name none."""
        return self._snapshot.defaults.get(kind)

    def change(
        self,
        *,
        add: Iterable[ServedModel] = (),
        remove: Iterable[ServedModel] = (),
        reject: Iterable[RejectedVersion] = (),
        defaults: Mapping[str, str] | None = None,
    ) -> None:
        """Make all of these changes in one step: no lookup sees only a part of them.

        The caller must close the batchers of removed models.

        Args:
            add: new versions; they replace served ones of the same name and version.
            remove: versions that are no longer served.
            reject: versions that are rejected.
            defaults: the names of the default models, by kind; None leaves them unchanged.
        """
        with self._changing:
            before = self._snapshot
            gone = {_key(model) for model in remove}
            served = {_key(m): m for m in before.models if _key(m) not in gone}
            served |= {_key(model): model for model in add}
            models = tuple(sorted(served.values(), key=lambda m: (m.name, -m.version)))
            rejected = (*before.rejected, *reject)
            self._snapshot = _Snapshot(
                models,
                tuple(r for r in rejected if (r.name, int(r.version)) not in served),
                before.defaults if defaults is None else dict(defaults),
                _choices(models),
            )


def _key(model: ServedModel) -> tuple[str, int]:
    return model.name, model.version


def _choices(models: Iterable[ServedModel]) -> dict[_Choice, ServedModel]:
    """Return the model for every possible choice; `models` has the newest versions first."""
    choices: dict[_Choice, ServedModel] = {}
    for model in models:
        for kind in (None, model.kind):
            for which in (None, model.version, *model.version_labels):
                choices.setdefault((kind, model.name, which), model)
    return choices


def _not_found(
    snapshot: _Snapshot, kind: str | None, name: str | None, version: int | None, label: str | None
) -> TridentError:
    """Return the error for a choice that no model matches."""
    for rejected in snapshot.rejected:
        if rejected.name == name and label is None and version in (None, int(rejected.version)):
            return NotReadyError(
                f"{name}/{rejected.version} can't be served: it is damaged or incomplete. The "
                "service's log has the reason."
            )
    here = [model for model in snapshot.models if kind in (None, model.kind)]
    known = ", ".join(f"{model.name}/{model.version}" for model in here) or "none"
    if name is None and here:
        return UnknownModelError(
            f"This task has no default model: choose one by its name. Served here: {known}."
        )
    labelled = "" if label is None else f" with the label {label!r}"
    return UnknownModelError(
        f"No model {name or 'of any name'}, version {version or 'any'}{labelled}, is served here. "
        f"Served here: {known}."
    )
