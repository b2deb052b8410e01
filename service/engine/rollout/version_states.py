"""The state of each version of each model, by TensorFlow Serving's names."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from service.engine.folder.artifact import Key
from service.engine.rollout.serving_target import ServingTarget

State: TypeAlias = Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]

_ORDER: Final = get_args(State)


@dataclass(frozen=True, slots=True)
class VersionState:
    """The state of a version.

    Attributes:
        version: its number.
        state: START: its files aren't complete yet. LOADING: it is being loaded and checked.
            AVAILABLE: it answers. UNLOADING: it answers its last requests. END: it is rejected.
        reason: what is missing (START), or wrong (END).
    """

    version: int
    state: State
    reason: str | None = None


def version_states(
    newest: ServingTarget, served: Collection[Key], unloading: Collection[Key]
) -> Mapping[str, list[VersionState]]:
    """Return the states of all versions by the models' names, the newest version first.

    A number can be in several states at once: when its files are replaced, the version before them
    answers until the new one is loaded.

    Args:
        newest: the newest target, whether it is in force yet or not.
        served: the versions that answer.
        unloading: the versions that answer only their last requests.
    """
    states: defaultdict[str, list[VersionState]] = defaultdict(list)
    for name, state in _all_states(newest, served, unloading):
        states[name].append(state)
    return {
        name: sorted(found, key=lambda one: (-one.version, _ORDER.index(one.state)))
        for name, found in sorted(states.items())
    }


def _all_states(
    newest: ServingTarget, served: Collection[Key], unloading: Collection[Key]
) -> Iterator[tuple[str, VersionState]]:
    for name, version, _ in served:
        yield name, VersionState(version, "AVAILABLE")
    for name, version, _ in set(unloading) - set(served):  # it may have been loaded again already
        yield name, VersionState(version, "UNLOADING")
    for wanted in newest.versions:
        if wanted.key not in served:
            yield wanted.name, VersionState(wanted.version, "LOADING")
    for other in newest.others:
        yield other.name, VersionState(int(other.version), other.state, other.reason)
