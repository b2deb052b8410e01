"""The endpoints' inputs and answers, as BentoML's API page and its client show them."""

from typing import Any, Self

from bentoml import IODescriptor
from PIL.Image import Image
from pydantic import BaseModel, ConfigDict, Field


class _ReadByTheAdapter(IODescriptor):
    """An input whose fields are documentation: the HTTP adapter reads the request itself."""

    @classmethod
    async def from_http_request(cls, request: Any, serde: Any) -> Self:
        """Leave the body alone."""
        unread: Self = cls.model_construct()
        return unread


# No field of a request is required, and none is `X | None`: BentoML's schemas know no optional
# files. A default of None says the same to the API page and to the client.
_OMITTED: Any = None


class ImageRequest(_ReadByTheAdapter):
    """One image or several; not both."""

    image: Image = Field(
        default=_OMITTED,
        description="One image file: PNG, JPEG, GIF, BMP, WebP or TIFF, of any size.",
    )
    images: list[Image] = Field(
        default=_OMITTED, description="Several image files, answered by a list."
    )


class TextRequest(_ReadByTheAdapter):
    """One text or several; not both."""

    # The API page makes its sample of this; of all fields it would make one that is refused.
    model_config = ConfigDict(
        json_schema_extra={"example": {"text": "A wonderful film, from start to end."}}
    )

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

    model: str = Field(description="The model that answered.")
    version: int = Field(description="Its version.", examples=[1])


class LabelProbability(BaseModel):
    """A label and its probability."""

    label: str = Field(examples=["7"])
    probability: float = Field(ge=0, le=1, examples=[0.9987])


class ClassificationAnswer(Answer):
    """What an image shows."""

    label: str = Field(description="The likeliest label.", examples=["7"])
    probability: float = Field(description="Its probability.", ge=0, le=1, examples=[0.9987])
    top: list[LabelProbability] = Field(description="The likeliest labels, best first.")


class SentimentAnswer(Answer):
    """How a text speaks of its subject."""

    label: str = Field(description="The likeliest label.", examples=["positive"])
    score: float = Field(description="The probability of that label.", examples=[0.97])
    probabilities: dict[str, float] = Field(
        description="Each label's probability.", examples=[{"negative": 0.03, "positive": 0.97}]
    )
    truncated: bool = Field(description="Whether the text was too long and was cut.")


class EmbeddingAnswer(Answer):
    """An image's vector."""

    embedding: list[float] = Field(description="The vector.", examples=[[0.12, -1.3]])
    dimensions: int = Field(description="Its length.", examples=[32])
    reconstruction_error: float = Field(
        description="Mean squared error of the image made again from the vector. "
        "Large: the image is unlike those that the model was trained on.",
        examples=[0.004],
    )
