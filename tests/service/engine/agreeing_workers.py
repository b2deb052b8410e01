"""Worker processes that take part in an agreement, for its tests."""

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from service.engine.rollout.agreement import Agreement
from service.engine.rollout.workers import try_lock

PATIENCE_SECONDS = 120.0  # a wait that takes longer is a failure


def wait_until(condition: Callable[[], object]) -> None:
    """Return when a condition holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "the condition never holds"
        time.sleep(0.001)


class WorkerProcess:
    """A process with its own `Agreement`. Each call runs in it, and returns the result."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(folder, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.name: str = self._connection.recv()

    def call(self, method: str, *arguments: object) -> Any:
        self._connection.send((method, arguments))
        assert self._connection.poll(PATIENCE_SECONDS), f"no answer to {method}"
        return self._connection.recv()

    def signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


@contextmanager
def worker_processes(folder: Path, count: int) -> Iterator[list[WorkerProcess]]:
    """Start workers. Those that a test adds to the list are ended too."""
    processes = [WorkerProcess(folder) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()


def _work(folder: Path, connection: Connection) -> None:
    worker = _Worker(folder)
    connection.send(worker.agreement.worker)
    while True:
        method, arguments = connection.recv()
        owner = worker if hasattr(worker, method) else worker.agreement
        found = getattr(owner, method)
        connection.send(found(*arguments) if callable(found) else found)


class _Worker:
    """What tests make a worker do, besides the methods of its agreement."""

    def __init__(self, folder: Path) -> None:
        # Its clock stands still: nobody is silent, however long a busy machine stops a worker.
        self.agreement = Agreement(folder, clock=lambda: 0.0)
        self._folder = folder
        self._prepared: set[int] = set()
        self._preparing = threading.Lock()
        self._held: int | None = None

    def lookup(self) -> int | None:
        """The number of the target that answers; None if it isn't prepared."""
        number = self.agreement.committed[0]
        return number if number in self._prepared else None

    def prepare(self, number: int) -> None:
        with self._preparing:  # a leader that follows too has two threads
            if number not in self._prepared:
                self._prepared.add(number)
                self.agreement.report(number, {})

    def put_in_force(self, number: int) -> None:
        """Commit a target when all members have prepared it."""
        self.prepare(number)
        wait_until(lambda: self.agreement.commit(number))

    def follow(self) -> None:
        """Prepare each target from now on."""
        threading.Thread(target=self._follow, daemon=True).start()

    def compete(self) -> None:
        """Prepare each target from now on, and try to be the leader, who commits without end."""
        self.follow()
        threading.Thread(target=self._compete, daemon=True).start()

    def lead_through(self, targets: int) -> None:
        """Put targets in force one after another, in the background."""
        assert self.agreement.lead()
        threading.Thread(target=self._put_in_force, args=(targets,), daemon=True).start()

    def join_often(self, last: int) -> list[tuple[int, int]]:
        """Join as a new worker again and again, until one of these targets or a later is in force.

        Returns the number with which each joined, and the number in force some time later.
        """
        rounds = []
        while self.agreement.committed[0] < last:
            rounds.append(self._join_once())
        return rounds

    def read_targets(self, last: int) -> bool:
        """Read targets until one has this number. Return whether each had its own content."""
        whole = True
        target = None
        while target is None or target.number < last:
            target = self.agreement.latest()
            if target is not None:
                whole = whole and target.content == long_content(target.number)
        return whole

    def write_equal_halves(self) -> None:
        """Store numbers whose two halves are equal, in the background, for ever."""
        threading.Thread(target=self._write_equal_halves, daemon=True).start()

    def hold_members_lock(self) -> None:
        self._held = try_lock(self._folder / "members.lock")
        assert self._held is not None

    def ask_for_scans(self, count: int) -> list[int]:
        return [self.agreement.ask_for_scan() for _ in range(count)]

    def start_program(self) -> int:
        """Start a program that goes on when this process dies. Return its process id."""
        return subprocess.Popen(["/bin/sleep", "600"], close_fds=False).pid

    def _follow(self) -> None:
        joined = False
        while True:
            joined = joined and self.agreement.committed[0] in self._prepared
            if not joined and (joined := self.agreement.join()):
                continue
            target = self.agreement.in_force() if not joined else None
            target = target or self.agreement.latest()
            if target is not None and target.number not in self._prepared:
                self.prepare(target.number)
            time.sleep(0.0005)

    def _compete(self) -> None:
        while not self.agreement.lead():
            time.sleep(0.001)
        while True:
            number = self.agreement.publish("")
            wait_until(lambda number=number: self.agreement.commit(number))  # type: ignore[misc]

    def _put_in_force(self, targets: int) -> None:
        for _ in range(targets):
            self.put_in_force(self.agreement.publish(""))

    def _join_once(self) -> tuple[int, int]:
        agreement = Agreement(self._folder)
        while not agreement.join():
            target = agreement.in_force()
            if target is not None:
                agreement.report(target.number, {})
        joined = agreement.committed[0]
        time.sleep(0.003)
        later = agreement.committed[0]
        agreement.leave()
        return joined, later

    def _write_equal_halves(self) -> None:
        page, number = self.agreement._page, 0
        while True:
            number = (number + 1) % 2**32
            page[0] = number << 32 | number


def long_content(number: int) -> str:
    return f"{number} é\r\n" * 20_000
