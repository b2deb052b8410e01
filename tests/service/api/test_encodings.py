"""Encodings that are declared: charsets, compression, base64 in its variants."""

import base64
import codecs
import encodings
import gzip
import json
import pkgutil
import random
import zlib
from contextlib import suppress
from typing import Any

import pytest

from service.api.reading.base64_text import decode_base64
from service.api.reading.content_encoding import decode_body, read_encodings
from service.api.reading.forms import read_images, read_texts
from service.errors import (
    MalformedRequestError,
    TooLargeError,
    TridentError,
    UndecodableInputError,
    UnsupportedMediaTypeError,
)
from service.transport.http1.request import read_headers

LIMIT = 1_000_000
TEXT = "Ein großer Film, très “fin”, 10 €."


def read_text(body: bytes, content_type: str = "text/plain") -> Any:
    form = read_texts(content_type, body, 10)
    assert not form.is_list
    return form.inputs[0]


def json_of(text: str) -> str:
    return json.dumps({"text": text}, ensure_ascii=False)


UNICODE = ("utf-8", "UTF8", "utf-16le", "utf-16-be", "UTF-16", "utf_32", "utf-32-le", "utf-7")


@pytest.mark.parametrize("charset", [*UNICODE, "utf-8-sig", "gb18030", "windows-1252"])
def test_a_declared_charset_is_honoured(charset: str) -> None:
    assert read_text(TEXT.encode(charset), f"text/plain; charset={charset}") == TEXT
    quoted = f'Text/Plain; format=flowed; CharSet="{charset.upper()}"'
    assert read_text(TEXT.encode(charset), quoted) == TEXT
    assert read_text(json_of(TEXT).encode(charset), f"application/json;charset={charset}") == TEXT


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("iso-8859-1", "très bien"),
        ("latin1", "très bien"),
        ("us-ascii", "fine"),
        ("koi8-r", "хорошо"),
        ("windows-1251", "хорошо"),
        ("shift_jis", "良い"),
        ("euc-kr", "좋다"),
        ("big5", "好看"),
        ("iso-2022-jp", "良い"),
        ("cp037", "fine"),
    ],
)
def test_what_python_knows_is_known(charset: str, text: str) -> None:
    assert read_text(text.encode(charset), f"text/plain; charset={charset}") == text


def test_every_text_codec_of_python_is_read_and_no_other() -> None:
    """Python's codecs that aren't text encodings are never used: base64, zip, rot13, idna ..."""
    names = {module.name for module in pkgutil.iter_modules(encodings.__path__)} - {"aliases"}
    refused = set()
    for name in names:
        try:
            assert read_text("fine".encode(name), f"text/plain; charset={name}") == "fine"
        except (LookupError, UnsupportedMediaTypeError, UnicodeError):
            refused.add(name)
            with pytest.raises(UnsupportedMediaTypeError):
                read_text(b"fine", f"text/plain; charset={name}")
    assert refused == {
        *("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec"),
        *("zlib_codec", "charmap", "idna", "mbcs", "oem", "punycode", "undefined"),
        *("raw_unicode_escape", "unicode_escape"),
    }


@pytest.mark.parametrize(
    "charset",
    [
        *("base64", "zip", "zlib", "rot13", "hex", "uu", "bz2", "quopri", "idna", "punycode"),
        *("unicode_escape", "klingon", "utf-9", "../aliases", "aliases", "os.path", "x" * 5000),
        *("\xe4", "%s", "{}", "none"),
    ],
)
def test_an_unknown_charset_is_named(charset: str) -> None:
    before = len(encodings._cache)
    for media_type, body in (("text/plain", b"fine"), ("application/json", b'{"text": "fine"}')):
        with pytest.raises(UnsupportedMediaTypeError) as caught:
            read_text(body, f'{media_type}; charset="{charset}"')
        assert charset[:4] in str(caught.value)
        assert len(str(caught.value)) < 200
    assert len(encodings._cache) <= before + 1, "nothing is remembered of what callers make up"


def test_a_byte_order_mark_is_no_error() -> None:
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        for text in (TEXT, "好"):
            assert read_text(text.encode(encoding)) == text
            assert read_text(json_of(text).encode(encoding), "application/json") == text
    for mark, encoding in (
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF8, "utf-8"),
    ):
        for charset in ("", "; charset=utf-8", "; charset=utf-16", f"; charset={encoding}"):
            assert read_text(mark + TEXT.encode(encoding), f"text/plain{charset}") == TEXT
            body = mark + json_of(TEXT).encode(encoding)
            assert read_text(body, f"application/json{charset}") == TEXT
    image = b'\xef\xbb\xbf{"image": "aGk="}'
    assert read_images("application/json", image, 1).inputs == [b"hi"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_the_order_of_bytes_is_told_without_a_mark(encoding: str) -> None:
    declared = f"text/plain; charset={encoding[:6]}"
    assert read_text(TEXT.encode(encoding), declared) == TEXT
    assert read_text(json_of(TEXT).encode(encoding), "application/json") == TEXT


def test_text_that_is_not_in_its_charset_is_refused() -> None:
    for charset, body in (
        ("utf-8", b"caf\xe9"),
        ("utf-16le", b"abc"),
        ("us-ascii", "é".encode()),
        ("utf-32", b"abcd"),
        ("shift_jis", b"\xff\xff"),
    ):
        with pytest.raises(UndecodableInputError, match=charset):
            read_text(body, f"text/plain; charset={charset}")
        with pytest.raises(MalformedRequestError, match="JSON"):
            read_text(b'{"text": "' + body + b'"}', f"application/json; charset={charset}")


def test_undeclared_utf_16_is_not_taken_for_text() -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(UndecodableInputError, match="charset"):
            read_text("A fine film.".encode(encoding))


COMPRESSED = {
    "gzip": gzip.compress(TEXT.encode()),
    "x-gzip": gzip.compress(TEXT.encode()),
    "GZip": gzip.compress(TEXT.encode()),
    "deflate": zlib.compress(TEXT.encode()),
    "deflate ": zlib.compress(TEXT.encode(), wbits=-15),
    "identity": TEXT.encode(),
    "": TEXT.encode(),
    "gzip, identity": gzip.compress(TEXT.encode()),
    "deflate, gzip": gzip.compress(zlib.compress(TEXT.encode())),
    "gzip,deflate ,, gzip": gzip.compress(zlib.compress(gzip.compress(TEXT.encode()))),
}


@pytest.mark.parametrize("header", COMPRESSED)
async def test_a_compressed_body_is_decompressed(header: str) -> None:
    assert await decode_body(COMPRESSED[header], read_encodings(header), LIMIT) == TEXT.encode()


async def test_large_and_odd_compressed_bodies_are_decompressed() -> None:
    large = bytes(range(256)) * 3_000
    for body, header in (
        (gzip.compress(large, 0), "gzip"),
        (zlib.compress(large), "deflate"),
        (zlib.compress(large, wbits=-15), "deflate"),
        (gzip.compress(large[:300_000], 0) + gzip.compress(large[300_000:]), "gzip"),
        (b"".join(gzip.compress(large[n : n + 768]) for n in range(0, len(large), 768)), "gzip"),
    ):
        assert await decode_body(body, read_encodings(header), LIMIT) == large
    for empty in (b"", gzip.compress(b"")):
        assert await decode_body(gzip.compress(empty), ["gzip"], LIMIT) == empty


async def test_nothing_larger_than_the_limit_comes_out() -> None:
    for size, compress in ((LIMIT + 1, zlib.compress), (50 * LIMIT, gzip.compress)):
        bomb = compress(bytes(size))
        with pytest.raises(TooLargeError):
            await decode_body(bomb, ["gzip" if bomb[0] == 31 else "deflate"], LIMIT)
    with pytest.raises(TooLargeError):
        await decode_body(gzip.compress(bytes(300 * LIMIT)) * 2, ["gzip"], LIMIT)
    nested = gzip.compress(gzip.compress(bytes(100 * LIMIT)))
    with pytest.raises(TooLargeError):
        await decode_body(nested, ["gzip", "gzip"], LIMIT)
    assert len(await decode_body(gzip.compress(bytes(LIMIT)), ["gzip"], LIMIT)) == LIMIT


async def test_what_is_not_compressed_as_it_says_is_refused() -> None:
    body = gzip.compress(TEXT.encode() * 100)
    damaged = bytearray(body)
    damaged[20] ^= 1
    wrong = [TEXT.encode(), b"", body + b"x", zlib.compress(b"x"), bytes(damaged)]
    for content in (*wrong, *(body[:size] for size in range(len(body)))):
        with pytest.raises(MalformedRequestError, match="gzip"):
            await decode_body(content, ["gzip"], LIMIT)
    with pytest.raises(MalformedRequestError, match="gzip"):
        await decode_body(gzip.compress(b"") * 20_000, ["gzip"], LIMIT)
    for content in (TEXT.encode(), b"", body, zlib.compress(TEXT.encode()) + b"x"):
        with pytest.raises(MalformedRequestError, match="deflate"):
            await decode_body(content, ["deflate"], LIMIT)


@pytest.mark.parametrize("header", ["br", "zstd", "compress", "gzip, br", "aes128gcm", "g" * 5000])
def test_an_unknown_compression_is_named_and_what_is_taken(header: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError) as caught:
        read_encodings(header)
    for word in (header.split(", ")[-1][:50], "gzip", "deflate"):
        assert word in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_body_may_not_be_compressed_over_and_over() -> None:
    with pytest.raises(UnsupportedMediaTypeError):
        read_encodings("gzip," * 1000)


def test_base64_is_taken_in_every_variant() -> None:
    for size in range(60):
        data = bytes((200 + 7 * n) % 256 for n in range(size))
        standard, url_safe = base64.b64encode(data), base64.urlsafe_b64encode(data)
        lines = base64.encodebytes(data)
        for text in (
            *(standard, url_safe, standard.rstrip(b"="), url_safe.rstrip(b"=")),
            *(lines, lines.replace(b"\n", b"\r\n"), b" " + standard + b"\n"),
            b"data:image/png;base64," + standard,
            b"data:image/png;base64," + url_safe.rstrip(b"="),
            b"DATA:;BASE64," + lines,
            b"data:image/svg+xml;charset=utf-8;base64," + standard,
        ):
            assert decode_base64(text) == data
            assert decode_base64(text.decode()) == data


@pytest.mark.parametrize(
    "text",
    [
        *("a", "abcde", "a===", "ab=c", "=abc", "ab!c", "ä", "ab\0c", "a b c d e", "====="),
        *("data:image/png,abcd", "data:abcd", "data:;base64", "data:image/png;base64,a"),
        *("data:" + "x" * 500 + ";base64,abcd", "http://example.org/a.png"),
    ],
)
def test_what_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(MalformedRequestError, match="base64"):
        decode_base64(text)


def test_a_null_field_of_json_is_no_field() -> None:
    assert read_texts("application/json", b'{"text": "a", "texts": null}', 1).inputs == ["a"]
    assert read_images("application/json", b'{"image": null, "images": ["aGk="]}', 1).is_list
    for nothing in (b'{"text": null}', b'{"text": null, "texts": null}', b"{}", b"null"):
        with pytest.raises(MalformedRequestError, match='"texts"'):
            read_texts("application/json", nothing, 1)


VALUES = {
    "lists": b"[],",
    "objects": b'{"a":1},',
    "strings": b'"",',
    "escapes": b'"\\\\\\"[",',
    "numbers": b"0,",
}


@pytest.mark.parametrize("name", VALUES)
def test_a_large_body_of_many_values_is_never_parsed(name: str) -> None:
    """If it were parsed, it would use up to thirty times its size."""
    value = VALUES[name]
    body = b'{"texts": [' + value * (2_000_000 // len(value)) + b'""]}'
    with pytest.raises(TooLargeError, match="10 inputs"):
        read_texts("application/json", body, 10)
    with pytest.raises(TooLargeError, match="10 inputs"):
        read_texts("application/json; charset=utf-16", body.decode().encode("utf-16"), 10)


def test_a_large_text_may_look_like_many_values() -> None:
    for text in ('[{,"\\' * 500_000, "\\" * 2_100_000, '\\"' * 1_100_000, "," * 3_000_000):
        for ascii_only in (True, False):
            body = json.dumps({"texts": [text, "b"]}, ensure_ascii=ascii_only).encode()
            assert read_texts("application/json", body, 10).inputs == [text, "b"]


def test_no_body_whatever_makes_anything_but_an_error_for_the_caller() -> None:
    source = random.Random(3)
    seeds = (json_of(TEXT).encode(), TEXT.encode("utf-16"), b'{"image": "aGk="}', b"--B\r\n\r\n")
    types = ["application/json", "text/plain", "text/plain; charset=utf-16", "image/png"]
    types += ("multipart/form-data; boundary=B", "application/json; charset=utf-32", "", ";;=")
    for _ in range(3000):
        body = bytearray(source.choice(seeds))
        for _ in range(source.randrange(4)):
            body[source.randrange(len(body))] = source.randrange(256)
        for read in (read_texts, read_images):
            with suppress(TridentError):
                read(source.choice(types), bytes(body), 3)


def test_encodings_in_several_headers_add_up() -> None:
    raw = [(b"content-encoding", b"deflate"), (b"a", b"1"), (b"content-encoding", b"gzip")]
    headers = read_headers([*raw, (b"a", b"2")])
    assert headers == {"content-encoding": "deflate, gzip", "a": "2"}
    assert read_headers([(b"a", b"1"), (b"a", b"2")]) == {"a": "2"}
