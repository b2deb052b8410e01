"""Requests and answers as BentoML and its client see them."""

from typing import Any, Final, Self

from bentoml import IODescriptor
from PIL.Image import Image
from pydantic import Field

from service.api.reading.forms import READERS
from service.api.reading.samples import SAMPLE_WORDS
from service.tasks.kinds import Input


class _ReadByTheAdapter(IODescriptor):
    """An input whose fields are documentation: the HTTP adapter reads the request itself."""

    @classmethod
    async def from_http_request(cls, request: Any, serde: Any) -> Self:
        """Don't read the body."""
        unread: Self = cls.model_construct()
        return unread


# No field of a request is required. None is declared `X | None`, because BentoML's schemas have no
# optional files; a default of None has the same effect in the client.
_OMITTED: Any = None


_IMAGE, _TEXT = READERS["image"], READERS["text"]


class ImageRequest(_ReadByTheAdapter):
    """One image or several; not both."""

    image: Image = Field(default=_OMITTED, description=_IMAGE.one)
    images: list[Image] = Field(default=_OMITTED, description=_IMAGE.several)


class TextRequest(_ReadByTheAdapter):
    """One text or several; not both."""

    text: str = Field(default=_OMITTED, description=_TEXT.one, examples=[_TEXT.examples[0]])
    texts: list[str] = Field(
        default=_OMITTED, description=_TEXT.several, examples=[list(_TEXT.examples[1:])]
    )


class TensorRequest(_ReadByTheAdapter):
    """Arrays by the names of a model's inputs."""

    inputs: dict[str, Any] = Field(default=_OMITTED, description=READERS["tensors"].one)


class SampleRequest(_ReadByTheAdapter):
    """Which images to make."""

    label: str = Field(default=_OMITTED, description=SAMPLE_WORDS["label"], examples=["7"])
    count: int = Field(default=_OMITTED, description=SAMPLE_WORDS["count"], examples=[4])
    seed: int = Field(default=_OMITTED, description=SAMPLE_WORDS["seed"], examples=[42])


REQUESTS: Final[dict[Input, type[IODescriptor]]] = {
    "image": ImageRequest,
    "sample": SampleRequest,
    "text": TextRequest,
    "tensors": TensorRequest,
}
"""The schema of a request for each kind of input."""
