"""Finds the fields of a `multipart/form-data` body (RFC 7578) without copying or decoding its files."""

import re
from collections.abc import Iterator
from typing import Final

from codexd.neutral.records import frozen

_MAX_PARTS: Final = 256
_MAX_HEAD_BYTES: Final = 8 * 2**10
_AFTER_DELIMITER: Final = (b"\r\n", b"--", b" ", b"\t")
_BOUNDARY: Final = re.compile(rb';\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_DISPOSITION: Final = re.compile(rb"^content-disposition\s*:(.*)$", re.IGNORECASE | re.MULTILINE)
_PARAMETER: Final = re.compile(rb';\s*([a-z*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))', re.IGNORECASE)


class MultipartError(ValueError):
    """The body is not what its content type says."""


@frozen
class FormField:
    """The position of one field's value in a body.

    Attributes:
        name: the field's name, as sent.
        start: where its value begins.
        end: where its value ends.
    """

    name: bytes
    start: int
    end: int


def parse_boundary(content_type: bytes) -> bytes:
    """Return the boundary in the media type of a multipart body.

    Raises:
        MultipartError: if there is none.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise MultipartError("the content type has no boundary")
    return found[1] or found[2]


def find_fields(body: bytes, boundary: bytes) -> Iterator[FormField]:
    """Yield the fields of a body in order, files included.

    Raises:
        MultipartError: if the body has no end, a part has no name, or there are too many parts.
    """
    delimiter = b"\r\n--" + boundary
    at = _after_first_delimiter(body, delimiter)
    for _ in range(_MAX_PARTS):
        if body.startswith(b"--", at):
            return
        head_end = body.find(b"\r\n\r\n", at, at + _MAX_HEAD_BYTES)
        if head_end < 0:
            raise MultipartError("a part has no headers, or longer ones than this server accepts")
        start = head_end + 4
        end = _find_delimiter(body, delimiter, start)
        if end < 0:
            raise MultipartError("the last part has no end")
        yield FormField(_parse_name(body[at:head_end]), start, end)
        at = end + len(delimiter)
    raise MultipartError(f"it has more than {_MAX_PARTS} parts")


def _after_first_delimiter(body: bytes, delimiter: bytes) -> int:
    """Return the end of the first delimiter; a preamble before it is ignored."""
    if body.startswith(delimiter[2:]):
        return len(delimiter) - 2
    at = _find_delimiter(body, delimiter, 0)
    if at < 0:
        raise MultipartError("its boundary does not occur in it")
    return at + len(delimiter)


def _find_delimiter(body: bytes, delimiter: bytes, start: int) -> int:
    """Return where the next delimiter begins, -1 if there is none.

    A line of the content must not begin with it (RFC 2046, 5.1.1): with many such lines the search would take long.
    """
    at = body.find(delimiter, start)
    if at >= 0 and not body.startswith(_AFTER_DELIMITER, at + len(delimiter)):
        raise MultipartError("a line of its content begins with its boundary")
    return at


def _parse_name(head: bytes) -> bytes:
    disposition = _DISPOSITION.search(head)
    parameters = _PARAMETER.findall(disposition[1]) if disposition else ()
    for name, quoted, plain in parameters:
        if name.lower() == b"name":
            return bytes(quoted or plain)
    raise MultipartError("a part has no name")
