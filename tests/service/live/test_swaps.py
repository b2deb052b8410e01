"""Versions go live, come damaged, are replaced and removed, under traffic of both protocols.

No request fails, and nobody gets an answer by an older release after one by a newer release.
"""

import io
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.service.drawings import encode
from tests.service.live.metrics import value
from tests.service.live.releases import (
    ORDERS,
    change_card,
    change_file,
    copy_slowly,
    make_release,
    switch_link,
)
from tests.service.live.traffic import Traffic, new_connections
from tests.service.live_server import LiveServer, wait_for

WORKERS = 2
QUEUE_LIMIT = 100
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LEADER = "/leader.lock"
LOADING = "/loading/lock"
PNG = {"content-type": "image/png"}


class Swaps(NamedTuple):
    """A server of two workers, the folder of models that it watches, and room for other files."""

    server: LiveServer
    models: Path
    room: Path

    def newest(self, model: str) -> int:
        """Return the number of a model's newest version in the folder."""
        return max(int(path.name) for path in (self.models / model).iterdir())

    def prepare(self, model: str, **changes: object) -> Path:
        """Make the next version of a model beside the folder of models. Return its folder."""
        version = self.newest(model) + 1
        pattern = self.room / "patterns" / model
        return make_release(pattern, self.room / model / str(version), version=version, **changes)

    def target(self, release: Path) -> Path:
        """Return where in the folder of models a release belongs."""
        return self.models / release.relative_to(self.room)

    def is_served_by_all(self, model: str, version: int) -> bool:
        """Whether all workers have loaded a version, and it answers: in all of them, or in none."""
        labels = {"model": model, "version": str(version)}
        with new_connections(self.server) as client:
            if value(client, "trident_queue_limit", **labels) != WORKERS * QUEUE_LIMIT:
                return False
            described = client.get(f"/models/{model}")
            return described.status_code == 200 and version in [
                served["version"] for served in described.json()["versions"]
            ]

    def is_rejected(self, model: str, version: int) -> bool:
        """Whether the metrics say that a version is rejected."""
        labels = {"model": model, "version": str(version)}
        with new_connections(self.server) as client:
            return value(client, "trident_model_rejected", **labels) >= 1

    def kill(self, worker: psutil.Process) -> None:
        """Kill a worker, and wait until it is gone."""
        worker.kill()
        wait_for(lambda: worker.pid not in {other.pid for other in self.server.workers()})

    def leader(self) -> psutil.Process:
        """Return the worker that leads, as soon as it is seen."""
        seen: list[psutil.Process] = []

        def is_seen() -> bool:
            holder = self.holder(LEADER)
            if holder is not None:
                seen.append(holder)
            return bool(seen)

        wait_for(is_seen)
        return seen[0]

    def holder(self, lock: str) -> psutil.Process | None:
        """Return the worker that holds one of the workers' locks; None if none is seen to do so.

        Others open the lock's file, too, but only for a moment.
        """
        looks = [{w.pid for w in self.server.workers() if _has_open(w, lock)} for _ in range(3)]
        always = set.intersection(*looks)
        return psutil.Process(always.pop()) if len(always) == 1 else None


def _has_open(process: psutil.Process, file: str) -> bool:
    try:
        return any(found.path.endswith(file) for found in process.open_files())
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def swaps(
    shipped_models: Path, demo_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Swaps]:
    """A server of digits, the default model, and of tint."""
    folder = tmp_path_factory.mktemp("swaps")
    models, room = folder / "models", folder / "room"
    for source in (shipped_models / "digits", demo_models / "tint"):
        shutil.copytree(source / "1", models / source.name / "1")
        shutil.copytree(source / "1", room / "patterns" / source.name)
    (models / "defaults.json").write_text('{"image_classification": "digits"}')
    settings = {"workers": WORKERS, "max_queue_size": QUEUE_LIMIT, "watch_interval": 0.2}
    with LiveServer(folder, models, **settings) as server:
        found = Swaps(server.wait_until_ready(), models, room)
        wait_for(lambda: found.is_served_by_all("digits", 1))
        yield found


@pytest.fixture(scope="module")
def red() -> bytes:
    """A red PNG, which tint calls "red"."""
    return encode(Image.new("RGB", (16, 16), "red"))


def test_versions_that_are_copied_slowly_go_live_one_after_another(
    swaps: Swaps, seven: bytes
) -> None:
    first = swaps.newest("digits")
    with Traffic(swaps.server, seven) as traffic:
        wait_for(lambda: traffic.has_answer(first))
        for order in ORDERS:
            release = swaps.prepare("digits")
            copy_slowly(release, swaps.target(release), order)
            wait_for(partial(traffic.has_answer, int(release.name)))
    traffic.check()
    assert traffic.versions == set(range(first, first + len(ORDERS) + 1))


def test_versions_that_are_damaged_or_answer_wrongly_are_named_and_never_served(
    swaps: Swaps, seven: bytes
) -> None:
    served = swaps.newest("digits")
    damaged = swaps.prepare("digits")
    (damaged / "saved_model.pb").write_bytes(b"half of it")
    copy_slowly(damaged, swaps.target(damaged), "card first")
    wrong = swaps.prepare("digits")
    change_file(wrong, "golden.npz", _with_other_answers(wrong / "golden.npz"))
    with Traffic(swaps.server, seven) as traffic:
        wait_for(lambda: traffic.has_answer(served))
        copy_slowly(wrong, swaps.target(wrong), "card last")
        for release in (damaged, wrong):
            wait_for(partial(swaps.is_rejected, "digits", int(release.name)))
    traffic.check()
    assert traffic.versions == {served}
    for release, reason in ((damaged, "isn't the file that its card"), (wrong, "golden.npz says")):
        lines = [line for line in swaps.server.log.splitlines() if reason in line]
        assert any(f"digits/{release.name} isn't served: " in line for line in lines)


def _with_other_answers(golden: Path) -> bytes:
    """Return a golden file with the same inputs and other outputs."""
    with np.load(golden) as content:
        arrays = {name: content[name] for name in content.files}
    changed = {n: 1 - array if "/outputs/" in n else array for n, array in arrays.items()}
    content_bytes = io.BytesIO()
    np.savez(content_bytes, **changed)
    return content_bytes.getvalue()


def test_files_that_replace_a_version_in_place_take_over(swaps: Swaps, seven: bytes) -> None:
    release = swaps.prepare("digits")
    with Traffic(swaps.server, seven) as traffic:
        copy_slowly(release, swaps.target(release), "sorted")
        wait_for(lambda: traffic.has_answer(int(release.name), "7"))
        change_card(release, labels=WORDS)
        copy_slowly(release, swaps.target(release), "sorted")
        wait_for(lambda: traffic.has_answer(int(release.name), "seven"))
    traffic.check()


@pytest.mark.parametrize("is_leader", [True, False], ids=["the leader", "a follower"])
def test_a_worker_killed_after_a_version_has_come_changes_nothing_for_the_others(
    swaps: Swaps, seven: bytes, *, is_leader: bool
) -> None:
    release = swaps.prepare("digits")
    with Traffic(swaps.server, seven) as traffic:
        copy_slowly(release, swaps.target(release), "card last")
        wait_for(lambda: traffic.has_answer(int(release.name)))
        leader = swaps.leader()
        victims = [w for w in swaps.server.workers() if (w == leader) is is_leader]
        swaps.kill(victims[0])
        next_one = swaps.prepare("digits")
        copy_slowly(next_one, swaps.target(next_one), "card first")
        wait_for(lambda: traffic.has_answer(int(next_one.name)))
        wait_for(lambda: swaps.is_served_by_all("digits", int(next_one.name)))
    assert not traffic.refused
    traffic.check_order()
    assert _versions_behind_new_connections(swaps.server, seven) == {int(next_one.name)}


def test_a_version_during_whose_loading_a_worker_is_killed_ends_no_other_worker(
    swaps: Swaps, seven: bytes
) -> None:
    """It is rejected, or live if it was loaded a moment before. Copied once more, it is live."""
    release = swaps.prepare("digits")
    version = int(release.name)
    log = f"killed while it loaded digits/{version}"
    replaced = swaps.server.log.count("in place of one that died")
    with Traffic(swaps.server, seven) as traffic:
        copy_slowly(release, swaps.target(release), "card last")
        wait_for(lambda: swaps.holder(LOADING) is not None or traffic.has_answer(version))
        worker = swaps.holder(LOADING) or swaps.server.workers()[0]
        swaps.kill(worker)
        wait_for(lambda: traffic.has_answer(version) or log in swaps.server.log)
        if log in swaps.server.log:
            assert version not in traffic.versions
            copy_slowly(release, swaps.target(release), "card last")
        wait_for(lambda: traffic.has_answer(version))
        wait_for(lambda: swaps.is_served_by_all("digits", version))
    assert not traffic.refused
    traffic.check_order()
    assert _versions_behind_new_connections(swaps.server, seven) == {version}
    assert swaps.server.log.count("in place of one that died") == replaced + 1


def _versions_behind_new_connections(server: LiveServer, image: bytes) -> set[int]:
    """Return the versions that answer over many new connections, which both workers take."""
    with new_connections(server) as client:
        answers = [client.post("/classify", content=image, headers=PNG) for _ in range(50)]
    return {answer.raise_for_status().json()["version"] for answer in answers}


def test_a_model_whose_folder_is_removed_is_not_found_from_one_moment_on(
    swaps: Swaps, seven: bytes, red: bytes
) -> None:
    with Traffic(swaps.server, seven) as others, Traffic(swaps.server, red, "tint") as traffic:
        wait_for(lambda: traffic.has_answer(1, "red"))
        shutil.rmtree(swaps.models / "tint")
        wait_for(lambda: traffic.refusals == {"HTTP 404", "gRPC NOT_FOUND"})
        with new_connections(swaps.server) as client:
            asked = [client.post("/classify?model=tint", content=red, headers=PNG)]
            asked += [client.post("/models/tint", content=red, headers=PNG) for _ in range(50)]
    others.check()
    assert {answer.status_code for answer in asked} == {404}
    assert not traffic.lost
    assert traffic.refusals == {"HTTP 404", "gRPC NOT_FOUND"}


def test_a_link_to_a_models_folder_is_switched(swaps: Swaps, red: bytes) -> None:
    store = swaps.room / "store"
    link = swaps.models / "linked"
    pattern = swaps.room / "patterns" / "tint"
    changes = {"name": "linked"}
    make_release(pattern, store / "a" / "linked" / "1", version=1, **changes)
    make_release(pattern, store / "b" / "linked" / "2", version=2, **changes)
    words = ["scarlet", "green", "blue"]
    make_release(pattern, store / "c" / "linked" / "2", version=2, labels=words, **changes)
    switch_link(link, store / "a" / "linked")
    wait_for(lambda: swaps.is_served_by_all("linked", 1))
    with Traffic(swaps.server, red, "linked") as traffic:
        wait_for(lambda: traffic.has_answer(1))
        switch_link(link, store / "b" / "linked")
        shutil.rmtree(store / "a")
        wait_for(lambda: traffic.has_answer(2, "red"))
        switch_link(link, store / "c" / "linked")
        shutil.rmtree(store / "b")
        wait_for(lambda: traffic.has_answer(2, "scarlet"))
    traffic.check()
    assert traffic.versions == {1, 2}


def test_a_volume_of_kubernetes_is_updated(swaps: Swaps, red: bytes) -> None:
    """The kubelet writes all files to a new folder, and switches the link `..data` to it."""
    pattern = swaps.room / "patterns" / "tint"
    volume = swaps.models
    make_release(pattern, volume / "..2026_1" / "volume" / "1", version=1, name="volume")
    (volume / "..data").symlink_to("..2026_1")
    (volume / "volume").symlink_to("..data/volume")
    wait_for(lambda: swaps.is_served_by_all("volume", 1))
    with Traffic(swaps.server, red, "volume") as traffic:
        wait_for(lambda: traffic.has_answer(1))
        make_release(pattern, volume / "..2026_2" / "volume" / "2", version=2, name="volume")
        switch_link(volume / "..data", Path("..2026_2"))
        shutil.rmtree(volume / "..2026_1")
        wait_for(lambda: traffic.has_answer(2))
    traffic.check()
    assert traffic.versions == {1, 2}


def test_nothing_unexpected_is_logged(swaps: Swaps) -> None:
    assert "Traceback" not in swaps.server.log
