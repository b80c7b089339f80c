r"""The text format of a fixture: several named files in one text, in the manner of Go's txtar.

A line `-- NAME --` opens a section, which ends before the next such line or at the end of the text. A section
holds the lines of one file unchanged. The exceptions are lines that begin with a backslash:

- `\:TEXT` stands for a line that is not UTF-8, has control characters other than tab, or begins like a header
  or an exception. In TEXT `\\` is a backslash, `\r` a carriage return and `\xNN` any other byte.
- `\ no newline at end` follows the last line of a file that does not end with a newline.

Any bytes can be written and are read back unchanged.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

_UNTERMINATED: Final = b"\\ no newline at end"
_ESCAPED: Final = b"\\:"

_HEADER: Final = re.compile(rb"^-- ([a-z0-9][a-z0-9.-]*) --\n", re.MULTILINE)
_NAME: Final = re.compile("[a-z0-9][a-z0-9.-]*")
_SPECIAL_START: Final = (b"\\", b"-- ")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_ESCAPE: Final = re.compile(rb"\\(?:(\\)|(r)|x([0-9a-f]{2}))|\\")


class ArchiveError(ValueError):
    """The data are not an archive; the message says why."""


def encode(files: Mapping[str, bytes]) -> bytes:
    """Write files as one text, in their order.

    Raises:
        ArchiveError: when a name cannot stand in a header.
    """
    return b"".join(_encode_section(name, content) for name, content in files.items())


def decode(data: bytes) -> dict[str, bytes]:
    """Read the files of an archive, in their order.

    Raises:
        ArchiveError: when there is text before the first header, a name occurs twice, an escape is unknown or
            the last line is not ended.
    """
    if not data:
        return {}
    headers = list(_HEADER.finditer(data))
    if not headers or headers[0].start() > 0:
        raise ArchiveError("the first line is not a section header")
    ends = [header.start() for header in headers[1:]] + [len(data)]
    files: dict[str, bytes] = {}
    for header, end in zip(headers, ends, strict=True):
        name = header[1].decode()
        if name in files:
            raise ArchiveError(f"there are two sections {name}")
        files[name] = _decode_content(data[header.end() : end])
    return files


def _encode_section(name: str, content: bytes) -> bytes:
    if not _NAME.fullmatch(name):
        raise ArchiveError(f"{name!r} cannot be the name of a section")
    lines = content.split(b"\n")
    last = lines.pop()
    written = [f"-- {name} --".encode(), *map(_encode_line, lines)]
    if last:
        written += [_encode_line(last), _UNTERMINATED]
    return b"\n".join(written) + b"\n"


def _encode_line(line: bytes) -> bytes:
    if not line.startswith(_SPECIAL_START) and not _CONTROL.search(line) and _is_text(line):
        return line
    text = line.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace").encode()
    return _ESCAPED + _CONTROL.sub(_escape_control, text)


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _escape_control(match: re.Match[bytes]) -> bytes:
    return b"\\r" if match[0] == b"\r" else b"\\x%02x" % match[0][0]


def _decode_content(content: bytes) -> bytes:
    if not content.startswith(b"\\") and b"\n\\" not in content:
        if content and not content.endswith(b"\n"):
            raise ArchiveError("the last line is not ended")
        return content
    return b"".join(_decode_lines(content))


def _decode_lines(content: bytes) -> Iterator[bytes]:
    lines = content.split(b"\n")
    if lines.pop():
        raise ArchiveError("the last line is not ended")
    terminated = lines[-1] != _UNTERMINATED
    if not terminated:
        lines.pop()
        if not lines:
            raise ArchiveError("an empty file has no last line")
    for number, line in enumerate(lines, 1):
        yield _decode_line(line)
        if terminated or number < len(lines):
            yield b"\n"


def _decode_line(line: bytes) -> bytes:
    if line.startswith(_ESCAPED):
        return _ESCAPE.sub(_unescape, line[len(_ESCAPED) :])
    if line.startswith(b"\\"):
        raise ArchiveError(f"not an escape: {line!r}")
    return line


def _unescape(match: re.Match[bytes]) -> bytes:
    backslash, carriage_return, digits = match.groups()
    if digits is not None:
        return bytes.fromhex(digits.decode())
    if backslash is None and carriage_return is None:
        raise ArchiveError("a backslash in an escaped line must be followed by a backslash, r or xNN")
    return b"\r" if carriage_return else b"\\"
