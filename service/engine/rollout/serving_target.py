"""The target: which versions every worker shall serve. It is decided from the folder of models."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from service.engine.folder.artifact import Key, RejectedVersion
from service.engine.folder.policy import CANARY, STABLE, ServingPolicy, wanted_versions
from service.engine.folder.repository import ModelFolder
from service.engine.registry import Serving


class WantedVersion(BaseModel):
    """A version that is served, or shall be."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    digest: str
    task: str
    path: Path

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.name, self.version, self.digest


class OtherVersion(BaseModel):
    """A version in the folder that isn't served: it is incomplete (START) or rejected (END)."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    task: str | None
    state: Literal["START", "END"]
    reason: str
    digest: str | None = None


class ServingTarget(BaseModel):
    """What every worker shall serve.

    Attributes:
        versions: the versions to serve, by name, the newest first.
        labels: the version of each label, by the model's name.
        canary_shares: the part of the requests that the canary answers, by the model's name.
        defaults: the names of the default models, by task.
        others: what is in the folder besides.
        faults: sentences about what can't be read, or can't be done as the files say.
    """

    model_config = ConfigDict(frozen=True)

    versions: tuple[WantedVersion, ...] = ()
    labels: dict[str, dict[str, int]] = {}
    canary_shares: dict[str, float] = {}
    defaults: dict[str, str] = {}
    others: tuple[OtherVersion, ...] = ()
    faults: tuple[str, ...] = ()

    def serving(self) -> Serving:
        """Return what the registry needs of it, besides the loaded models."""
        rejected = tuple(
            RejectedVersion(v.name, v.version, v.task, v.reason, v.digest)
            for v in self.others
            if v.state == "END"
        )
        return Serving(self.labels, self.canary_shares, self.defaults, rejected)


@dataclass(frozen=True, slots=True)
class _Model:
    """What is decided for one model."""

    versions: tuple[WantedVersion, ...]
    labels: dict[str, int]
    canary_share: float
    faults: tuple[str, ...] = ()


def decide(
    folder: ModelFolder,
    before: ServingTarget,
    *,
    failed: Collection[Key] = (),
    unload_defaults: bool = False,
) -> ServingTarget:
    """Decide what to serve.

    A version stays while other files are copied to its folder, and while what came there in its
    place is rejected. A label stays where it is until the version to which its file moves it can be
    served.

    Args:
        folder: the content of the folder of models.
        before: the target until now; an empty one when the service starts.
        failed: versions that a worker can't load, although others may serve them.
        unload_defaults: whether a default model may lose its last version. If not, the version that
            answers is kept.
    """
    refused = {(v.name, v.version, v.digest) for v in folder.rejected}
    refused |= {(name, str(version), digest) for name, version, digest in failed}
    usable = [v for v in before.versions if (v.name, str(v.version), v.digest) not in refused]
    servable = _servable(folder, usable)
    defaults = set(before.defaults.values())
    models: dict[str, _Model] = {}
    for name in sorted({*servable, *(version.name for version in before.versions)}):
        policy = folder.policies.get(name)
        labels_before = before.labels.get(name, {})
        model = _decide_one(name, servable.get(name, {}), policy, labels_before)
        if not model.versions and name in defaults and not unload_defaults:
            kept = [version for version in usable if version.name == name]
            model = _keep(name, kept, before.labels.get(name, {}), model.faults)
        models[name] = model
    served = {name for name, model in models.items() if model.versions}
    still = {task: name for task, name in before.defaults.items() if name in served}
    return ServingTarget(
        versions=tuple(version for model in models.values() for version in model.versions),
        labels={name: model.labels for name, model in models.items() if model.labels},
        canary_shares={n: m.canary_share for n, m in models.items() if m.canary_share},
        defaults=still | folder.defaults,
        others=tuple(_others(folder)),
        faults=(*folder.faults, *(fault for model in models.values() for fault in model.faults)),
    )


def _servable(
    folder: ModelFolder, usable: Iterable[WantedVersion]
) -> dict[str, dict[int, WantedVersion]]:
    """Return the versions that can be served, by name and number.

    Of the `usable` ones, which are served already, those whose folder has other files now stay.
    """
    servable: dict[str, dict[int, WantedVersion]] = {}
    changing = {(v.name, v.version) for v in folder.incomplete}
    changing |= {(v.name, v.version) for v in folder.rejected}
    for version in usable:
        if (version.name, str(version.version)) in changing:
            servable.setdefault(version.name, {})[version.version] = version
    for artifact in folder.artifacts:
        card = artifact.card
        servable.setdefault(card.name, {})[card.version] = WantedVersion(
            name=card.name,
            version=card.version,
            digest=artifact.digest,
            task=card.task,
            path=artifact.path,
        )
    return servable


def _decide_one(
    name: str,
    servable: Mapping[int, WantedVersion],
    policy: ServingPolicy | None,
    labels_before: Mapping[str, int],
) -> _Model:
    """Decide for one model; `policy` is None if its folder is gone."""
    if policy is None:
        return _Model((), {}, 0.0)
    labels, faults = _labels(name, servable, policy, labels_before)
    wanted = wanted_versions(policy, servable) | set(labels.values())
    if servable and not wanted:
        asked = ", ".join(map(str, policy.versions)) if isinstance(policy.versions, tuple) else ""
        faults.append(f"{name}: serving.json asks for version {asked}, which can't be served.")
    share = policy.canary_share if CANARY in labels else 0.0
    return _Model(_newest_first(servable[v] for v in wanted), labels, share, tuple(faults))


def _labels(
    name: str,
    servable: Mapping[int, WantedVersion],
    policy: ServingPolicy,
    before: Mapping[str, int],
) -> tuple[dict[str, int], list[str]]:
    """Return where each label is, and a sentence for each that isn't where the file puts it."""
    labels: dict[str, int] = {}
    faults: list[str] = []
    for label, version in policy.labels.items():
        if version in servable:
            labels[label] = version
            continue
        stays, where = before.get(label), "is at none"
        if stays is not None and stays in servable:
            labels[label], where = stays, f"stays at version {stays}"
        faults.append(
            f"{name}: serving.json puts the label {label!r} at version {version}, which can't be "
            f"served. It {where}."
        )
    return labels, faults


def _keep(
    name: str,
    versions: Sequence[WantedVersion],
    labels: Mapping[str, int],
    faults: tuple[str, ...],
) -> _Model:
    """Keep the version of a default model that answered until now; `versions` are those served."""
    if not versions:
        return _Model((), {}, 0.0, faults)
    stable = labels.get(STABLE)
    answers = next((v for v in versions if v.version == stable), versions[0])
    kept_labels = {STABLE: answers.version} if answers.version == stable else {}
    fault = (
        f"{name} is a default model and has no version that can be served any more: version "
        f"{answers.version} is kept in memory. Copy a version back, or name another default."
    )
    return _Model((answers,), kept_labels, 0.0, (*faults, fault))


def _newest_first(versions: Iterable[WantedVersion]) -> tuple[WantedVersion, ...]:
    return tuple(sorted(versions, key=lambda version: -version.version))


def _others(folder: ModelFolder) -> Iterable[OtherVersion]:
    for version in folder.incomplete:
        yield OtherVersion(
            name=version.name,
            version=version.version,
            task=version.task,
            state="START",
            reason=version.reason,
        )
    for rejected in folder.rejected:
        yield OtherVersion(
            name=rejected.name,
            version=rejected.version,
            task=rejected.task,
            state="END",
            reason=rejected.reason,
            digest=rejected.digest,
        )
