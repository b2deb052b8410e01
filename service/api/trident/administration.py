"""The calls of those who may change what is served: reload the models, move a label."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.api.endpoints import MOST_VERSION
from service.api.trident.label_moves import Labels, put_back, read_labels
from service.api.trident.model_states import ModelStates, VersionStatus
from service.api.trident.models import describe_model, list_models
from service.api.trident.routes import request_id_of, shown
from service.engine.engine import Engine
from service.engine.folder.labels import move_label
from service.engine.rollout.rollout import Rollout
from service.errors import (
    ConflictError,
    CorruptModelError,
    DeadlineExceededError,
    MalformedRequestError,
    NotReadyError,
    TooLargeError,
    UnknownModelError,
    UnwritableModelsError,
    first_fault,
    quoted,
)

logger = logging.getLogger(__name__)

_MOST_BODY_BYTES: Final = 4096

Change: TypeAlias = Callable[[Request, str], Awaitable[BaseModel]]
"""Makes the change that a request with this id asks for, and returns what to answer."""


class LabelPlace(BaseModel):
    """Where a label shall be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: int = Field(
        ge=1, le=MOST_VERSION, description="The version that gets the label.", examples=[2]
    )
    share: float | None = Field(
        default=None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Only for `canary`: the part of the requests that it answers, 0 to 1. "
        "Without it the share stays as it is.",
    )


class Administration:
    """Answers the calls that change what is served."""

    def __init__(self, engine: Engine, models: Path, *, request_timeout: float) -> None:
        """Change the files in `models`, which `engine` serves, within `request_timeout` seconds.

        Whoever calls may do so: the gate lets nobody else in.
        """
        self._engine = engine
        self._models = models
        self._request_timeout = request_timeout

    def routes(self) -> list[Route]:
        """Return the routes. They come before those of models by name, which match them too."""
        label = "/models/{name}/labels/{label}"
        return [
            Route("/models/reload", self._answering(self._reload), methods=["POST"]),
            Route(label, self._answering(self._put_label), methods=["PUT"]),
            Route(label, self._answering(self._delete_label), methods=["DELETE"]),
        ]

    def _answering(self, change: Change) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            request_id = request_id_of(request)
            return await shown(self._changed(change, request, request_id), request_id)

        return answer

    async def _changed(self, change: Change, request: Request, request_id: str) -> BaseModel:
        self._started()  # before anything is changed
        async with self._in_time():
            try:
                return await change(request, request_id)
            except (CorruptModelError, UnwritableModelsError) as error:
                raise ConflictError(str(error)) from error

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._request_timeout):
                yield
        except TimeoutError:
            raise DeadlineExceededError(
                f"It takes longer than the {self._request_timeout:g} s of TRIDENT_REQUEST_TIMEOUT, "
                "and goes on. GET /models says what is served and what is being loaded."
            ) from None

    async def _reload(self, _: Request, request_id: str) -> BaseModel:
        _log(request_id, "the folder of models is read again")
        await self._started().rescan()
        return await list_models(self._engine)

    async def _put_label(self, request: Request, request_id: str) -> BaseModel:
        name, label = request.path_params["name"], request.path_params["label"]
        place = await _read_place(request)
        await self._started().rescan()
        before = await asyncio.to_thread(read_labels, self._models, name)
        self._check_servable(name, place.version)
        await self._move(name, label, place.version, place.share)
        states = self._states(name, place.version)
        if not _are_wanted(states) and await self._put_back(name, label, place.version, before):
            _log(request_id, f"{name}: the label {label} is put back")
            raise _unservable(name, place.version, states)
        share = "" if place.share is None else f", its share is {place.share:g}"
        _log(request_id, f"{name}: the label {label} is at version {place.version}{share}")
        return await describe_model(self._engine, name)

    async def _delete_label(self, request: Request, request_id: str) -> BaseModel:
        name, label = request.path_params["name"], request.path_params["label"]
        if label not in (await asyncio.to_thread(read_labels, self._models, name)).versions:
            raise UnknownModelError(
                f"No version of the model {quoted(name)} has the label {quoted(label)}."
            )
        await self._move(name, label, None, None)
        _log(request_id, f"{name}: the label {label} is removed")
        return await describe_model(self._engine, name)

    def _started(self) -> Rollout:
        if self._engine.rollout is None:
            raise NotReadyError("The service is starting: try again.")
        return self._engine.rollout

    async def _move(self, name: str, label: str, version: int | None, share: float | None) -> None:
        await asyncio.to_thread(move_label, self._models, name, label, version, share)
        await self._started().rescan()

    def _states(self, name: str, version: int) -> list[VersionStatus]:
        states = ModelStates(self._engine).states(name)
        return [one for one in states if one.version == version]

    def _check_servable(self, name: str, version: int) -> None:
        """Raise ConflictError if a version is known to be unservable, or isn't there."""
        states = self._states(name, version)
        if any(one.reason for one in states) and not _are_wanted(states):
            raise _unservable(name, version, states)
        if not (self._models / name / str(version)).is_dir():
            raise ConflictError(
                f"There is no version {version} of {name} in the folder of models: copy it first."
            )

    async def _put_back(self, name: str, label: str, version: int, before: Labels) -> bool:
        """Undo a move. Return False if another call has moved the label in the meantime."""
        is_back = await asyncio.to_thread(put_back, self._models, name, label, version, before)
        await self._started().rescan()
        return is_back


def _are_wanted(states: list[VersionStatus]) -> bool:
    return any(one.state in ("AVAILABLE", "LOADING") for one in states)


def _unservable(name: str, version: int, states: list[VersionStatus]) -> ConflictError:
    reasons = " ".join(one.reason for one in states if one.reason)
    return ConflictError(
        f"{name}/{version} can't be served, so it gets no label. {reasons}".strip()
    )


async def _read_place(request: Request) -> LabelPlace:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BODY_BYTES:
            raise TooLargeError(f"The body may have at most {_MOST_BODY_BYTES} bytes.")
    try:
        return LabelPlace.model_validate_json(body)
    except ValidationError as error:
        raise MalformedRequestError(
            'Send JSON such as {"version": 2}, or {"version": 2, "share": 0.05} for the label '
            f"canary. {first_fault(error)}."
        ) from error


def _log(request_id: str, change: str) -> None:
    logger.info("request %s: %s", request_id, change, extra={"request_id": request_id})
