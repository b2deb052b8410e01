"""Which versions of a model are served, and by which labels: `serving.json` beside the versions."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from service.engine.folder.folder_files import read_small
from service.errors import CorruptModelError, first_fault, quoted, unreadable

POLICY: Final = "serving.json"
"""The file in a model's folder that says which versions are served."""

MAX_CONFIGURATION: Final = 1024 * 1024
"""Bytes that `serving.json` or `defaults.json` may have."""

STABLE: Final = "stable"
"""The label of the version that answers who names none."""
CANARY: Final = "canary"
"""The label of a version that answers a share of these requests."""
SHADOW: Final = "shadow"
"""The label of a version that is asked the same, and whose answers are only compared."""

_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class LatestVersions(BaseModel):
    """The newest versions, so many of them."""

    model_config = _STRICT

    latest: int = Field(ge=1)


Versions: TypeAlias = Literal["all"] | LatestVersions | tuple[int, ...]


class ServingPolicy(BaseModel):
    """Which versions of a model are served.

    A version with a label is served besides those that `versions` asks for. `stable` answers
    requests that name no version, `canary` gets `canary_share` (0 to 1) of them instead, `shadow`
    is only compared; any other label is a name by which a version can be asked for.
    """

    model_config = _STRICT

    versions: Versions
    labels: Mapping[str, int] = {}
    canary_share: float = Field(default=0.0, ge=0, le=1, allow_inf_nan=False)

    @field_validator("versions", mode="plain")
    @classmethod
    def _check_versions(cls, value: Any) -> Versions:
        if value == "all":
            return "all"
        if isinstance(value, LatestVersions):
            return value
        if isinstance(value, list) and value and all(map(_is_version, value)):
            return tuple(value)
        if isinstance(value, dict) and value.keys() == {"latest"} and _is_version(value["latest"]):
            return LatestVersions(latest=value["latest"])
        raise ValueError(
            'must be "all", the number of the newest versions as {"latest": 2}, or a list of '
            "versions as [1, 3]"
        )

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: Mapping[str, int]) -> Mapping[str, int]:
        for label, version in labels.items():
            if _LABEL.fullmatch(label) is None:
                raise ValueError(
                    f"{quoted(label)} can't be a label: take letters, digits, '_' and '-', at most "
                    "32, the first a letter"
                )
            if label == "latest":
                raise ValueError(
                    "'latest' can't be a label: a label stays at its version when a newer one comes"
                )
            if version < 1:
                raise ValueError(f"{label!r} must be at a version, 1 or more, not at {version}")
        return labels

    @model_validator(mode="after")
    def _check_canary(self) -> "ServingPolicy":
        if self.canary_share > 0 and CANARY not in self.labels:
            raise ValueError(
                f"canary_share is {self.canary_share:g}, but no version has the label 'canary'"
            )
        return self


def _is_version(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def default_policy(latest_versions: int) -> ServingPolicy:
    """Return the policy of a model without `serving.json`: the newest versions, 0 meaning all."""
    if latest_versions == 0:
        return ServingPolicy(versions="all")
    return ServingPolicy(versions=LatestVersions(latest=latest_versions))


def read_policy(model: Path, default: ServingPolicy) -> ServingPolicy:
    """Return the policy of the model in a folder: that of its file, else the default one.

    Raises:
        CorruptModelError: the file can't be read, or it has a fault.
    """
    content = read_content(model / POLICY)
    try:
        return make_policy(content, default)
    except ValueError as error:
        raise CorruptModelError(f"{model / POLICY} has a fault: {error}.") from error


def read_content(file: Path) -> dict[str, Any]:
    """Return the JSON object in a policy's file, an empty one if there is no such file.

    Raises:
        CorruptModelError: the file can't be read, or isn't a JSON object.
    """
    try:
        content = json.loads(
            read_small(file, MAX_CONFIGURATION), object_pairs_hook=_without_repetition
        )
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise unreadable(file, error) from error
    except (ValueError, RecursionError) as error:
        raise CorruptModelError(f"{file} isn't a JSON object: {error}.") from error
    if not isinstance(content, dict):
        raise CorruptModelError(
            f'{file} must be a JSON object, for instance {{"versions": "all"}}.'
        )
    return content


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"it has {name!r} twice")
        found[name] = value
    return found


def make_policy(content: Mapping[str, Any], default: ServingPolicy) -> ServingPolicy:
    """Return the policy that a file's content is; `default` says the versions if it doesn't.

    Raises:
        ValueError: the content has a fault. The message names it.
    """
    try:
        return ServingPolicy.model_validate({"versions": default.versions} | dict(content))
    except ValidationError as error:
        raise ValueError(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    fault = error.errors()[0]
    if fault["type"] == "extra_forbidden":
        known = ", ".join(ServingPolicy.model_fields)
        return f"it has an unknown key {fault['loc'][-1]!r}; the known ones are {known}"
    return first_fault(error).replace("Value error, ", "")


def wanted_versions(policy: ServingPolicy, servable: Iterable[int]) -> set[int]:
    """Return the versions that the policy asks for, among those that can be served.

    If a newest version can't be served, an older one counts instead.
    """
    present = set(servable)
    if policy.versions == "all":
        return present
    if isinstance(policy.versions, LatestVersions):
        wanted = set(sorted(present, reverse=True)[: policy.versions.latest])
    else:
        wanted = present.intersection(policy.versions)
    return wanted | present.intersection(policy.labels.values())
