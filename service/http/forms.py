"""Reading the inputs out of a request, in each of the forms that an endpoint takes."""

import base64
import binascii
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.core.errors import (
    MalformedRequestError,
    TooLargeError,
    TridentError,
    UndecodableInputError,
    UnsupportedMediaTypeError,
)


@dataclass(slots=True)
class Form:
    """A request's inputs. One that couldn't be read has its error in its place.

    `is_list` tells whether the caller sent a list, and so expects one.
    """

    inputs: list[Any]
    is_list: bool


async def read_images(content_type: str, body: bytes, max_inputs: int) -> Form:
    """Read image files: a raw body, multipart fields, or base64 in JSON.

    Args:
        content_type: the Content-Type header, parameters included.
        body: the whole body.
        max_inputs: most images in a multipart body.

    Raises:
        UnsupportedMediaTypeError, MalformedRequestError, TooLargeError: for the whole request.
    """
    match _media_type(content_type):
        case "application/json":
            return _read_json(body, "image", "images", _decode_base64)
        case "multipart/form-data":
            return await _read_multipart(content_type, body, max_inputs)
        case raw if raw.startswith("image/"):
            return Form([_required(body, "an image file")], is_list=False)
        case other:
            raise _unsupported(
                other,
                "an image as image/png (or another image/ type), multipart/form-data with a "
                'field "image", or application/json with {"image": base64}',
            )


async def read_texts(content_type: str, body: bytes, max_inputs: int) -> Form:
    """Read texts: a plain body in UTF-8, or strings in JSON.

    The arguments are those of `read_images`.

    Raises:
        UnsupportedMediaTypeError, MalformedRequestError, UndecodableInputError: for the whole
            request.
    """
    match _media_type(content_type):
        case "application/json":
            return _read_json(body, "text", "texts", _check_text)
        case "text/plain":
            return Form([_decode_utf8(_required(body, "a text"))], is_list=False)
        case other:
            raise _unsupported(
                other, 'a text as text/plain, or application/json with {"text": "..."}'
            )


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _unsupported(content_type: str, expected: str) -> UnsupportedMediaTypeError:
    sent = f"The content type {content_type}" if content_type else "A missing content type"
    return UnsupportedMediaTypeError(
        f"{sent} isn't taken here: send {expected}, and say so in the Content-Type header."
    )


def _required(body: bytes, expected: str) -> bytes:
    if not body:
        raise MalformedRequestError(f"The body is empty: send {expected} in it.")
    return body


def _decode_utf8(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise UndecodableInputError(
            f"The text isn't UTF-8 (byte {error.start} is wrong): encode it as UTF-8."
        ) from error


def _read_json(body: bytes, one: str, several: str, read: Callable[[str, Any], Any]) -> Form:
    content = _parse_json(_required(body, "JSON"))
    if not isinstance(content, dict) or len(content.keys() & {one, several}) != 1:
        raise MalformedRequestError(
            f'The JSON must be an object with either "{one}" or "{several}" (a list).'
        )
    unknown = content.keys() - {one, several}
    if unknown:
        raise MalformedRequestError(
            f'The JSON has fields that mean nothing here: only "{one}" or "{several}" is read.'
        )
    if one in content:
        return Form([_attempt(read, one, content[one])], is_list=False)
    if not isinstance(content[several], list):
        raise MalformedRequestError(f'"{several}" must be a list; send one input as "{one}".')
    return Form([_attempt(read, several, item) for item in content[several]], is_list=True)


def _parse_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(
            f"The body isn't valid JSON (line {error.lineno}, column {error.colno})."
        ) from error


def _attempt(read: Callable[[str, Any], Any], field: str, value: Any) -> Any:
    """Return what was read, or the error: one bad input must not fail the others."""
    try:
        return read(field, value)
    except TridentError as error:
        return error


def _decode_base64(field: str, value: Any) -> bytes:
    if not isinstance(value, str):
        raise MalformedRequestError(f'"{field}" must hold an image file as a base64 string.')
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedRequestError(
            f"\"{field}\" isn't valid base64: send the file's bytes in standard base64, "
            "padded, without line breaks and without a data: prefix."
        ) from error


def _check_text(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise MalformedRequestError(f'"{field}" must hold a string for each text.')
    return value


async def _read_multipart(content_type: str, body: bytes, max_inputs: int) -> Form:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        Headers({"content-type": content_type}),
        stream(),
        max_files=max_inputs,
        max_fields=max_inputs,
        max_part_size=1024,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if "Too many" in error.message:
            raise TooLargeError(f"At most {max_inputs} images fit in one request.") from error
        raise MalformedRequestError(f"The multipart body can't be read: {error.message}") from error
    except KeyError as error:
        raise MalformedRequestError("The multipart Content-Type names no boundary.") from error
    try:
        return await _collect_files(form.multi_items())
    finally:
        await form.close()


async def _collect_files(items: list[tuple[str, UploadFile | str]]) -> Form:
    files, is_list = [], len(items) > 1
    for name, value in items:
        if name not in ("image", "images") or isinstance(value, str):
            raise MalformedRequestError(
                'The form must hold files in fields named "image" and nothing else: '
                "with curl, -F image=@digit.png."
            )
        is_list = is_list or name == "images"
        files.append(await value.read())
    if not files:
        raise MalformedRequestError('The form is empty: put a file in a field named "image".')
    return Form(files, is_list)
