"""Forms: complete, cut off, nested, encoded, and with too many fields."""

import base64
import time

import pytest

from service.api.reading.forms import Form, read_images
from service.errors import (
    MalformedRequestError,
    TooLargeError,
    TridentError,
    UnsupportedMediaTypeError,
)

FORM = "multipart/form-data; boundary=B"
FILE = bytes(range(256)) + b"\r\n--\r\n--A\r\n"  # any bytes, and something like an end
HEAD = b'Content-Disposition: form-data; name="image"; filename="a.png"\r\n'


def part(
    content: bytes = FILE, name: str = "image", filename: str | None = "a.png", *headers: str
) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    return "\r\n".join(("--B", disposition, *headers, "", "")).encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--B--\r\n"


def read(body: bytes, content_type: str = FORM, max_inputs: int = 10) -> Form:
    return read_images(content_type, body, max_inputs)


def refused(body: bytes, content_type: str = FORM) -> str:
    with pytest.raises(MalformedRequestError) as caught:
        read(body, content_type)
    return str(caught.value)


def test_files_come_as_they_were_sent() -> None:
    for files in ([FILE], [b"", FILE], [FILE, b"x", b"\r\n"], [b"\r\n--Bx\r\n--B --\r\n"]):
        found = read(form(*map(part, files)))
        assert found.inputs == files
        assert found.is_list == (len(files) > 1)
    assert read(form(part(name="images"))).is_list


def test_a_form_that_is_cut_off_anywhere_is_refused() -> None:
    body = form(part(), part(b"x" * 20), part(b"", "images", "", "Content-Type: image/png"))
    whole = body.index(b"--B--") + len(b"--B--")
    assert read(body[:whole]).inputs == [FILE, b"x" * 20]
    for size in range(1, whole):
        refused(body[:size])
    for start in range(1, body.index(b"\r\n--B")):
        assert read(body[start:]).inputs == [b"x" * 20], "what comes before a boundary is ignored"


@pytest.mark.parametrize("end", [b"--B--", b"--B--\r\n", b"--B-- \t\r\n", b"--B--\n"])
def test_what_is_around_a_form_is_ignored(end: bytes) -> None:
    for before in (b"", b"\r\n", b"A form follows.\r\n", b"--A\r\n--Bx\r\n\r\n"):
        for after in (b"", b"\r\nThat was it.", b"\r\n" + part() + b"--B"):
            if after and not end.endswith(b"--B--"):
                after = after.removeprefix(b"\r\n")
            assert read(before + part() + end + after).inputs == [FILE]


def test_boundaries_may_be_quoted_padded_and_alike() -> None:
    spaced = form(part()).replace(b"--B", b"--a b'()+_,-./:=?")
    assert read(spaced, 'multipart/form-data; boundary="a b\'()+_,-./:=?"').inputs == [FILE]
    padded = form(part(), part()).replace(b"--B\r\n", b"--B  \t\r\n")
    assert read(padded).inputs == [FILE, FILE]
    inner = b"--BB\r\n\r\nx\r\n--BB--\r\n"
    assert read(form(part(inner))).inputs == [inner]
    assert read(form(part()), "Multipart/Form-Data; charset=utf-8; BOUNDARY=B").inputs == [FILE]


NOT_FORMS = {
    "nothing of a form": b"hello",
    "LF alone": form(part(b"x")).replace(b"\r\n", b"\n"),
    "CR alone": form(part(b"x")).replace(b"\r\n", b"\r"),
    "LF after the boundaries": form(part(b"x"), part(b"y")).replace(b"--B\r\n", b"--B\n"),
    "another boundary": form(part()).replace(b"--B", b"--C"),
    "a part without anything": b"--B\r\n--B--\r\n",
    "a part without headers": b"--B\r\n\r\nx\r\n--B--\r\n",
    "a part without a disposition": b"--B\r\nContent-Type: image/png\r\n\r\nx\r\n--B--\r\n",
    "a part without a name": b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n",
    "a part that isn't of a form": form(part()).replace(b"form-data;", b"attachment;"),
    "headers without an end": b"--B\r\n" + HEAD + b"--B--\r\n",
    "a header without a colon": b"--B\r\n" + HEAD + b"Nonsense\r\n\r\nx\r\n--B--\r\n",
    "a flood of headers": b"--B\r\n" + HEAD + b"A: b\r\n" * 100 + b"\r\nx\r\n--B--\r\n",
    "an endless header": b"--B\r\n" + HEAD + b"A: " + b"b" * 10_000 + b"\r\n\r\nx\r\n--B--\r\n",
    "a form in a form": form(
        part(
            b"--C\r\n" + HEAD + b"\r\nx\r\n--C--",
            "image",
            None,
            "Content-Type: multipart/mixed; boundary=C",
        )
    ),
    "no parts": b"--B--\r\n",
    "the end before the start": b"\r\n--B--\r\n" + part(),
}


@pytest.mark.parametrize("name", NOT_FORMS)
def test_what_is_no_form_is_refused(name: str) -> None:
    assert refused(NOT_FORMS[name]).endswith(".")


def test_a_form_without_a_boundary_is_refused() -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary="):
        assert "boundary" in refused(form(part()), content_type)


@pytest.mark.parametrize("name", ["image", "images"])
def test_an_empty_field_is_no_field(name: str) -> None:
    """Browsers and API pages send empty fields."""
    empty = (
        part(b"", name, None),
        part(b"null", name, None),
        part(b" null\r\n", name, None, "Content-Type: application/json"),
        part("null".encode("utf-16"), name, None, "Content-Type: text/plain; charset=utf-16"),
        part(b"", name, "", "Content-Type: application/octet-stream"),
    )
    for nothing in empty:
        assert read(form(part(), nothing)).inputs == [FILE]
        assert not read(form(nothing, part())).is_list
        assert "empty" in refused(form(nothing))
    assert read(form(part(b"", name))).inputs == [b""], "a file may be empty"


def test_a_file_sent_as_text_is_told_what_to_write() -> None:
    for text in (FILE, b"digit.png", b"x" * 2000):
        assert "-F image=@" in refused(form(part(text, "image", None)))
    assert "-F images=@" in refused(form(part(b"null?", "images", None)))


def test_a_file_may_have_no_filename_if_its_type_says_what_it_is() -> None:
    for header in ("Content-Type: image/png", "Content-Type: application/octet-stream"):
        assert read(form(part(FILE, "image", None, header))).inputs == [FILE]
    extended = form(part()).replace(b'filename="a.png"', b"filename*=UTF-8''%c3%a4.png")
    assert read(extended).inputs == [FILE]


def test_other_fields_are_refused() -> None:
    for other in (part(name="picture"), part(b"", "other", None)):
        assert '"image"' in refused(form(part(), other))


def test_encoded_parts_are_decoded() -> None:
    encoded = {
        "base64": base64.encodebytes(FILE),
        "Base64": base64.b64encode(FILE),
        "8bit": FILE,
        "binary": FILE,
    }
    for name, content in encoded.items():
        header = f"Content-Transfer-Encoding: {name}"
        assert read(form(part(content, "image", "a", header))).inputs == [FILE]
    header = "content-transfer-encoding: quoted-printable"
    assert read(form(part(b"a=3Db=\r\nc", "image", "a", header))).inputs == [b"a=bc"]


def test_a_part_that_cannot_be_decoded_fails_alone() -> None:
    body = form(
        part(),
        part(b"?", "image", "a", "Content-Transfer-Encoding: base64"),
        part(b"?", "image", "a", "Content-Transfer-Encoding: x-uuencode"),
        part(b"?", "image", "a", "Content-Encoding: gzip"),
    )
    good, *bad = read(body).inputs
    assert good == FILE
    kinds = (MalformedRequestError, UnsupportedMediaTypeError, UnsupportedMediaTypeError)
    assert tuple(map(type, bad)) == kinds
    assert ["base64" in str(bad[0]), "x-uuencode" in str(bad[1]), "gzip" in str(bad[2])] == [
        True
    ] * 3


def test_too_many_fields_are_refused_soon() -> None:
    assert len(read(form(*[part(b"x")] * 10)).inputs) == 10
    flood = form(*[part(b"x")] * 11)
    with pytest.raises(TooLargeError, match="10"):
        read(flood)
    for nothing in (part(b"x"), part(b"", "images", None)):
        started = time.process_time()
        with pytest.raises(TooLargeError):
            read(form(*[nothing] * 200_000))
        assert time.process_time() - started < 5


def test_hostile_forms_take_no_long_time() -> None:
    """Each would take minutes if the time were quadratic in its size."""
    started = time.process_time()
    for body in (
        b"\r\n--B " * 1_000_000,
        b"--B" + b" " * 8_000_000,
        b"\r\n" * 4_000_000,
        b"--B\r\n" + b"\r\n--B-" * 1_000_000,
        part(b"\r\n--Bx" * 1_000_000),
    ):
        with pytest.raises(TridentError):
            read(body)
    with pytest.raises(TridentError):
        read(b"\r\n--" + b"a" * 8_000_000, "multipart/form-data; boundary=" + "a" * 5_000 + "b")
    assert time.process_time() - started < 20
