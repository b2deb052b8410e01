"""Workers of one service agree on the target in force. Each worker is a process of its own."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.engine.rollout.agreement import Agreement
from service.engine.rollout.workers import SILENCE_SECONDS
from tests.service.engine.agreeing_workers import (
    WorkerProcess,
    long_content,
    wait_until,
    worker_processes,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="several workers need fcntl")

_IN_MEMORY = Path("/dev/shm")


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder that doesn't exist yet, on a disk and in memory."""
    if request.param == "disk":
        yield tmp_path / "new" / "folder"
        return
    if not _IN_MEMORY.is_dir():
        pytest.skip("no file system in memory")
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY) as parent:
        yield Path(parent) / "folder"


class _Clock:
    """A clock that a test advances."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def put_in_force(leader: Agreement, *members: WorkerProcess) -> int:
    """Publish a target, have it prepared, and commit it. Return its number."""
    assert leader.lead()
    number = leader.publish("")
    leader.report(number, {})
    for member in members:
        member.call("prepare", number)
    assert leader.commit(number)
    return number


def test_a_single_worker_in_a_fresh_folder_leads_commits_and_joins(folder: Path) -> None:
    worker = Agreement(folder)
    assert (worker.committed[0], worker.latest(), worker.in_force()) == (0, None, None)
    assert not worker.join()
    assert worker.lead()
    assert worker.publish("first") == 1
    assert worker.latest() == (1, "first")
    assert not worker.join()
    worker.report(1, {})
    assert worker.commit(1)
    assert worker.committed[0] == 1
    assert worker.in_force() == (1, "first")
    assert worker.join()


@pytest.mark.parametrize("count", [2, 4])
def test_no_caller_sees_an_older_target_after_a_newer_one(folder: Path, count: int) -> None:
    targets = 200 if folder.is_relative_to(_IN_MEMORY) else 50  # a busy disk is slow
    with worker_processes(folder, count) as workers:
        for worker in workers:
            worker.call("follow")
        workers[0].call("lead_through", 1)
        wait_until(lambda: all(worker.call("lookup") == 1 for worker in workers))
        wait_until(lambda: all(worker.call("join") for worker in workers))
        workers[0].call("lead_through", targets)
        seen = [1]
        while seen[-1] < 1 + targets:
            for worker in workers:
                number = worker.call("lookup")
                assert number is not None, "a member hasn't prepared the target in force"
                seen.append(number)
        assert seen == sorted(seen)
        assert all(worker.call("lookup") == 1 + targets for worker in workers)


def test_nor_when_leaders_are_killed_all_the_time(tmp_path: Path) -> None:
    seen = [0]

    def look(workers: list[WorkerProcess], at_least: int) -> None:
        while seen[-1] < at_least:
            seen.extend(n for worker in workers if (n := worker.call("lookup")) is not None)

    with worker_processes(tmp_path, 3) as workers:
        for worker in workers:
            worker.call("compete")
        for _ in range(5):
            look(workers, seen[-1] + 10)
            leader = next(worker for worker in workers if worker.call("lead"))
            leader.kill()
            workers.remove(leader)
            look(workers, seen[-1] + 10)
            workers.append(WorkerProcess(tmp_path))
            workers[-1].call("compete")
        look(workers, seen[-1] + 10)
    assert seen == sorted(seen)


def test_only_one_worker_leads_and_only_it_publishes(folder: Path) -> None:
    first = Agreement(folder)
    with worker_processes(folder, 1) as (second,):
        assert second.call("lead")
        assert second.call("lead")
        assert not first.lead()
        with pytest.raises(RuntimeError, match="isn't the leader"):
            first.publish("")
        with pytest.raises(RuntimeError, match="isn't the leader"):
            first.commit(1)
        with pytest.raises(RuntimeError, match="isn't the leader"):
            first.finish_scans(1)


def test_a_target_waits_for_all_members(folder: Path) -> None:
    leader = Agreement(folder)
    with worker_processes(folder, 2) as (one, other):
        put_in_force(leader, one, other)
        number = leader.publish("")
        leader.report(number, {})
        one.call("prepare", number)
        progress = leader.progress(number)
        assert progress.prepared == {leader.worker, one.name}
        assert progress.missing == {other.name}
        assert not progress.complete
        assert not leader.commit(number)
        assert [one.call("lookup"), other.call("lookup")] == [1, 1]
        other.call("prepare", number)
        assert leader.progress(number).complete
        assert leader.commit(number)
        assert [one.call("lookup"), other.call("lookup")] == [2, 2]


def test_a_target_waits_for_its_leader(folder: Path) -> None:
    leader = Agreement(folder)
    assert leader.lead()
    number = leader.publish("")
    assert leader.progress(number).missing == {leader.worker}
    assert not leader.commit(number)


def test_only_the_newest_target_can_be_committed(folder: Path) -> None:
    leader = Agreement(folder)
    put_in_force(leader)
    leader.publish("")
    leader.publish("")
    leader.report(2, {})
    with pytest.raises(ValueError, match="isn't the newest"):
        leader.commit(2)
    leader.report(3, {})
    assert leader.commit(3)


def test_a_failure_reaches_the_leader_and_the_member_goes_on_serving(folder: Path) -> None:
    leader = Agreement(folder)
    with worker_processes(folder, 1) as (member,):
        put_in_force(leader, member)
        leader.publish("good and bad")
        leader.report(2, {})
        member.call("report", 2, {"digits/7": "The golden inputs have other answers."})
        assert leader.progress(2).failures == {"digits/7": "The golden inputs have other answers."}
        assert not leader.commit(2)
        assert member.call("lookup") == 1
        leader.publish("good")
        leader.report(3, {})
        assert leader.progress(3).missing == {member.name}
        assert not leader.progress(3).failures
        member.call("prepare", 3)
        assert leader.commit(3)
        assert member.call("lookup") == 3


def test_a_failure_of_a_new_worker_reaches_the_leader(folder: Path) -> None:
    leader = Agreement(folder)
    put_in_force(leader)
    with worker_processes(folder, 1) as (new,):
        new.call("report", 1, {"digits/7": "There is no memory left."})
        assert not new.call("join")
        assert leader.progress(1).failures == {"digits/7": "There is no memory left."}


@pytest.mark.parametrize("step", ["before a target", "published", "prepared", "committed"])
def test_another_worker_takes_over_when_the_leader_is_killed(folder: Path, step: str) -> None:
    steps = ["before a target", "published", "prepared", "committed"]
    done = steps.index(step)
    member = Agreement(folder)
    with worker_processes(folder, 1) as (leader,):
        assert leader.call("lead")
        leader.call("publish", "first")
        member.report(1, {})
        leader.call("put_in_force", 1)
        if done >= 1:
            assert leader.call("publish", "second") == 2
        if done >= 2:
            member.report(2, {})
            leader.call("prepare", 2)
        if done >= 3:
            assert leader.call("commit", 2)
        assert not member.lead()
        leader.kill()
        assert member.lead()
        in_force = 2 if step == "committed" else 1
        assert member.committed[0] == in_force
        assert member.in_force() == (in_force, "second" if step == "committed" else "first")
        number = member.publish("third")
        assert number == (3 if done >= 1 else 2)
        member.report(number, {})
        assert member.progress(number).prepared == {member.worker}
        assert member.commit(number)
        assert member.in_force() == (number, "third")


def test_a_new_leader_can_commit_the_target_of_the_dead_one(folder: Path) -> None:
    member = Agreement(folder)
    with worker_processes(folder, 1) as (leader,):
        assert leader.call("lead")
        leader.call("publish", "first")
        leader.kill()
        assert member.lead()
        assert member.latest() == (1, "first")
        member.report(1, {})
        assert member.commit(1)


def test_what_a_leader_wrote_but_did_not_publish_is_written_anew(folder: Path) -> None:
    leader = Agreement(folder)
    put_in_force(leader)
    (folder / "targets" / "2").write_text("the leader died before it published this")
    (folder / "targets" / "2.new").write_text("hal")
    assert leader.latest() == (1, "")
    assert leader.publish("another") == 2
    assert leader.latest() == (2, "another")


def test_nobody_waits_for_a_member_that_was_killed(folder: Path) -> None:
    leader = Agreement(folder)
    with worker_processes(folder, 1) as (member,):
        put_in_force(leader, member)
        number = leader.publish("")
        leader.report(number, {})
        assert not leader.commit(number)
        member.kill()
        assert leader.commit(number)
        assert not [path for path in (folder / "workers").iterdir() if member.name in path.name]


def test_nobody_waits_for_a_member_that_left(folder: Path) -> None:
    leader = Agreement(folder)
    with worker_processes(folder, 1) as (member,):
        put_in_force(leader, member)
        member.call("leave")
        member.call("leave")
        assert not [path for path in (folder / "workers").iterdir() if member.name in path.name]
        put_in_force(leader)


def test_a_leader_that_leaves_lets_another_lead(folder: Path) -> None:
    leader = Agreement(folder)
    with worker_processes(folder, 1) as (other,):
        put_in_force(leader, other)
        assert not other.call("lead")
        leader.leave()
        assert other.call("lead")
        other.call("publish", "")
        other.call("put_in_force", 2)
        assert leader.committed[0] == 2


def test_a_stopped_member_is_left_out_and_knows_it_when_it_goes_on(folder: Path) -> None:
    clock = _Clock()
    leader = Agreement(folder, clock=clock)
    with worker_processes(folder, 2) as (stopped, healthy):
        put_in_force(leader, stopped, healthy)
        stopped.signal(signal.SIGSTOP)
        number = leader.publish("")
        leader.report(number, {})
        healthy.call("prepare", number)
        for _ in range(int(SILENCE_SECONDS)):
            assert not leader.commit(number)
            clock.now += 1
            _beat_anew(folder, healthy)
        clock.now += 1
        assert leader.progress(number).silent == {stopped.name}
        assert leader.commit(number)
        assert healthy.call("lookup") == number
        stopped.signal(signal.SIGCONT)
        assert stopped.call("lookup") is None
        assert not stopped.call("join")
        _beat_anew(folder, stopped)
        assert not leader.progress(number).silent
        stopped.call("prepare", number)
        assert stopped.call("join")
        assert stopped.call("lookup") == number
        assert stopped.name in leader.progress(leader.publish("")).missing


def test_a_member_that_works_long_but_gives_signs_of_life_is_waited_for(folder: Path) -> None:
    clock = _Clock()
    leader = Agreement(folder, clock=clock)
    with worker_processes(folder, 1) as (member,):
        put_in_force(leader, member)
        number = leader.publish("")
        leader.report(number, {})
        for _ in range(10 * int(SILENCE_SECONDS)):
            clock.now += 1
            _beat_anew(folder, member)
            assert not leader.commit(number)
        member.call("prepare", number)
        assert leader.commit(number)


def _beat_anew(folder: Path, member: WorkerProcess) -> None:
    """Have a member beat until that can be seen: the clock of a file system has coarse ticks."""
    path = folder / "workers" / f"{member.name}.alive"
    before = path.stat().st_mtime_ns

    def differs() -> bool:
        member.call("beat")
        return path.stat().st_mtime_ns != before

    wait_until(differs)


def test_nobody_is_silent_when_all_were_stopped_together(folder: Path) -> None:
    clock = _Clock()
    leader = Agreement(folder, clock=clock)
    with worker_processes(folder, 1) as (member,):
        put_in_force(leader, member)
        number = leader.publish("")
        leader.report(number, {})
        assert not leader.commit(number)
        clock.now += 10 * SILENCE_SECONDS  # the machine slept
        assert not leader.progress(number).silent
        assert not leader.commit(number)


def test_a_member_that_hangs_while_it_joins_holds_up_nobody(folder: Path) -> None:
    clock = _Clock()
    leader = Agreement(folder, clock=clock)
    with worker_processes(folder, 1) as (member,):
        put_in_force(leader, member)
        member.call("hold_members_lock")
        number = leader.publish("")
        leader.report(number, {})
        member.call("prepare", number)
        assert not leader.join()
        for _ in range(int(SILENCE_SECONDS)):
            assert not leader.commit(number)
            clock.now += 1
        clock.now += 1
        assert leader.commit(number)


def test_commits_go_on_without_a_new_worker_until_it_has_joined(folder: Path) -> None:
    leader = Agreement(folder)
    put_in_force(leader)
    with worker_processes(folder, 1) as (new,):
        assert new.call("in_force") == (1, "")
        put_in_force(leader)
        new.call("prepare", 1)
        assert not new.call("join")
        assert new.call("lookup") is None
        put_in_force(leader)
        new.call("prepare", 3)
        assert new.call("join")
        number = leader.publish("")
        leader.report(number, {})
        assert not leader.commit(number)


def test_workers_that_start_together_join_when_the_first_target_is_in_force(folder: Path) -> None:
    leader = Agreement(folder)
    with worker_processes(folder, 1) as (other,):
        assert leader.lead()
        leader.publish("")
        other.call("prepare", 1)
        assert not other.call("join")
        assert other.call("lookup") is None
        leader.report(1, {})
        assert leader.commit(1)
        assert other.call("join")
        assert other.call("lookup") == 1


def test_no_commit_passes_a_worker_that_has_just_joined(tmp_path: Path) -> None:
    with worker_processes(tmp_path, 2) as (leader, joining):
        leader.call("lead_through", 1_000_000)
        wait_until(lambda: leader.call("lookup"))
        rounds = joining.call("join_often", 100)
        assert all(joined == later for joined, later in rounds), rounds


def test_targets_are_read_whole_while_others_are_published(folder: Path) -> None:
    leader = Agreement(folder)
    assert leader.lead()
    with worker_processes(folder, 2) as readers:
        for reader in readers:
            reader._connection.send(("read_targets", (100,)))
        for number in range(1, 101):
            leader.publish(long_content(number))
        assert all(reader._connection.recv() for reader in readers)


def test_only_targets_that_someone_needs_are_kept(folder: Path) -> None:
    leader = Agreement(folder)
    put_in_force(leader)
    for _ in range(5):
        leader.publish("")
    assert {path.name for path in (folder / "targets").iterdir()} == {"1", "6"}
    put_in_force(leader)
    assert {path.name for path in (folder / "targets").iterdir()} == {"7"}


def test_a_target_is_read_from_its_file_once(folder: Path) -> None:
    leader = Agreement(folder)
    put_in_force(leader)
    assert leader.latest() == leader.in_force() == (1, "")
    (folder / "targets" / "1").unlink()
    assert leader.latest() == leader.in_force() == (1, "")


def test_a_number_is_never_seen_half_written(folder: Path) -> None:
    reader = Agreement(folder)
    with worker_processes(folder, 1) as (writer,):
        writer.call("write_equal_halves")
        committed, numbers = reader.committed, {0}
        while len(numbers) < 10_000:
            numbers.update(committed[0] for _ in range(10_000))
        assert all(number >> 32 == number % 2**32 for number in numbers)


def test_only_the_leader_can_change_what_is_committed(folder: Path) -> None:
    with pytest.raises(TypeError, match="read-only"):
        Agreement(folder).committed[0] = 1  # type: ignore[index]


def test_a_program_that_a_worker_started_holds_nothing_when_the_worker_dies(folder: Path) -> None:
    other = Agreement(folder)
    with worker_processes(folder, 1) as (leader,):
        assert leader.call("lead")
        leader.call("publish", "")
        program = leader.call("start_program")
        try:
            leader.kill()
            wait_until(other.lead)  # the program closes the files when it starts, perhaps only now
            other.report(1, {})
            assert other.progress(1).prepared == {other.worker}
        finally:
            os.kill(program, signal.SIGKILL)


def test_any_worker_can_ask_for_a_scan_and_learns_when_it_is_done(folder: Path) -> None:
    leader = Agreement(folder)
    assert leader.lead()
    with worker_processes(folder, 2) as (one, other):
        assert leader.scans_asked == leader.scans_done == 0
        assert one.call("ask_for_scan") == 1
        asked = leader.scans_asked
        late = other.call("ask_for_scan")
        leader.finish_scans(asked)
        assert one.call("scans_done") == asked == 1
        assert other.call("scans_done") < late
        leader.finish_scans(leader.scans_asked)
        assert other.call("scans_done") == late


def test_no_question_for_a_scan_is_lost(folder: Path) -> None:
    with worker_processes(folder, 2) as workers:
        for worker in workers:
            worker._connection.send(("ask_for_scans", (500,)))
        for worker in workers:
            numbers = worker._connection.recv()
            assert numbers == sorted(set(numbers))
        assert Agreement(folder).scans_asked == 1000


def test_a_scan_that_was_asked_for_outlives_the_leader(folder: Path) -> None:
    member = Agreement(folder)
    with worker_processes(folder, 1) as (leader,):
        assert leader.call("lead")
        member.ask_for_scan()
        leader.kill()
    assert member.lead()
    assert (member.scans_asked, member.scans_done) == (1, 0)


def test_two_services_with_two_folders_do_not_meet(tmp_path: Path) -> None:
    one, other = Agreement(tmp_path / "one"), Agreement(tmp_path / "other")
    put_in_force(one)
    put_in_force(one)
    assert (one.committed[0], other.committed[0], other.latest()) == (2, 0, None)
    assert other.lead()
    assert put_in_force(other) == 1
    assert other.progress(1).prepared == {other.worker}
