"""The rollout: how this worker comes to serve what the folder of models says.

One worker leads: it decides what all of them shall serve, and publishes that as the next target.
Every worker loads what is new in it beside what it serves. When all are ready, the leader commits
the target, and all of them serve it from the same moment on. What isn't served any more answers its
last requests, and is freed. See docs/decisions/versions.md.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Final, TypeVar

from service.engine.folder.artifact import Key, open_artifact
from service.engine.limits import Limits
from service.engine.optimizer import Optimizer, return_free_memory, take_step
from service.engine.registry import Registry, make_snapshot
from service.engine.rollout.agreement import Agreement, Target
from service.engine.rollout.leader import Leader, Watching, parse_target, write_key
from service.engine.rollout.loading_guard import LoadingGuard
from service.engine.rollout.serving_target import ServingTarget, WantedVersion
from service.engine.served_model import ServedModel, load_model
from service.errors import CorruptModelError, NotReadyError
from service.telemetry.metrics import record_rejected, record_unloaded

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_TURN_SECONDS: Final = 0.05
_BEAT_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 5.0
_OPTIMIZE_SECONDS: Final = 0.5  # for a new version's programs, before it answers


class Rollout:
    """This worker's part. It belongs to one event loop."""

    def __init__(
        self,
        watching: Watching,
        agreement: Agreement,
        guard: LoadingGuard,
        registry: Registry,
        limits: Limits,
    ) -> None:
        """Fill `registry`, whose committed number is that of `agreement`."""
        self._watching = watching
        self._agreement = agreement
        self._registry = registry
        self._limits = limits
        self._guard = guard
        self._optimizer = Optimizer()
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._leader: Leader | None = None
        self._loaded: dict[Key, ServedModel] = {}
        self._unloading: dict[ServedModel, asyncio.Task[None]] = {}
        self._reported = 0
        self._retry_at = 0.0
        self._in_force = 0
        self._served: Mapping[Key, ServedModel] = {}
        self._rejected: Set[tuple[str, str]] = frozenset()
        self._tasks: list[asyncio.Task[None]] = []
        self.loading: Key | None = None
        """The version that is being loaded, if one is."""

    @property
    def unloading(self) -> Set[Key]:
        """The versions that answer their last requests."""
        return {model.artifact.key for model in self._unloading}

    def loaded(self) -> list[ServedModel]:
        """Return all versions in memory."""
        return [*self._loaded.values(), *self._unloading]

    def target(self) -> ServingTarget:
        """Return the newest target, whether it is in force yet or not."""
        return parse_target(self._agreement.latest())

    async def start(self) -> None:
        """Return when this worker serves at least one model; then keep it up to date."""
        self._tasks.append(asyncio.create_task(self._keep_beating()))
        while not self._served:
            await self._take_turn()
        self._tasks.append(asyncio.create_task(self._keep_turning()))

    async def rescan(self) -> None:
        """Have the folder scanned now. Return when what is in it is served, or rejected."""
        number = self._agreement.ask_for_scan()
        while self._agreement.scans_done < number:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(_TURN_SECONDS)

    async def close(self) -> None:
        """Load nothing more, and let the running batches finish."""
        self._optimizer.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(model.batcher.close() for model in self._loaded.values()))
        self._loader.shutdown(wait=False, cancel_futures=True)
        self._agreement.leave()

    async def _keep_turning(self) -> None:
        while True:
            await self._take_turn()

    async def _keep_beating(self) -> None:
        while True:
            self._agreement.beat()
            await asyncio.sleep(_BEAT_SECONDS)

    async def _take_turn(self) -> None:
        try:
            is_busy = await self._turn()
        except OSError as error:  # a full disk, for instance: there may be room later
            logger.error("versions can't be changed now: %s", error)  # noqa: TRY400
            is_busy = False
        except Exception as error:
            logger.exception(
                "a turn of the rollout failed, the next one goes on: %s",
                error,  # noqa: TRY401 - the traceback has no message
            )
            is_busy = False
            await asyncio.sleep(_BEAT_SECONDS)
        await asyncio.sleep(0 if is_busy else _TURN_SECONDS)

    async def _turn(self) -> bool:
        """Take the next step, as the leader and as a follower. Return whether there was one."""
        if self._leader is None and self._agreement.lead():
            self._leader = Leader(self._watching, self._agreement)
        has_led = await self._leader.turn() if self._leader is not None else False
        has_followed = await self._follow()
        return self._switch() or has_led or has_followed

    async def _follow(self) -> bool:
        target = self._next_target()
        if target is None or target.number <= self._reported or time.monotonic() < self._retry_at:
            return False
        await self._prepare(target)
        return True

    def _next_target(self) -> Target | None:
        """Return the newest target. A new worker begins with the one that the others serve."""
        if not self._in_force and self._leader is None:
            in_force = self._agreement.in_force()
            if in_force is not None and in_force.number > self._reported:
                return in_force
        return self._agreement.latest()

    async def _prepare(self, target: Target) -> None:
        """Load what is new in a target, beside what is served; then report."""
        content, failures = parse_target(target), {}
        for version in content.versions:
            if version.key not in self._loaded:
                try:
                    self._loaded[version.key] = await self._load(version)
                except CorruptModelError as error:
                    failures[write_key(version.key)] = str(error)
        if failures and target.number == self._agreement.committed[0]:
            # The others serve it, so it isn't rejected: perhaps only this worker can't load it.
            logger.error("this worker can't serve yet: %s", " ".join(failures.values()))
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            return
        if not failures:
            models = [self._loaded[version.key] for version in content.versions]
            self._registry.prepare(target.number, make_snapshot(models, content.serving()))
        self._reported = target.number
        self._agreement.report(target.number, failures)
        self._unload_all_but({version.key for version in content.versions} | self._in_use())

    def _in_use(self) -> Set[Key]:
        """Return the versions that answer, even if `_switch` hasn't taken note of them yet."""
        found: set[Key] = set()
        with suppress(NotReadyError):  # nothing answers until this target is prepared
            found = {model.artifact.key for model in self._registry.models()}
        return found | self._served.keys()

    def _before(self, version: WantedVersion) -> ServedModel | None:
        """Return the newest version that is served now of the same model and task, if any."""
        served = (model for model in self._served.values() if model.name == version.name)
        return next((model for model in served if model.kind == version.task), None)

    async def _load(self, version: WantedVersion) -> ServedModel:
        try:
            return await self._in_loader(self._load_in_thread, version)
        except CorruptModelError:
            raise
        except Exception as error:
            logger.exception("%s/%d failed while it was loaded", version.name, version.version)
            raise CorruptModelError(f"{type(error).__name__}: {error}") from error

    def _load_in_thread(self, version: WantedVersion) -> ServedModel:
        artifact = open_artifact(version.path, version.digest)
        if self._in_force:
            # One worker after another: the others answer meanwhile at their full speed.
            with self._guard.turn(), self._guard.loading(version.key), self._noted(version.key):
                model = load_model(artifact, self._limits, self._before(version))
                _optimize_for(model, _OPTIMIZE_SECONDS)
                return model
        # At the start all workers load at once. One death may be an accident.
        with self._guard.loading(version.key, deaths=2), self._noted(version.key):
            return load_model(artifact, self._limits)

    @contextmanager
    def _noted(self, key: Key) -> Iterator[None]:
        self.loading = key
        try:
            yield
        finally:
            self.loading = None

    def _switch(self) -> bool:
        """Take note of a target that has come in force. Return whether one has."""
        number = self._agreement.committed[0]
        if number == self._in_force or not self._agreement.join():
            return False
        models = {model.artifact.key: model for model in self._registry.models()}
        turn = self._guard.turn if self._in_force else nullcontext
        for model in (models[key] for key in models.keys() - self._served.keys()):
            self._optimizer.add(model.card, model.races, turn)
        self._in_force, self._served = number, models
        self._record(parse_target(self._agreement.in_force()))
        newest = {version.key for version in self.target().versions}
        self._unload_all_but(models.keys() | newest)
        return True

    def _record(self, target: ServingTarget) -> None:
        rejected = {(v.name, v.version) for v in target.others if v.state == "END"}
        for name, version in rejected ^ self._rejected:
            record_rejected(name, version, rejected=(name, version) in rejected)
        self._rejected = rejected

    def _unload_all_but(self, needed: Set[Key]) -> None:
        for key in self._loaded.keys() - needed:
            model = self._loaded.pop(key)
            self._unloading[model] = asyncio.create_task(self._unload(model))

    async def _unload(self, model: ServedModel) -> None:
        await asyncio.to_thread(self._optimizer.remove, model.card)
        await model.drain()
        await self._in_loader(model.saved_model.close)
        if not any(key[:2] == (model.name, model.version) for key in self._loaded):
            record_unloaded(model.name, model.version, task=model.kind, tensorflow=model.tensorflow)
        logger.info("unloaded %s/%d", model.name, model.version)
        del self._unloading[model]
        await self._in_loader(return_free_memory)

    async def _in_loader(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """Call in the thread that loads and frees all versions.

        The C library has memory apart for each thread: what one version leaves is used by the next.
        """
        return await asyncio.get_running_loop().run_in_executor(self._loader, call, *arguments)


def _optimize_for(model: ServedModel, seconds: float) -> None:
    """Find fast programs for a version, until the time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and take_step(model.card, model.races):
        pass
