"""The leader: the one worker of a service that decides what all of them serve."""

import asyncio
import logging
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from service.engine.folder.artifact import Key
from service.engine.folder.repository import Repository
from service.engine.rollout.agreement import Agreement, Target
from service.engine.rollout.serving_target import OtherVersion, ServingTarget, decide
from service.errors import CorruptModelError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How the folder of models is watched.

    Attributes:
        models: the folder.
        interval: seconds between two scans; 0: only at the start, and when somebody asks.
        latest_versions: how many of a model's newest versions are served by default; 0: all.
        unload_defaults: whether a default model may lose its last version.
    """

    models: Path
    interval: float = 0.0
    latest_versions: int = 1
    unload_defaults: bool = False


class Leader:
    """Scans the folder of models, publishes targets, and commits them when all are ready."""

    def __init__(self, watching: Watching, agreement: Agreement) -> None:
        """Go on from the target in force, if a worker serves it."""
        self._watching = watching
        self._agreement = agreement
        self._repository = Repository(watching.models, latest_versions=watching.latest_versions)
        self._scanned_at = -float("inf")
        self._asked = 0
        self._fault = ""
        in_force = agreement.in_force()
        is_served = in_force is not None and agreement.progress(in_force.number).prepared
        self._before = parse_target(agreement.latest()) if is_served else ServingTarget()
        self._is_new = not is_served
        for version in self._before.others:
            if version.digest is not None:
                self._repository.reject(
                    version.name, int(version.version), version.digest, version.reason
                )

    async def turn(self) -> bool:
        """Take the next step, if there is one. Return whether there was."""
        pending = self._agreement.latest()
        if pending is None or pending.number == self._agreement.committed[0] or self._is_new:
            return await self._scan() if self._scan_is_due() else False
        progress = self._agreement.progress(pending.number)
        if progress.failures:
            return await self._replace(progress.failures.items())
        if not self._agreement.commit(pending.number):
            return False
        self._finish_scans()
        return True

    def _scan_is_due(self) -> bool:
        if self._agreement.scans_asked > self._agreement.scans_done:
            return True
        if self._is_new and self._scanned_at < 0:
            return True
        interval = self._watching.interval
        return interval > 0 and time.monotonic() >= self._scanned_at + interval

    async def _scan(self, failed: Collection[Key] = ()) -> bool:
        """Publish a target if the folder's content asks for one. Return whether it did."""
        self._asked = self._agreement.scans_asked
        settled = self._asked > self._agreement.scans_done or self._is_first_and_settled()
        try:
            folder = await asyncio.to_thread(self._repository.scan, settled=settled)
        except CorruptModelError as error:
            self._tell(str(error))
            self._scanned_at = time.monotonic()
            self._finish_scans()
            return False
        self._scanned_at = time.monotonic()
        unload_defaults = self._watching.unload_defaults
        target = decide(folder, self._before, failed=failed, unload_defaults=unload_defaults)
        if target == self._before and not self._is_new:
            self._finish_scans()
            return False
        _log_changes(self._before, target)
        self._agreement.publish(target.model_dump_json())
        self._before, self._is_new = target, False
        return True

    def _is_first_and_settled(self) -> bool:
        """Whether this is the first scan, and nobody seems to copy files to the folder now."""
        is_copying = any(version.state == "START" for version in self._before.others)
        return self._scanned_at < 0 and not is_copying

    async def _replace(self, failures: Iterable[tuple[str, str]]) -> bool:
        """Publish a target without the versions that a worker can't load. Return whether it did."""
        failed: set[Key] = set()
        for written, reason in failures:
            name, version, digest = read_key(written)
            failed.add((name, version, digest))
            self._repository.reject(name, version, digest, reason)
        return await self._scan(failed)

    def _finish_scans(self) -> None:
        self._agreement.finish_scans(max(self._asked, self._agreement.scans_done))

    def _tell(self, fault: str) -> None:
        """Log why nothing can be served, once."""
        if fault != self._fault:
            logger.error("no model can be served: %s", fault)
            self._fault = fault


def parse_target(target: Target | None) -> ServingTarget:
    """Return what a target says; if there is none, that nothing is served."""
    return ServingTarget() if target is None else ServingTarget.model_validate_json(target.content)


def write_key(key: Key) -> str:
    """Return a version's key as one text, for a report."""
    name, version, digest = key
    return f"{name}/{version}/{digest}"


def read_key(written: str) -> Key:
    """Return the key that `write_key` wrote."""
    name, version, digest = written.split("/")
    return name, int(version), digest


def _log_changes(before: ServingTarget, after: ServingTarget) -> None:
    for version in after.others:
        if version not in before.others:
            _log_version(version)
    for fault in after.faults:
        if fault not in before.faults:
            logger.warning("%s", fault)
    if not after.versions:
        logger.error("no model can be served: not ready until one can")


def _log_version(version: OtherVersion) -> None:
    if version.state == "END":
        logger.error("%s/%s isn't served: %s", version.name, version.version, version.reason)
    else:
        logger.info("%s/%s isn't complete yet: %s", version.name, version.version, version.reason)
