"""What is served, for `GET /models` and `GET /models/NAME`."""

import asyncio
from typing import Any, Literal

from pydantic import BaseModel, Field

from service.api.endpoints import ENDPOINTS
from service.api.trident.model_states import ModelStates, VersionStatus
from service.api.trident.shadow_comparisons import ShadowComparison, read_shadow_comparisons
from service.engine.engine import Engine
from service.engine.folder.policy import SHADOW
from service.engine.registry import ModelChoice
from service.engine.served_model import ServedModel
from service.runtime.runner import ShapeProgram


class AnyModel(BaseModel):
    """What every description of a model says."""

    name: str = Field(description="The model's name.")
    task: str | None = Field(description="What kind of task it has; null if no card says it.")
    description: str = Field(description="What it does; empty if no version is served.")
    default_of: list[str] = Field(description="The endpoints whose default model it is.")
    version_labels: dict[str, int] = Field(description="The version of each version label.")
    canary_share: float = Field(
        description="The part of the requests without a version that the canary answers, 0 to 1."
    )
    states: list[VersionStatus] = Field(
        description="The state of every version in the folder of models, the newest first."
    )
    shadow_comparisons: list[ShadowComparison] = Field(
        description="How often the shadow version agrees with the versions that answer."
    )


class ModelSummary(AnyModel):
    """A short description of a model."""

    versions: list[int] = Field(description="The versions that are served, the newest first.")


class ModelList(BaseModel):
    """The models in the folder of models."""

    models: list[ModelSummary] = Field(description="All models, by name.")
    faults: list[str] = Field(
        description="What can't be read in the folder of models, or can't be done as it says."
    )


class Tensor(BaseModel):
    """An input or an output of a signature."""

    dtype: str = Field(description="The type of its elements.")
    shape: list[int | None] = Field(description="Its shape; null stands for any size.")


class SignatureDescription(BaseModel):
    """A function of a model."""

    inputs: dict[str, Tensor] = Field(description="The inputs by name.")
    outputs: dict[str, Tensor] = Field(description="The outputs by name.")


class Program(BaseModel):
    """What runs the batches of one shape."""

    shapes: dict[str, list[int]] = Field(description="The shape of each input of a batch.")
    used: Literal["plain", "compiled"] = Field(description="The program that runs them.")
    plain_ms: float | None = Field(
        description="Milliseconds of a plain call; null if it wasn't timed."
    )
    compiled_ms: float | None = Field(
        description="Milliseconds of a compiled call; null if it wasn't timed."
    )


class VersionDescription(BaseModel):
    """A version of a model."""

    version: int = Field(description="Its number.")
    task: str = Field(description="What kind of task it has.")
    created: str = Field(description="When it was exported.")
    labels: list[str] | None = Field(description="A classifier's labels, in order.")
    signatures: dict[str, SignatureDescription] = Field(description="Its functions by name.")
    figures: list[dict[str, Any]] = Field(
        description="The measurements from its training, as its card lists them."
    )
    programs: list[Program] = Field(
        description="Which program runs each shape, in the process that answers."
    )


class ModelDescription(AnyModel):
    """A model, with all details of its versions."""

    faults: list[str] = Field(
        description="What can't be read, or can't be done, where the model is named."
    )
    versions: list[VersionDescription] = Field(
        description="The versions that are served, the newest first."
    )


async def list_models(engine: Engine) -> ModelList:
    """Return short descriptions of all models. Raises NotReadyError."""
    seen = ModelStates(engine)
    compared = await _read_comparisons(seen)
    return ModelList(models=[_summary(seen, n, compared) for n in seen.names], faults=seen.faults())


async def describe_model(engine: Engine, name: str) -> ModelDescription:
    """Return the description of a model.

    Raises:
        UnknownModelError, NotReadyError: no version of the model is in the folder of models.
    """
    seen = ModelStates(engine)
    if name not in seen.names:
        engine.kind_of(ModelChoice(name))
    summary = _summary(seen, name, await _read_comparisons(seen))
    return ModelDescription(
        **dict(summary) | {"versions": [_version(model) for model in seen.served(name)]},
        faults=seen.faults(name),
    )


async def _read_comparisons(seen: ModelStates) -> dict[str, list[ShadowComparison]]:
    if not any(SHADOW in seen.labels(name) for name in seen.names):
        return {}
    return await asyncio.to_thread(read_shadow_comparisons)


def _summary(
    seen: ModelStates, name: str, compared: dict[str, list[ShadowComparison]]
) -> ModelSummary:
    served, labels, task = seen.served(name), seen.labels(name), seen.task(name)
    shadow = labels.get(SHADOW)
    return ModelSummary(
        name=name,
        task=task,
        description=served[0].card.description if served else "",
        default_of=[e.path for e in ENDPOINTS if e.kind == task and seen.is_default(name, e.kind)],
        version_labels=dict(labels),
        canary_share=seen.canary_share(name),
        states=seen.states(name),
        shadow_comparisons=[c for c in compared.get(name, ()) if c.version == shadow],
        versions=[model.version for model in served],
    )


def _version(served: ServedModel) -> VersionDescription:
    card = served.card
    return VersionDescription(
        version=served.version,
        task=served.kind,
        created=card.created,
        labels=None if card.labels is None else list(card.labels),
        signatures={
            name: SignatureDescription.model_validate(spec.model_dump())
            for name, spec in card.signatures.items()
        },
        figures=list(card.metrics),
        programs=[_program(program) for program in served.programs()],
    )


def _program(program: ShapeProgram) -> Program:
    return Program(
        shapes={name: list(shape) for name, shape in program.shapes.items()},
        used=program.used,
        plain_ms=_milliseconds(program.plain),
        compiled_ms=_milliseconds(program.compiled),
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)
