"""What is decided to be served, from what the folder of models has and what is served now."""

from pathlib import Path
from typing import Any

import pytest

from service.engine.folder.artifact import Artifact, IncompleteVersion, RejectedVersion
from service.engine.folder.policy import ServingPolicy
from service.engine.folder.repository import ModelFolder
from service.engine.rollout.serving_target import ServingTarget, decide
from service.runtime.card import ModelCard, TensorPreprocessing

LATEST = {"versions": {"latest": 1}}


def artifact(version: int, digest: str = "", name: str = "digits") -> Artifact:
    card = ModelCard(
        name=name,
        version=version,
        task=f"task of {name}",
        signatures={},
        preprocessing=TensorPreprocessing(type="tensors"),
        files={},
    )
    return Artifact(Path(f"/models/{name}/{version}"), card, digest or f"{name}-{version}")


def folder(
    *artifacts: Artifact,
    incomplete: tuple[str, ...] = (),
    rejected: tuple[tuple[str, str | None], ...] = (),
    is_default: bool = False,
    faults: tuple[str, ...] = (),
    **policy: Any,
) -> ModelFolder:
    """A folder of models; `incomplete` and `rejected` are versions of digits."""
    names = {a.card.name for a in artifacts}
    if incomplete or rejected:
        names.add("digits")
    chosen = ServingPolicy.model_validate(LATEST | policy)
    return ModelFolder(
        list(artifacts),
        [IncompleteVersion("digits", version, None, "a file is missing") for version in incomplete],
        [RejectedVersion("digits", v, None, "damaged", digest) for v, digest in rejected],
        {"task of digits": "digits"} if is_default and "digits" in names else {},
        dict.fromkeys(names, chosen),
        list(faults),
    )


def served(target: ServingTarget) -> list[tuple[str, int, str]]:
    return [version.key for version in target.versions]


def versions(target: ServingTarget, name: str = "digits") -> list[int]:
    return [version.version for version in target.versions if version.name == name]


def after(*folders: ModelFolder, **options: Any) -> ServingTarget:
    """What is served after the folder has had these contents, one after another."""
    target = ServingTarget()
    for content in folders:
        target = decide(content, target, **options)
    return target


ONE, TWO, THREE = artifact(1), artifact(2), artifact(3)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, [3]),
        ({"versions": {"latest": 2}}, [3, 2]),
        ({"versions": "all"}, [3, 2, 1]),
        ({"versions": [1, 3]}, [3, 1]),
        ({"labels": {"stable": 1}}, [3, 1]),
        ({"versions": [2], "labels": {"shadow": 3}}, [3, 2]),
    ],
)
def test_the_policy_says_which_versions_are_served(
    policy: dict[str, Any], expected: list[int]
) -> None:
    target = after(folder(ONE, TWO, THREE, **policy))
    assert versions(target) == expected
    assert target.labels == ({"digits": policy["labels"]} if "labels" in policy else {})
    assert not target.faults


def test_a_version_that_is_not_complete_yet_is_told_and_not_served() -> None:
    target = after(folder(ONE), folder(ONE, incomplete=("2",)))
    assert versions(target) == [1]
    (waiting,) = target.others
    assert (waiting.version, waiting.state, waiting.reason) == ("2", "START", "a file is missing")
    assert not target.serving().rejected


def test_a_newer_version_takes_the_place_of_the_older() -> None:
    assert versions(after(folder(ONE), folder(ONE, TWO))) == [2]


def test_a_rejected_version_leaves_the_older_one_in_its_place() -> None:
    target = after(folder(ONE), folder(ONE, rejected=(("2", None),)))
    assert versions(target) == [1]
    assert [(r.version, r.reason) for r in target.serving().rejected] == [("2", "damaged")]


def test_a_version_whose_files_are_replaced_is_served_until_the_new_ones_are_complete() -> None:
    new = artifact(1, "new")
    changing = folder(incomplete=("1",))
    assert served(after(folder(ONE), changing)) == [ONE.key]
    assert served(after(folder(ONE), changing, folder(new))) == [new.key]


@pytest.mark.parametrize("digest", [None, "new"])
def test_a_version_whose_new_files_are_rejected_is_served_with_the_old_ones(
    digest: str | None,
) -> None:
    target = after(folder(ONE), folder(rejected=(("1", digest),)))
    assert served(target) == [ONE.key]
    assert target.others[0].state == "END"


def test_a_version_that_cannot_be_loaded_is_not_kept() -> None:
    assert served(after(folder(ONE), folder(rejected=(("1", ONE.digest),)))) == []
    changing = folder(incomplete=("1",))
    assert served(decide(changing, after(folder(ONE)), failed={ONE.key})) == []


def test_a_default_whose_every_version_failed_is_decided_again_without_an_error() -> None:
    """As on a machine without memory for any model: the service isn't ready, but goes on."""
    nothing = folder(rejected=(("1", ONE.digest),), is_default=True)
    before = decide(nothing, after(folder(ONE, is_default=True)), failed={ONE.key})
    assert served(before) == []
    assert served(decide(folder(), before)) == []
    assert served(decide(folder(ONE, is_default=True), before)) == [ONE.key]


def test_a_removed_version_is_not_served_any_more() -> None:
    target = after(folder(ONE, TWO, versions="all"), folder(ONE, versions="all"))
    assert versions(target) == [1]


def test_the_last_version_goes_if_it_is_no_default() -> None:
    other = artifact(1, name="letters")
    assert versions(after(folder(ONE, other), folder(other))) == []


def test_the_last_version_of_a_default_stays_unless_it_may_go() -> None:
    other = artifact(1, name="letters")
    before = after(folder(ONE, TWO, other, is_default=True))
    gone = folder(other, is_default=True)
    target = decide(gone, before)
    assert versions(target) == [2]
    assert target.defaults == {"task of digits": "digits"}
    assert "version 2 is kept in memory" in target.faults[0]
    assert decide(gone, target) == target
    assert versions(decide(gone, before, unload_defaults=True)) == []
    assert versions(decide(folder(other, THREE, is_default=True), target)) == [3]


def test_the_version_of_a_default_that_stays_is_the_one_that_answered() -> None:
    before = after(folder(ONE, TWO, is_default=True, labels={"stable": 1}))
    target = decide(folder(), before)
    assert versions(target) == [1]
    assert target.labels == {"digits": {"stable": 1}}


def test_a_label_stays_where_it_is_until_its_new_version_can_be_served() -> None:
    before = after(folder(ONE, TWO, versions="all", labels={"stable": 1}))
    moved = decide(folder(ONE, TWO, versions="all", labels={"stable": 3}), before)
    assert moved.labels == {"digits": {"stable": 1}}
    assert "'stable' at version 3, which can't be served. It stays at version 1" in moved.faults[0]
    came = decide(folder(ONE, TWO, THREE, versions="all", labels={"stable": 3}), moved)
    assert came.labels == {"digits": {"stable": 3}}
    assert not came.faults


def test_a_label_keeps_its_version_loaded_while_it_cannot_move() -> None:
    before = after(folder(ONE, TWO, labels={"stable": 1}))
    assert versions(decide(folder(ONE, TWO, labels={"stable": 9}), before)) == [2, 1]


def test_a_label_that_was_nowhere_is_at_none() -> None:
    target = after(folder(ONE, labels={"canary": 2}, canary_share=0.5))
    assert target.labels == {}
    assert target.canary_shares == {}
    assert "It is at none" in target.faults[0]


def test_the_canary_has_its_share() -> None:
    target = after(folder(ONE, TWO, labels={"stable": 1, "canary": 2}, canary_share=0.25))
    assert target.canary_shares == {"digits": 0.25}


def test_versions_that_nobody_has_are_told() -> None:
    target = after(folder(ONE, versions=[7, 8]))
    assert versions(target) == []
    assert "asks for version 7, 8, which can't be served" in target.faults[0]


def test_a_target_is_the_same_after_it_was_written_and_read() -> None:
    content = folder(ONE, TWO, labels={"stable": 1}, rejected=(("3", "x"),), faults=("a fault",))
    target = after(content)
    assert ServingTarget.model_validate_json(target.model_dump_json()) == target
    assert decide(content, target) == target
