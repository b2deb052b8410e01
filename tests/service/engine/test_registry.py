"""The registry: what is found by which choice, and that a change is seen whole or not at all."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.engine.registry import Registry
from service.engine.repository import RejectedVersion
from service.engine.served_model import ServedModel
from service.errors import NotReadyError, UnknownModelError
from service.runtime.card import ImagePreprocessing, ModelCard, ResizeFraming


def served(name: str, version: int, *labels: str, kind: str = "classify") -> ServedModel:
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
    return ServedModel(card, nothing, nothing, nothing, labels)


OLD, NEW = served("digits", 1, "stable"), served("digits", 2, "canary")
OTHER, WORDS = served("letters", 7), served("words", 1, kind="judge")
DAMAGED = RejectedVersion("digits", "3", "classify", "it is damaged")


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.change(
        add=[OLD, WORDS, OTHER, NEW],
        reject=[DAMAGED],
        defaults={"classify": "digits", "judge": "words"},
    )
    return registry


@pytest.mark.parametrize(
    ("choice", "model"),
    [
        ({"kind": "classify"}, NEW),
        ({"kind": "judge"}, WORDS),
        ({"kind": "judge", "name": ""}, WORDS),
        ({"kind": "classify", "name": "letters"}, OTHER),
        ({"kind": "classify", "version": 1}, OLD),
        ({"kind": "classify", "label": "stable"}, OLD),
        ({"name": "digits"}, NEW),
        ({"name": "digits", "version": 1}, OLD),
        ({"name": "digits", "label": "canary"}, NEW),
        ({"name": "digits", "label": "canary", "version": 2}, NEW),
        ({"name": "words"}, WORDS),
    ],
)
def test_a_model_is_found_by_all_that_is_given(
    registry: Registry, choice: dict[str, Any], model: ServedModel
) -> None:
    assert registry.find(**choice) is model


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"name": "digits", "version": 4}, "version 4, is served here.*digits/2, digits/1"),
        ({"name": "digits", "label": "best"}, "the label 'best', is served here"),
        ({"name": "digits", "label": "canary", "version": 1}, "version 1 with the label 'canary'"),
        ({"kind": "classify", "name": "words"}, "No model words, version any, is served here"),
        ({"kind": "dream"}, r"of any name.*Served here: none\."),
        ({}, "choose one by its name"),
        ({"version": 1}, "choose one by its name"),
    ],
)
def test_what_fits_no_model_is_unknown(
    registry: Registry, choice: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UnknownModelError, match=sentence):
        registry.find(**choice)


def test_a_rejected_version_is_not_ready_until_it_is_served(registry: Registry) -> None:
    with pytest.raises(NotReadyError, match="digits/3 can't be served"):
        registry.find("classify", "digits", 3)
    mended = served("digits", 3)
    registry.change(add=[mended])
    assert registry.find("classify", "digits", 3) is mended
    assert not registry.rejected


def test_a_name_stands_for_its_newest_version_of_the_kind(registry: Registry) -> None:
    registry.change(add=[served("digits", 9, kind="judge")])
    assert registry.find("classify", "digits") is NEW
    assert registry.find(None, "digits").version == 9


def test_models_come_by_name_and_newest_first(registry: Registry) -> None:
    assert list(registry.models()) == [NEW, OLD, OTHER, WORDS]
    assert list(registry.rejected) == [DAMAGED]
    assert registry.default("classify") == "digits"
    assert registry.default("dream") is None


def test_versions_come_go_and_take_anothers_place(registry: Registry) -> None:
    before, again = registry.models(), served("digits", 2)
    registry.change(add=[again], remove=[OLD])
    assert list(registry.models()) == [again, OTHER, WORDS]
    assert list(before) == [NEW, OLD, OTHER, WORDS]
    with pytest.raises(UnknownModelError):
        registry.find("classify", "digits", 1)
    registry.change(remove=[again], defaults={"classify": "letters"})
    assert registry.find("classify") is OTHER


def test_lookups_during_changes_never_see_a_part_of_one(registry: Registry) -> None:
    """A label moves from one version to another, and two models are swapped, again and again."""
    states = [
        [replace(OLD, version_labels=("stable",)), replace(NEW, version_labels=()), OTHER],
        [replace(OLD, version_labels=()), replace(NEW, version_labels=("stable",)), WORDS],
    ]
    done = threading.Event()

    def look(check: Callable[[], None]) -> None:
        while not done.is_set():
            check()

    def one_is_stable() -> None:
        assert "stable" in registry.find("classify", label="stable").version_labels

    def one_of_two_is_there() -> None:
        models = registry.models()
        assert len(models) == 3
        assert sum("stable" in model.version_labels for model in models) == 1
        assert (OTHER in models) != (WORDS in models)

    registry.change(add=states[0], remove=[WORDS])
    with ThreadPoolExecutor(4) as threads:
        looking = [threads.submit(look, c) for c in (one_is_stable, one_of_two_is_there) * 2]
        for turn in range(2000):
            registry.change(add=states[1 - turn % 2], remove=[OTHER if turn % 2 == 0 else WORDS])
        done.set()
    for thread in looking:
        thread.result()


def test_changes_made_at_once_are_all_made() -> None:
    registry = Registry()
    models = [served(f"model-{n}", 1) for n in range(200)]
    with ThreadPoolExecutor(8) as threads:
        for change in [threads.submit(registry.change, add=[model]) for model in models]:
            change.result()
    assert set(registry.models()) == set(models)
