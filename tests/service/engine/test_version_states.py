"""The states of versions, from what is wanted, served and unloaded."""

from pathlib import Path

from service.engine.rollout.serving_target import OtherVersion, ServingTarget, WantedVersion
from service.engine.rollout.version_states import VersionState, version_states


def wanted(version: int, digest: str = "a", name: str = "mine") -> WantedVersion:
    return WantedVersion(
        name=name, version=version, digest=digest, task="tensors", path=Path("/models")
    )


START = OtherVersion(name="mine", version="4", task=None, state="START", reason="no card")
END = OtherVersion(name="ruined", version="1", task=None, state="END", reason="altered", digest="x")


def test_each_state_is_told_with_its_reason() -> None:
    newest = ServingTarget(versions=(wanted(3), wanted(2)), others=(START, END))
    states = version_states(newest, served={("mine", 2, "a")}, unloading={("mine", 1, "a")})
    assert states == {
        "mine": [
            VersionState(4, "START", "no card"),
            VersionState(3, "LOADING"),
            VersionState(2, "AVAILABLE"),
            VersionState(1, "UNLOADING"),
        ],
        "ruined": [VersionState(1, "END", "altered")],
    }
    assert list(states) == ["mine", "ruined"]


def test_files_that_are_replaced_have_two_states() -> None:
    newest = ServingTarget(versions=(wanted(1, "new"),))
    states = version_states(newest, served={("mine", 1, "old")}, unloading=set())
    assert [one.state for one in states["mine"]] == ["LOADING", "AVAILABLE"]


def test_a_version_that_is_to_go_is_available_until_then() -> None:
    states = version_states(ServingTarget(), served={("mine", 1, "a")}, unloading=set())
    assert states == {"mine": [VersionState(1, "AVAILABLE")]}


def test_a_version_that_is_loaded_again_is_available() -> None:
    newest, key = ServingTarget(versions=(wanted(1),)), ("mine", 1, "a")
    states = version_states(newest, served={key}, unloading={key})
    assert states == {"mine": [VersionState(1, "AVAILABLE")]}


def test_nothing_is_told_of_nothing() -> None:
    assert version_states(ServingTarget(), served=set(), unloading=set()) == {}
