"""Answers as callers get them: JSON, and its schema, from what a task's answer declares."""

from base64 import b64encode
from dataclasses import fields
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints, is_typeddict

import numpy as np
import orjson
from pydantic import BaseModel, Field, create_model

from service.api.pictures import encode_png
from service.api.problems import problem
from service.errors import TridentError
from service.prediction import Prediction
from service.tasks.image_generation import Picture
from service.tasks.kinds import KINDS
from service.tasks.preprocessing.arrays import nested_lists


class AnyAnswer(BaseModel):
    """What every answer says."""

    model: str = Field(description="The model that answered.", examples=["digits"])
    version: int = Field(description="Its version.", examples=[1])


def dump(content: Any) -> bytes:
    """Return content as JSON. It may hold numpy arrays and pictures."""
    return orjson.dumps(content, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(value: Any) -> Any:
    """Return what JSON has for a value that it doesn't know."""
    if isinstance(value, Picture):
        return b64encode(encode_png(value.pixels)).decode()
    return nested_lists(value)


def answer_fields(answer: Any) -> dict[str, Any]:
    """Return the declared fields of a task's answer."""
    return {name: getattr(answer, name) for name in _FIELDS[type(answer)]}


def answer_json(outcome: Any, prediction: Prediction) -> dict[str, Any]:
    """Return the JSON object for one outcome: an answer, or the problem of an error."""
    if isinstance(outcome, TridentError):
        return problem(outcome)
    result = answer_fields(outcome)
    result["model"] = prediction.model
    result["version"] = prediction.version
    return result


def answer_schema(answer: type[Any], base: type[BaseModel] = AnyAnswer) -> type[BaseModel]:
    """Return the model of the JSON object for a task's answer, with the fields of `base` too."""
    model: type[BaseModel] = create_model(
        f"{answer.__name__}Answer", __base__=base, __doc__=answer.__doc__, **_schema_fields(answer)
    )
    return model


def _schema_fields(declared: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(declared, include_extras=True)
    return {name: (_schema_type(hint), ...) for name, hint in hints.items()}


def _schema_type(hint: Any) -> Any:
    """Return what pydantic makes the schema of.

    It is a list for an array, a string for a picture, a model for a TypedDict.
    """
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        return Annotated[_schema_type(inner), *metadata]
    if hint is Picture:
        return str
    if get_origin(hint) is np.ndarray:
        return list[float]
    if get_origin(hint) is list:
        (item,) = get_args(hint)
        return list[_schema_type(item)]  # type: ignore[misc]
    if is_typeddict(hint):
        return create_model(hint.__name__, __doc__=hint.__doc__, **_schema_fields(hint))
    return hint


_FIELDS: Final = {
    kind.answer: tuple(field.name for field in fields(kind.answer)) for kind in KINDS.values()
}
