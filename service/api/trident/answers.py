"""The endpoints' inputs and answers, as the API page and BentoML's client show them."""

from typing import Any, Self

from bentoml import IODescriptor
from PIL.Image import Image
from pydantic import BaseModel, Field


class _ReadByTheAdapter(IODescriptor):
    """An input whose fields are documentation: the HTTP adapter reads the request itself."""

    @classmethod
    async def from_http_request(cls, request: Any, serde: Any) -> Self:
        """Leave the body alone."""
        unread: Self = cls.model_construct()
        return unread


# No field of a request is required, and none is `X | None`: BentoML's schemas know no optional
# files. A default of None says the same to the client.
_OMITTED: Any = None


class ImageRequest(_ReadByTheAdapter):
    """One image or several; not both."""

    image: Image = Field(
        default=_OMITTED,
        description="One image file: PNG, JPEG, GIF, BMP, WebP or TIFF.",
    )
    images: list[Image] = Field(
        default=_OMITTED, description="Several image files, answered by a list."
    )


class TextRequest(_ReadByTheAdapter):
    """One text or several; not both."""

    text: str = Field(
        default=_OMITTED, description="One text.", examples=["A wonderful film, from start to end."]
    )
    texts: list[str] = Field(
        default=_OMITTED,
        description="Several texts, answered by a list.",
        examples=[["I loved every minute.", "Two hours that I won't get back."]],
    )


class Answer(IODescriptor):
    """What every answer says."""

    model: str = Field(description="The model that answered.", examples=["digits"])
    version: int = Field(description="Its version.", examples=[1])


class LabelProbability(BaseModel):
    """A label and its probability."""

    label: str = Field(description="The label.", examples=["7"])
    probability: float = Field(
        description="The label's probability.", ge=0, le=1, examples=[0.9987]
    )


class ClassificationAnswer(Answer):
    """What an image shows."""

    label: str = Field(description="The likeliest label.", examples=["7"])
    probability: float = Field(description="Its probability.", ge=0, le=1, examples=[0.9987])
    top: list[LabelProbability] = Field(
        description="The likeliest labels, best first: at most five.",
        examples=[[{"label": "7", "probability": 0.9987}, {"label": "1", "probability": 0.0008}]],
    )


class SentimentAnswer(Answer):
    """How a text speaks of its subject."""

    label: str = Field(description="The likeliest label.", examples=["positive"])
    score: float = Field(description="The probability of that label.", ge=0, le=1, examples=[0.97])
    probabilities: dict[str, float] = Field(
        description="Each label's probability.", examples=[{"negative": 0.03, "positive": 0.97}]
    )
    truncated: bool = Field(
        description="Whether the text was too long and was cut.", examples=[False]
    )


class EmbeddingAnswer(Answer):
    """An image as a vector of numbers."""

    embedding: list[float] = Field(description="The vector.", examples=[[0.12, -1.3, 0.78]])
    dimensions: int = Field(description="The vector's length.", examples=[3])
    reconstruction_error: float = Field(
        description="Mean squared error of the image made again from the vector. "
        "Large: the image is unlike those that the model was trained on.",
        ge=0,
        examples=[0.004],
    )


class Problem(BaseModel):
    """What went wrong, as RFC 9457 says it."""

    type: str = Field(
        description="The kind of problem, for programs.",
        examples=["urn:trident:problem:undecodable-input"],
    )
    title: str = Field(
        description="The kind of problem, for people.", examples=["Undecodable input"]
    )
    status: int = Field(
        description="The HTTP status, or what it would be for an input of a list.",
        examples=[422],
    )
    detail: str = Field(
        description="What to change.",
        examples=["These 12 bytes aren't an image: send a file in one of PNG, JPEG, GIF."],
    )
