"""The registry: which models are served, looked up by name, version or label.

It can change while it is used. All that it holds is one snapshot that never changes: whoever looks
something up reads the snapshot of that moment, and a change puts another in its place at once.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from service.engine.repository import RejectedVersion
from service.engine.served_model import ServedModel
from service.errors import NotReadyError, TridentError, UnknownModelError

_Choice: TypeAlias = tuple[str | None, str | None, int | str | None]
"""A kind, a name, and a version or a label; None stands for any kind, the newest version."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The models in order of their names, the newest version first, and how they are found."""

    models: tuple[ServedModel, ...] = ()
    rejected: tuple[RejectedVersion, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[_Choice, ServedModel] = field(default_factory=dict)


class Registry:
    """The models that are served. Any thread may look them up or change them."""

    def __init__(self) -> None:
        """Begin with no model."""
        self._snapshot = _Snapshot()
        self._changing = threading.Lock()

    def find(
        self,
        kind: str | None = None,
        name: str | None = None,
        version: int | None = None,
        label: str | None = None,
    ) -> ServedModel:
        """Return the model that fits all that is given.

        Args:
            kind: the card's task, for instance "image_classification"; any if None.
            name: the model's name; the default of the kind if None or empty.
            version: its version; the newest that is served if neither it nor a label is given.
            label: one of its version labels, for instance "stable".

        Raises:
            NotReadyError: the version is in the folder of models, but can't be served.
            UnknownModelError: no model fits.
        """
        snapshot = self._snapshot
        if not name and kind is not None:
            name = snapshot.defaults.get(kind)
        found = snapshot.choices.get((kind, name, version if label is None else label))
        if found is None or version not in (None, found.card.version):
            raise _not_found(snapshot, kind, name, version, label)
        return found

    def models(self) -> Sequence[ServedModel]:
        """Return all models of this moment, in order of their names, the newest version first."""
        return self._snapshot.models

    @property
    def rejected(self) -> Sequence[RejectedVersion]:
        """The versions in the folder of models that can't be served."""
        return self._snapshot.rejected

    def default(self, kind: str) -> str | None:
        """Return the name of the model that answers for a kind where the caller names none."""
        return self._snapshot.defaults.get(kind)

    def change(
        self,
        *,
        add: Iterable[ServedModel] = (),
        remove: Iterable[ServedModel] = (),
        reject: Iterable[RejectedVersion] = (),
        defaults: Mapping[str, str] | None = None,
    ) -> None:
        """Make all of these changes at once: nobody sees a part of them.

        The batchers of models that go are the caller's to close.

        Args:
            add: new versions; one of a name and version that is served takes its place.
            remove: versions that are served no more.
            reject: versions that can't be served.
            defaults: the names of the models that are defaults, by kind; as they are if None.
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
    """Return the model of every choice that can be made; the newest come first."""
    choices: dict[_Choice, ServedModel] = {}
    for model in models:
        for kind in (None, model.kind):
            for which in (None, model.version, *model.version_labels):
                choices.setdefault((kind, model.name, which), model)
    return choices


def _not_found(
    snapshot: _Snapshot, kind: str | None, name: str | None, version: int | None, label: str | None
) -> TridentError:
    """Return the error of a choice that no model fits."""
    for rejected in snapshot.rejected:
        if rejected.name == name and label is None and version in (None, int(rejected.version)):
            return NotReadyError(
                f"{name}/{rejected.version} can't be served: it is damaged or incomplete, as "
                "the service's log says."
            )
    here = [model for model in snapshot.models if kind in (None, model.kind)]
    known = ", ".join(f"{model.name}/{model.version}" for model in here) or "none"
    if name is None and here:
        return UnknownModelError(
            f"Several models answer here, and none is the default: name one. There is: {known}."
        )
    labelled = "" if label is None else f" with the label {label!r}"
    return UnknownModelError(
        f"No model {name or 'of any name'}, version {version or 'any'}{labelled}, answers here. "
        f"There is: {known}."
    )
