"""The registry: what is found by which choice, and that a change is seen whole or not at all."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from service.engine.folder.artifact import Artifact, RejectedVersion
from service.engine.registry import ModelChoice, Registry, Serving, Snapshot, make_snapshot
from service.engine.served_model import ServedModel
from service.errors import NotReadyError, UnknownModelError
from service.runtime.card import ImagePreprocessing, ModelCard, ResizeFraming


def served(name: str, version: int, kind: str = "classify") -> ServedModel:
    """A model that nobody asks anything."""
    card = ModelCard(
        name=name,
        version=version,
        task=kind,
        signatures={},
        preprocessing=ImagePreprocessing(
            type="image", height=1, width=1, channels=1, framing=ResizeFraming(type="resize")
        ),
        files={},
    )
    nothing: Any = None
    return ServedModel(Artifact(Path(), card, ""), nothing, nothing, nothing, nothing, nothing)


OLD, NEW = served("digits", 1), served("digits", 2)
OTHER, WORDS = served("letters", 7), served("words", 1, kind="judge")
DAMAGED = RejectedVersion("digits", "3", "classify", "it is damaged")
DEFAULTS = {"classify": "digits", "judge": "words"}


def registry_of(*models: ServedModel, **serving: Any) -> Registry:
    """A registry that serves these models."""
    committed = [1]
    registry = Registry(committed)
    registry.prepare(1, make_snapshot(models, Serving(**serving)))
    return registry


@pytest.fixture
def registry() -> Registry:
    return registry_of(
        *(OLD, WORDS, OTHER, NEW),
        labels={"digits": {"best": 2, "old": 1}},
        rejected=(DAMAGED,),
        defaults=DEFAULTS,
    )


def find(registry: Registry, kind: str | None = None, **choice: Any) -> ServedModel:
    return registry.find(kind, ModelChoice(**choice))


@pytest.mark.parametrize(
    ("choice", "model"),
    [
        ({"kind": "classify"}, NEW),
        ({"kind": "judge"}, WORDS),
        ({"kind": "judge", "name": ""}, WORDS),
        ({"kind": "classify", "name": "letters"}, OTHER),
        ({"kind": "classify", "version": 1}, OLD),
        ({"kind": "classify", "label": "old"}, OLD),
        ({"name": "digits"}, NEW),
        ({"name": "digits", "version": 1}, OLD),
        ({"name": "digits", "label": "best"}, NEW),
        ({"name": "digits", "label": "best", "version": 2}, NEW),
        ({"name": "words"}, WORDS),
    ],
)
def test_a_model_is_found_by_all_that_is_given(
    registry: Registry, choice: dict[str, Any], model: ServedModel
) -> None:
    assert find(registry, **choice) is model


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"name": "digits", "version": 4}, "version 4, is served here.*digits/2, digits/1"),
        ({"name": "digits", "label": "worst"}, "the label 'worst', is served here"),
        ({"name": "letters", "label": "best"}, "the label 'best', is served here"),
        ({"name": "digits", "label": "best", "version": 1}, "version 1 with the label 'best'"),
        ({"kind": "classify", "name": "words"}, "No model 'words', version any, is served here"),
        ({"kind": "dream"}, r"of any name.*Served here: none\."),
        ({}, "choose one by its name"),
        ({"version": 1}, "choose one by its name"),
    ],
)
def test_what_fits_no_model_is_unknown(
    registry: Registry, choice: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UnknownModelError, match=sentence):
        find(registry, **choice)


def test_a_rejected_version_is_not_ready_until_it_is_served(registry: Registry) -> None:
    with pytest.raises(NotReadyError, match="digits/3 can't be served"):
        find(registry, "classify", name="digits", version=3)
    mended = served("digits", 3)
    assert find(registry_of(OLD, mended), name="digits", version=3) is mended


def test_what_is_replaced_by_a_rejected_version_is_still_found() -> None:
    again = served("digits", 3)
    registry = registry_of(again, rejected=(DAMAGED,))
    assert find(registry, name="digits", version=3) is again


def test_a_name_stands_for_its_newest_version_of_the_kind() -> None:
    registry = registry_of(OLD, NEW, served("digits", 9, kind="judge"))
    assert find(registry, "classify", name="digits") is NEW
    assert find(registry, name="digits").version == 9


def test_models_come_by_name_and_newest_first(registry: Registry) -> None:
    assert list(registry.models()) == [NEW, OLD, OTHER, WORDS]


@pytest.mark.parametrize(
    ("labels", "answers"),
    [
        ({}, 3),
        ({"stable": 1}, 1),
        ({"stable": 3}, 3),
        ({"canary": 3}, 2),
        ({"shadow": 3}, 2),
        ({"canary": 2, "shadow": 3}, 1),
        ({"stable": 2, "canary": 3}, 2),
        ({"better": 1}, 3),
        ({"canary": 3, "better": 3}, 2),
    ],
)
def test_a_version_on_trial_does_not_answer_who_names_none(
    labels: dict[str, int], answers: int
) -> None:
    models = [served("digits", version) for version in (1, 2, 3)]
    registry = registry_of(*models, labels={"digits": labels}, defaults=DEFAULTS)
    for choice in ({"kind": "classify"}, {"name": "digits"}):
        assert find(registry, **choice).version == answers
    for label, version in labels.items():
        assert find(registry, name="digits", label=label).version == version
    for version in (1, 2, 3):
        assert find(registry, name="digits", version=version).version == version


def test_versions_that_are_all_on_trial_answer_all_the_same() -> None:
    labels = {"digits": {"canary": 2, "shadow": 1}}
    assert find(registry_of(OLD, NEW, labels=labels), name="digits") is NEW


def canary(share: float) -> Registry:
    labels = {"digits": {"stable": 1, "canary": 2}}
    return registry_of(
        OLD, NEW, OTHER, labels=labels, canary_shares={"digits": share}, defaults=DEFAULTS
    )


KEYS = [f"caller-{n}" for n in range(2000)]


def asked(registry: Registry) -> set[str]:
    """The keys that the canary answers."""
    return {key for key in KEYS if find(registry, "classify", key=key) is NEW}


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_the_canary_answers_its_share_of_the_keys(share: float) -> None:
    assert abs(len(asked(canary(share))) / len(KEYS) - share) < 0.04


def test_a_key_that_has_the_canary_keeps_it_when_its_share_grows() -> None:
    shares = [asked(canary(share)) for share in (0.0, 0.05, 0.3, 0.9, 1.0)]
    assert shares[0] == set()
    assert shares[-1] == set(KEYS)
    for less, more in pairwise(shares):
        assert less < more


def test_who_names_a_version_or_a_label_gets_it_whatever_the_canarys_share() -> None:
    registry = canary(1.0)
    assert find(registry, name="digits", version=1) is OLD
    assert find(registry, name="digits", label="stable") is OLD
    assert find(registry, name="letters") is OTHER
    assert find(canary(0.0), name="digits", label="canary") is NEW


def test_a_canary_with_another_task_answers_nobody_who_asks_for_the_first() -> None:
    other = served("digits", 2, kind="judge")
    labels = {"digits": {"stable": 1, "canary": 2}}
    registry = registry_of(OLD, other, labels=labels, canary_shares={"digits": 1.0})
    assert find(registry, "classify", name="digits") is OLD


def test_a_shadow_is_asked_what_another_version_answers() -> None:
    registry = registry_of(OLD, NEW, OTHER, labels={"digits": {"shadow": 2}})
    assert find(registry, name="digits") is OLD
    assert registry.shadow_of(OLD) is NEW
    assert registry.shadow_of(NEW) is None
    assert registry.shadow_of(OTHER) is None


def test_a_snapshot_is_served_from_when_its_number_is_committed() -> None:
    committed = [0]
    registry = Registry(committed)
    assert not registry.models()
    registry.prepare(1, make_snapshot([OLD], Serving()))
    assert not registry.models()
    committed[0] = 1
    assert find(registry, name="digits") is OLD
    registry.prepare(2, make_snapshot([NEW], Serving()))
    assert find(registry, name="digits") is OLD
    committed[0] = 2
    assert find(registry, name="digits") is NEW


def test_nothing_is_found_while_a_number_is_committed_that_is_not_prepared() -> None:
    """Neither the old models nor any others: another process serves the new ones already."""
    committed = [1]
    registry = Registry(committed)
    registry.prepare(1, make_snapshot([OLD], Serving()))
    assert find(registry, name="digits") is OLD
    committed[0] = 2
    for _ in range(2):
        with pytest.raises(NotReadyError, match="still loading"):
            find(registry, name="digits")
    registry.prepare(2, make_snapshot([NEW], Serving()))
    assert find(registry, name="digits") is NEW


def test_a_snapshot_that_is_committed_survives_the_preparation_of_the_next() -> None:
    committed = [1]
    registry = Registry(committed)
    registry.prepare(2, make_snapshot([OLD], Serving()))
    committed[0] = 2
    registry.prepare(3, make_snapshot([NEW], Serving()))
    assert find(registry, name="digits") is OLD


def test_lookups_during_switches_never_see_a_part_of_one_nor_an_older_one() -> None:
    committed, done = [0], threading.Event()
    registry = Registry(committed)

    def snapshot(number: int) -> Snapshot:
        models = [served("a", number), served("b", number)]
        return make_snapshot(models, Serving(labels={"a": {"stable": number}}))

    def look() -> None:
        last = 0
        while not done.is_set():
            versions = {model.version for model in registry.models()}
            assert len(versions) == 1
            (version,) = versions
            assert version >= last
            last = find(registry, name="a", label="stable").version
            assert last >= version

    registry.prepare(1, snapshot(1))
    committed[0] = 1
    with ThreadPoolExecutor(4) as threads:
        looking = [threads.submit(look) for _ in range(4)]
        for number in range(2, 500):
            registry.prepare(number, snapshot(number))
            committed[0] = number
        done.set()
    for thread in looking:
        thread.result()
