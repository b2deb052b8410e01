"""Which versions are served: what `serving.json` may say, and what it means."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.engine.folder.policy import (
    LatestVersions,
    ServingPolicy,
    default_policy,
    read_policy,
    wanted_versions,
)
from service.errors import CorruptModelError

DEFAULT = default_policy(1)


def _read(folder: Path, content: str) -> ServingPolicy:
    (folder / "serving.json").write_text(content)
    return read_policy(folder, DEFAULT)


def test_without_a_file_the_default_holds(tmp_path: Path) -> None:
    assert read_policy(tmp_path, DEFAULT) == DEFAULT


@pytest.mark.parametrize(
    ("content", "policy"),
    [
        ({}, DEFAULT),
        ({"versions": "all"}, ServingPolicy(versions="all")),
        ({"versions": {"latest": 2}}, ServingPolicy(versions=LatestVersions(latest=2))),
        ({"versions": [1, 3]}, ServingPolicy.model_validate({"versions": [1, 3]})),
        (
            {"labels": {"stable": 1, "canary": 2}, "canary_share": 0.05},
            ServingPolicy(
                versions=DEFAULT.versions, labels={"stable": 1, "canary": 2}, canary_share=0.05
            ),
        ),
        ({"labels": {"a-b_C9": 1}}, ServingPolicy(versions=DEFAULT.versions, labels={"a-b_C9": 1})),
        ({"canary_share": 0}, DEFAULT),
    ],
)
def test_every_key_is_optional(tmp_path: Path, content: Any, policy: ServingPolicy) -> None:
    assert _read(tmp_path, json.dumps(content)) == policy


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "isn't a JSON object"),
        ("{", "isn't a JSON object"),
        ("[" * 100_000, "isn't a JSON object"),
        ("\xff", "JSON"),
        ("[]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('{"labels": {"canary": 1, "canary": 2}}', "it has 'canary' twice"),
        ('{"version": "all"}', "unknown key 'version'.*versions, labels, canary_share"),
        ('{"Labels": {}}', "unknown key 'Labels'"),
        ('{"versions": "newest"}', 'versions: must be "all"'),
        ('{"versions": 2}', 'versions: must be "all"'),
        ('{"versions": []}', 'versions: must be "all"'),
        ('{"versions": [0]}', 'versions: must be "all"'),
        ('{"versions": [true]}', 'versions: must be "all"'),
        ('{"versions": ["1"]}', 'versions: must be "all"'),
        ('{"versions": [1.0]}', 'versions: must be "all"'),
        ('{"versions": {}}', 'versions: must be "all"'),
        ('{"versions": {"latest": 0}}', 'versions: must be "all"'),
        ('{"versions": {"latest": 2, "oldest": 1}}', 'versions: must be "all"'),
        ('{"versions": null}', 'versions: must be "all"'),
        ('{"labels": {"stable": "1"}}', "labels.stable"),
        ('{"labels": {"stable": 1.5}}', "labels.stable"),
        ('{"labels": {"stable": true}}', "labels.stable"),
        ('{"labels": {"stable": null}}', "labels.stable"),
        ('{"labels": {"stable": 0}}', "'stable' must be at a version, 1 or more"),
        ('{"labels": {"1st": 1}}', "'1st' can't be a label"),
        ('{"labels": {"": 1}}', "'' can't be a label"),
        ('{"labels": {"a b": 1}}', "'a b' can't be a label"),
        (json.dumps({"labels": {"a" * 33: 1}}), "can't be a label"),
        ('{"labels": {"latest": 1}}', "'latest' can't be a label"),
        ('{"labels": ["stable"]}', "labels"),
        ('{"canary_share": 1.5, "labels": {"canary": 1}}', "canary_share"),
        ('{"canary_share": -0.1, "labels": {"canary": 1}}', "canary_share"),
        ('{"canary_share": NaN, "labels": {"canary": 1}}', "canary_share"),
        ('{"canary_share": "5%", "labels": {"canary": 1}}', "canary_share"),
        ('{"canary_share": true, "labels": {"canary": 1}}', "canary_share"),
        ('{"canary_share": 0.05}', "no version has the label 'canary'"),
        ('{"canary_share": 0.05, "labels": {"canry": 2}}', "no version has the label 'canary'"),
    ],
)
def test_a_fault_is_a_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(CorruptModelError, match=sentence) as caught:
        _read(tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path / "serving.json"))
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert "Value error" not in str(caught.value)


@pytest.mark.parametrize(
    ("latest", "servable", "wanted"),
    [(1, {1, 2, 10}, {10}), (2, {1, 2, 10}, {2, 10}), (0, {1, 2}, {1, 2}), (3, {4}, {4})],
)
def test_the_setting_says_how_many_by_default(
    latest: int, servable: set[int], wanted: set[int]
) -> None:
    assert wanted_versions(default_policy(latest), servable) == wanted


@pytest.mark.parametrize(
    ("content", "servable", "wanted"),
    [
        ({"versions": "all"}, {1, 2, 3}, {1, 2, 3}),
        # Newer ones that are rejected aren't servable: the next older ones are taken.
        ({"versions": {"latest": 2}}, {1, 2, 3}, {2, 3}),
        ({"versions": [1, 3]}, {1, 2, 3}, {1, 3}),
        ({"versions": [1, 7]}, {1, 2, 3}, {1}),
        ({"versions": [7]}, {1, 2, 3}, set()),
        ({"labels": {"stable": 1}}, {1, 2, 3}, {1, 3}),
        ({"labels": {"stable": 3}}, {1, 2, 3}, {3}),
        ({"labels": {"stable": 7}}, {1, 2, 3}, {3}),
        ({"versions": [2], "labels": {"stable": 1, "shadow": 3}}, {1, 2, 3}, {1, 2, 3}),
        ({"versions": "all", "labels": {"stable": 1}}, set(), set()),
    ],
)
def test_a_label_is_wanted_besides_the_versions(
    tmp_path: Path, content: Any, servable: set[int], wanted: set[int]
) -> None:
    assert wanted_versions(_read(tmp_path, json.dumps(content)), servable) == wanted
