"""Fields of multipart bodies."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.multipart import MultipartError, find_fields, parse_boundary

BOUNDARY = b"frontier"
FORM = b"multipart/form-data; boundary=frontier"

names = st.sampled_from((b"model", b"file", b"prompt", b"image[]"))
values = st.binary(max_size=30) | st.sampled_from(
    (b"--frontier", b"\r\n--frontie", b"--frontiers\r\n", b"\r\n\r\n", b"\r\n", b"--", b"\r\n--")
)
values = values.filter(lambda value: b"\r\n--" + BOUNDARY not in value)  # hypothesis also draws literals of this file


def encode(fields: list[tuple[bytes, bytes]]) -> bytes:
    """Encode a body as the `openai` package does."""
    parts = [b'--frontier\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % field for field in fields]
    return b"".join(parts) + b"--frontier--\r\n"


def read(body: bytes, boundary: bytes = BOUNDARY) -> list[tuple[bytes, bytes]]:
    """Return the names and values of a body."""
    return [(field.name, body[field.start : field.end]) for field in find_fields(body, boundary)]


class MultipartTests(SynchronousTestCase):
    def refuse(self, body: bytes, why: str) -> None:
        self.assertIn(why, str(self.assertRaises(MultipartError, read, body)))

    @given(st.lists(st.tuples(names, values), max_size=5))
    def test_every_field_is_found_with_its_exact_value(self, fields: list[tuple[bytes, bytes]]) -> None:
        self.assertEqual(read(encode(fields)), fields)

    @given(st.lists(st.tuples(names, values), min_size=1, max_size=3), st.data())
    def test_a_body_that_is_cut_is_refused(self, fields: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
        whole = encode(fields)
        cut = whole[: data.draw(st.integers(0, len(whole) - len(b"--\r\n") - 1))]
        self.assertRaises(MultipartError, read, cut)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, body: bytes) -> None:
        for text in (body, b"--frontier" + body, b"--frontier\r\n" + body):
            try:
                read(text)
            except MultipartError:
                continue

    def test_the_name_is_found_in_every_usual_form_of_the_header(self) -> None:
        for head in (
            b'Content-Disposition: form-data; name="model"',
            b"content-disposition:form-data;name=model",
            b'Content-Type: text/plain\r\nContent-Disposition: form-data; filename="; name=x"; NAME="model"',
            b'Content-Disposition: form-data; filename="a\\"; name=\\"x"; name="model"\r\nX-Other: 1',
        ):
            self.assertEqual(read(b"--frontier\r\n" + head + b"\r\n\r\nv\r\n--frontier--"), [(b"model", b"v")], head)

    def test_a_preamble_an_epilogue_and_white_space_after_a_delimiter_are_accepted(self) -> None:
        body = b'before\r\n--frontier \t\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--frontier--\r\nafter'
        self.assertEqual(read(body), [(b"a", b"1")])

    def test_what_is_wrong_is_said(self) -> None:
        self.refuse(b"", "boundary does not occur")
        self.refuse(b"--frontier\r\nContent-Disposition: form-data\r\n\r\n1\r\n--frontier--", "no name")
        self.refuse(b"--frontier\r\nContent-Type: text/plain\r\n\r\n1\r\n--frontier--", "no name")
        self.refuse(b"--frontier\r\nX: " + b"x" * 9000 + b"\r\n\r\n1\r\n--frontier--", "headers")
        self.refuse(encode([(b"a", b"")] * 257), "more than 256 parts")
        self.refuse(encode([(b"a", b"\r\n--frontiers")]), "begins with its boundary")
        self.refuse(encode([(b"a", b"1")]).replace(b"--frontier--\r\n", b""), "no end")

    def test_the_boundary_is_a_parameter_of_the_media_type(self) -> None:
        for media in (FORM, b'multipart/form-data; charset=utf-8; Boundary="frontier"'):
            self.assertEqual(parse_boundary(media), BOUNDARY)
        for media in (b"multipart/form-data", b"multipart/form-data; boundary="):
            self.assertRaises(MultipartError, parse_boundary, media)
