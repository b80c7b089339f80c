"""Ids from outside: the one that joins a client's report, its response and our log, and those in paths."""

import re
import secrets
from typing import Final

from werkzeug.routing import BaseConverter

_ACCEPTABLE: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")


def request_id(given: bytes | None) -> str:
    """Give the client's own `x-request-id` if it is harmless, else a new one."""
    if given is not None and _ACCEPTABLE.fullmatch(given):
        return given.decode("ascii")
    return "req_" + secrets.token_hex(16)


class PathId(BaseConverter):
    """An id as a segment of a path; whatever else stands there leads nowhere."""

    regex = "[A-Za-z0-9._-]{1,256}"
