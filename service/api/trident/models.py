"""What is served, for `GET /models` and `GET /models/NAME`."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from service.api.endpoints import ENDPOINTS
from service.engine.engine import Engine
from service.engine.served_model import ServedModel
from service.runtime.runner import ShapeProgram


class ModelSummary(BaseModel):
    """A short description of a model."""

    name: str = Field(description="The model's name.")
    task: str = Field(description="What kind of task it has.")
    description: str = Field(description="What it does.")
    default_of: list[str] = Field(description="The endpoints whose default model it is.")
    versions: list[int] = Field(description="The versions that are served, the newest first.")


class ModelList(BaseModel):
    """The models that are served."""

    models: list[ModelSummary] = Field(description="All models, by name.")


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


class ModelDescription(BaseModel):
    """A model, with all details of its versions."""

    name: str = Field(description="The model's name.")
    task: str = Field(description="What kind of task it has.")
    description: str = Field(description="What it does.")
    default_of: list[str] = Field(description="The endpoints whose default model it is.")
    versions: list[VersionDescription] = Field(
        description="The versions that are served, the newest first."
    )


def list_models(engine: Engine) -> ModelList:
    """Return short descriptions of all models."""
    names = sorted({served.name for served in engine.registry.models()})
    return ModelList(models=[_summary(engine, _versions(engine, name)) for name in names])


def describe_model(engine: Engine, name: str) -> ModelDescription:
    """Return the description of a model.

    Raises:
        UnknownModelError, NotReadyError: the model isn't served.
    """
    engine.kind_of(name)
    served = _versions(engine, name)
    summary = _summary(engine, served).model_dump(exclude={"versions"})
    return ModelDescription(**summary, versions=[_version(model) for model in served])


def _versions(engine: Engine, name: str) -> Sequence[ServedModel]:
    """Return a model's versions, the newest first."""
    return [served for served in engine.registry.models() if served.name == name]


def _summary(engine: Engine, served: Sequence[ServedModel]) -> ModelSummary:
    newest = served[0]
    is_default = engine.registry.default(newest.kind) == newest.name
    return ModelSummary(
        name=newest.name,
        task=newest.kind,
        description=newest.card.description,
        default_of=[e.path for e in ENDPOINTS if is_default and e.kind == newest.kind],
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
