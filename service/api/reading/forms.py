"""Reading the inputs of a request, in each of the forms that an endpoint accepts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from service.api.reading.base64_text import decode_base64
from service.api.reading.charsets import decode_text
from service.api.reading.json_body import parse_json, read_json
from service.api.reading.media_type import parse_content_type, unsupported
from service.api.reading.multipart import Field, read_fields
from service.api.reading.samples import SAMPLE_FIELDS, make_samples, read_sample_fields
from service.errors import MalformedRequestError, TooLargeError, UndecodableInputError
from service.tasks.kinds import Input

_SPARE_FIELDS: Final = 16  # fields that a form may have beside its images: empty ones


@dataclass(slots=True)
class Form:
    """A request's inputs. An input that can't be read is replaced by its error.

    `is_list` tells whether the caller sent a list, and so expects one.
    """

    inputs: list[Any]
    is_list: bool


def read_images(content_type: str, body: bytes, max_inputs: int) -> Form:
    """Read image files: a raw body, multipart fields, or base64 in JSON.

    Args:
        content_type: the Content-Type header, parameters included.
        body: the whole body, decompressed.
        max_inputs: most images in the body.

    Raises:
        UnsupportedMediaTypeError, MalformedRequestError, TooLargeError: for the whole request.
    """
    media_type, parameters = parse_content_type(content_type)
    match media_type:
        case "application/json":
            charset = parameters.get("charset", "")
            names = ("image", "images")
            return Form(*read_json(_required(body, "JSON"), charset, names, _image, max_inputs))
        case "multipart/form-data":
            return _read_form(body, parameters.get("boundary", ""), max_inputs)
        case raw if raw.startswith("image/"):
            return Form([_required(body, "an image file")], is_list=False)
        case other:
            raise unsupported(
                other,
                "an image as image/png (or another image/ type), multipart/form-data with a "
                'field "image", or application/json with {"image": base64}',
            )


def read_texts(content_type: str, body: bytes, max_inputs: int) -> Form:
    """Read texts: a plain body, or strings in JSON, in the declared charset.

    The arguments are those of `read_images`.

    Raises:
        UnsupportedMediaTypeError, MalformedRequestError, UndecodableInputError, TooLargeError:
            for the whole request.
    """
    media_type, parameters = parse_content_type(content_type)
    charset = parameters.get("charset", "")
    match media_type:
        case "application/json":
            names = ("text", "texts")
            return Form(*read_json(_required(body, "JSON"), charset, names, _text, max_inputs))
        case "text/plain":
            return Form([_plain_text(_required(body, "a text"), charset)], is_list=False)
        case other:
            raise unsupported(
                other, 'a text as text/plain, or application/json with {"text": "..."}'
            )


def read_tensors(content_type: str, body: bytes, max_inputs: int) -> Form:
    """Read arrays by name, as nested lists: {"inputs": {"name": [[1, 2], [3, 4]]}}.

    The arguments are those of `read_images`.

    Raises:
        UnsupportedMediaTypeError, MalformedRequestError: for the whole request.
    """
    media_type, parameters = parse_content_type(content_type)
    if media_type != "application/json":
        raise unsupported(media_type, 'arrays as application/json, {"inputs": {"name": [...]}}')
    content = parse_json(_required(body, "JSON"), parameters.get("charset", ""))
    if not (isinstance(content, dict) and isinstance(content.get("inputs"), dict)):
        raise MalformedRequestError(
            'The JSON must be an object with "inputs", an object of arrays by their names.'
        )
    if len(content) != 1:
        raise MalformedRequestError('The JSON must hold "inputs" and nothing else.')
    return Form([content["inputs"]], is_list=False)


def read_samples(content_type: str, body: bytes, max_inputs: int) -> Form:
    """Read which images to make: a label, a count and a seed, in JSON or in a form.

    An empty body asks for one image of any label. The arguments are those of `read_images`.

    Raises:
        UnsupportedMediaTypeError, MalformedRequestError, TooLargeError: for the whole request.
    """
    fields = read_sample_fields(content_type, body)
    return Form(make_samples(fields, max_inputs), is_list=fields.count is not None)


def _required(body: bytes, expected: str) -> bytes:
    if not body:
        raise MalformedRequestError(f"The body is empty: send {expected} in it.")
    return body


def _plain_text(body: bytes, charset: str) -> str:
    text = decode_text(body, charset)
    if not charset and 4 * text.count("\0") > len(text):
        raise UndecodableInputError(
            "The text has many zero bytes, so it is UTF-16 and not UTF-8: declare charset=utf-16 "
            "in its Content-Type."
        )
    return text


def _image(name: str, value: Any) -> bytes:
    if not isinstance(value, str):
        raise MalformedRequestError(f'"{name}" must hold an image file as a base64 string.')
    return decode_base64(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise MalformedRequestError(f'"{name}" must hold a string for each text.')
    return value


def _read_form(body: bytes, boundary: str, max_inputs: int) -> Form:
    if not boundary:
        raise MalformedRequestError(
            "The multipart Content-Type has no boundary: add the body's boundary."
        )
    fields = read_fields(body, boundary.encode("latin-1"), max_inputs + _SPARE_FIELDS)
    files = [field for field in fields if _is_image(field)]
    if len(files) > max_inputs:
        raise TooLargeError(
            f"A request may have at most {max_inputs} images: send several requests."
        )
    if not files:
        raise MalformedRequestError('The form is empty: put a file in a field named "image".')
    is_list = len(files) > 1 or files[0].name == "images"
    return Form([field.content for field in files], is_list)


def _is_image(field: Field) -> bool:
    """Return whether a field is an image or empty. Raises MalformedRequestError if neither."""
    if field.name not in ("image", "images"):
        raise MalformedRequestError(
            'The form must hold files in fields named "image" and nothing else: with curl, '
            "-F image=@digit.png."
        )
    if not field.is_empty and not field.is_file:
        raise MalformedRequestError(
            f'The field "{field.name}" holds text, but the form must hold files: with curl, write '
            f"-F {field.name}=@digit.png, with @ and not <; in other clients, add a filename."
        )
    return not field.is_empty


@dataclass(frozen=True, slots=True)
class Reader:
    """How a request's inputs are read, and how the documentation describes them.

    `one` and `several` describe the fields for one input and for a list of them. One byte of a body
    becomes at most `growth` bytes in the inputs. `parameters` are fields that may also be in the
    URL; there they are sent instead of a body, in the form of a query.
    """

    read: Callable[[str, bytes, int], Form]
    growth: int
    one: str
    several: str
    examples: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset()


READERS: Final[dict[Input, Reader]] = {
    "image": Reader(
        read_images,
        growth=1,
        one="One image file: PNG, JPEG, GIF, BMP, WebP or TIFF.",
        several="Several image files. The answer is a list.",
    ),
    "text": Reader(
        read_texts,
        # If a text has one character beyond U+FFFF, each of its characters takes four bytes in
        # memory.
        growth=4,
        one="One text.",
        several="Several texts. The answer is a list.",
        examples=(
            "A wonderful film, from start to end.",
            "I loved every minute.",
            "Two hours that I won't get back.",
        ),
    ),
    "sample": Reader(
        read_samples,
        # The inputs aren't in the body: there are at most 64 of them, of less than a hundred bytes.
        growth=1,
        one="Which images to make. An empty body asks for one of any label.",
        several="",
        parameters=SAMPLE_FIELDS,
    ),
    "tensors": Reader(
        read_tensors,
        # An empty list takes 64 bytes, and 3 in JSON; a number takes 32, and 2 in JSON.
        growth=24,
        one="Arrays by the names of the model's inputs, as nested lists.",
        several="",
    ),
}
"""The reader for each kind of input."""
