"""Bodies of requests with every kind of fault: JSON, texts, forms, and compressed ones."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

from tests.service.fuzzing.damage import damaged
from tests.service.fuzzing.image_files import FORMATS, image_file, samples

PLANTED: Final = "Pl4ntedByTheCaller"
"""In every text, file name and JSON string: no answer may hold it."""

_WORDS: Final = ("I", "loved", "every", "minute", "of", "this", "film", "and", "its", "actors")
_SCALARS: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    2**63,
    -(2**64),
    10**400,
    "",
    "a",
    "\0",
    [],
    {},
)
# What no library writes.
_RAW: Final = (
    "NaN", "Infinity", "-Infinity", "1e999", "01", "+1", "1.", ".5", "0x10", "1" * 5_000, "tru",
    "'a'", '"\\ud800"', '"\\udc00\\ud800"', '"\\u12"', '"\\x41"', '"\t"', '"\x01"', '"', "[", "{",
    "[" * 2_000, '{"a":' * 1_000, "[" * 200 + "]" * 200, "/**/1", "1,", "", "nul", '"a" "b"',
)  # fmt: skip
_CHARSETS: Final = (
    "utf-8", "utf8", "UTF-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "ascii", "shift_jis",
    "gb18030", "big5", "euc-kr", "iso2022_jp", "hz", "utf-7", "utf_8_sig", "cp437", "mac-roman",
    "rot13", "base64", "hex", "zlib", "bz2", "idna", "punycode", "unicode_escape", "undefined",
    "mbcs", "oem", "string_escape", "../utf-8", "utf-8\0", "\xff", "", " ", "x" * 300, "a.b", "os",
)  # fmt: skip
_BOUNDARIES: Final = ("B", "--", "a b", "'", "=" * 70, "x" * 300, "\xe9", "B\\", "0\0", "", ";")


@dataclass(frozen=True, slots=True)
class Body:
    """A body, and the headers that describe it."""

    content: bytes
    content_type: str
    content_encoding: str | None = None


def any_body(source: Random) -> Body:
    """Return a body with faults, of any kind."""
    body = source.choice(_MAKERS)(source)
    return _compressed(source, body) if source.random() < 0.06 else body


def image_body(source: Random) -> Body:
    """Return an image file with faults, and the type of any."""
    kind = source.choice(("png", "jpeg", "gif", "bmp", "webp", "tiff", "*", "x-icon"))
    return Body(image_file(source), f"image/{kind}")


def json_body(source: Random) -> Body:
    """Return JSON with faults in its values, its form or its bytes."""
    document = _document(source)
    text = json.dumps(document, ensure_ascii=source.random() < 0.5)
    for _ in range(source.choice((0, 0, 1, 2))):
        raw = source.choice(_RAW)
        cut = source.randrange(len(text) + 1)
        text = text[:cut] + raw + text[cut + source.choice((0, 1, len(raw))) :]
    data = text.encode(
        source.choice(("utf-8",) * 6 + ("utf-16", "utf-32-be", "utf-8-sig")), "replace"
    )
    if source.random() < 0.3:
        data = damaged(source, data)
    return Body(data, "application/json" + _charset(source, 0.1))


def text_body(source: Random) -> Body:
    """Return a text in an encoding that may not be the declared one."""
    text = _text(source)
    data = text.encode(source.choice(("utf-8", "utf-8", "utf-16", "utf-7", "cp1252")), "replace")
    if source.random() < 0.6:
        data = damaged(source, data)
    return Body(data, "text/plain" + _charset(source, 0.6))


def form_body(source: Random) -> Body:
    """Return a form with faults in its parts, their headers or its boundary."""
    boundary = source.choice(("B",) * 6 + _BOUNDARIES).encode("latin-1")
    parts = [_part(source, boundary) for _ in range(source.choice((0, *(1, 1, 2, 3) * 5, 40, 300)))]
    data = (
        b"".join(parts) + b"--" + boundary + source.choice((b"--\r\n", b"--", b"", b"-", b"\r\n"))
    )
    if source.random() < 0.4:
        data = damaged(source, data)
    named = boundary if source.random() < 0.9 else source.choice(_BOUNDARIES).encode("latin-1")
    quote = source.choice(("", "", '"'))
    declared = f"multipart/form-data; boundary={quote}{named.decode('latin-1')}{quote}"
    return Body(data, source.choice((declared,) * 9 + ("multipart/form-data", "multipart/mixed")))


def _document(source: Random) -> Any:
    file = source.choice(samples(source.choice(FORMATS)))
    if source.random() < 0.5:
        file = image_file(source)
    image = base64.b64encode(file).decode()
    if source.random() < 0.2:
        image = damaged(source, image.encode()).decode("latin-1")
    good: tuple[Any, ...] = (
        {"image": image},
        {"images": [image] * source.choice((0, 1, 2, 33))},
        {"text": _text(source)},
        {"texts": [_text(source) for _ in range(source.choice((0, 1, 3, 33)))]},
        {"inputs": _tensors(source)},
        {"version": source.choice(_SCALARS), "share": source.choice(_SCALARS)},
    )
    document = source.choice(good)
    if source.random() < 0.3:
        document[source.choice(("image", "images", "text", "texts", PLANTED, "\ud800", ""))] = (
            source.choice((*_SCALARS, [1, [2]], [PLANTED], {"a": PLANTED}))
        )
    return document if source.random() < 0.95 else source.choice(([document], *_SCALARS))


def _tensors(source: Random) -> dict[str, Any]:
    """Return arrays for one of the models of tests/service/tensor_models.py, good ones or not."""
    inputs: dict[str, Any] = source.choice(
        (
            {"x": [[1, 2, 3]] * source.choice((1, 3, 65)), "weight": [2]},
            {"x": [1.5, 2, 3], "weight": 2},
            {"ids": [[1, 2, 3, 4]]},
            {"ids": list(range(source.choice((0, 1, 500))))},
            {"x": [[1.5, 2]]},
            {"x": [[1, 2], [3, 4]]},
            {"text": [PLANTED, "good"]},
        )
    )
    if source.random() < 0.6:
        name = source.choice((*inputs, "", PLANTED[:3]))
        deep: Any = source.choice(_SCALARS)
        for _ in range(source.choice((1, 2, 33, 65, 300))):
            deep = [deep]
        odd: tuple[Any, ...] = (
            deep,
            [[1, 2], [3]],
            [PLANTED * 50] + [1] * 900,
            [{"b64": "@"}],
            [[]] * 9,
            [[1, "a"]],
        )
        inputs[name] = source.choice((*odd, *_SCALARS))
    return inputs


def _text(source: Random) -> str:
    words = [*source.choices(_WORDS, k=source.choice((1, 5, 30, 300))), PLANTED]
    odd = (
        "\0",
        "\ufeff",
        "\U0001f3ac",
        "\u202e",
        "\u0301" * 50,
        "\ud800",
        "\uffff",
        "ﷺ",
        "\r\n\r\n",
    )
    return " ".join([*words, source.choice(odd)])


def _charset(source: Random, share: float) -> str:
    return f"; charset={source.choice(_CHARSETS)}" if source.random() < share else ""


def _part(source: Random, boundary: bytes) -> bytes:
    disposition = source.choice(
        (
            *(f'form-data; name="image"; filename="{PLANTED}.png"',) * 5,
            'form-data; name="images"; filename=""',
            "form-data; name=image; filename*=UTF-8''%ff%00",
            'form-data; name="image"',
            f'form-data; name="{PLANTED[:3]}"; filename="a"',
            'form-data; filename="a"',
            "form-data",
            "attachment; name=image",
            'form-data; name="image"; name="images"; filename="a\\"b;c"',
            "",
        )
    )
    headers = [f"Content-Disposition: {disposition}"]
    headers += source.choices(
        (
            "Content-Type: image/png",
            "Content-Type: multipart/mixed; boundary=B",
            "Content-Transfer-Encoding: base64",
            "Content-Transfer-Encoding: quoted-printable",
            "Content-Transfer-Encoding: x-uuencode",
            "Content-Encoding: gzip",
            "Content-Type: text/plain; charset=utf-16",
            "no colon",
            " folded: yes",
            ": no name",
            "X: " + "y" * 9_000,
        ),
        k=source.choice((0, 0, 1, 2, 25)),
    )
    content = image_file(source) if source.random() < 0.9 else b"--" + boundary + b"--"
    head = "\r\n".join(headers).encode("latin-1") + source.choice((b"\r\n\r\n",) * 9 + (b"\n\n",))
    return b"--" + boundary + b"\r\n" + head + content + b"\r\n"


def _compressed(source: Random, body: Body) -> Body:
    """Return a body compressed, wrongly compressed, or a bomb."""
    if source.random() < 0.4:
        packed = source.choice(bombs())
    else:
        packed = source.choice((gzip.compress, zlib.compress))(body.content, 1)
    if source.random() < 0.4:
        packed = damaged(source, packed)
    encoding = source.choice(
        ("gzip",) * 4
        + ("deflate", "x-gzip", "gzip, gzip", "gzip," * 9, "br", "identity", "\xff", ",")
    )
    return Body(packed, body.content_type, encoding)


@cache
def bombs() -> tuple[bytes, ...]:
    """Return small files that become larger than any body may be, or than it seems."""
    zeros, lists = gzip.compress(bytes(3_000_000)), zlib.compress(b"[" * 1_500_000)
    return zeros, lists, gzip.compress(zeros), gzip.compress(lists)


def tensor_body(source: Random) -> Body:
    """Return arrays in JSON, of any type and shape."""
    data = json.dumps({"inputs": _tensors(source)}).encode()
    return Body(damaged(source, data) if source.random() < 0.1 else data, "application/json")


def sample_body(source: Random) -> Body:
    """Return which images a generator shall make, in JSON or in a form, or nothing."""
    fields = {
        name: source.choice((good, good, *_SCALARS, PLANTED))
        for name, good in (("label", "7"), ("count", 3), ("seed", 1), (PLANTED, 1))
        if source.random() < (0.05 if name == PLANTED else 0.5)
    }
    if source.random() < 0.2:
        return Body(b"", source.choice(("", "application/json", "text/plain")))
    is_form = source.random() < 0.5
    data = (urlencode(fields) if is_form else json.dumps(fields)).encode()
    kind = "application/x-www-form-urlencoded" if is_form else "application/json"
    return Body(damaged(source, data) if source.random() < 0.1 else data, kind)


_MAKERS: Final[tuple[Callable[[Random], Body], ...]] = (
    *[image_body] * 5,
    *[json_body] * 3,
    *[text_body] * 2,
    *[form_body] * 2,
    sample_body,
)
