"""The style sheet and the script of the pages: files of this package."""

from functools import cache
from importlib.resources import files
from typing import Final

from codexd.neutral.records import frozen


@frozen
class Asset:
    """A file as it is served."""

    body: bytes
    content_type: bytes


_TYPES: Final = {
    "style.css": b"text/css; charset=utf-8",
    "script.js": b"text/javascript; charset=utf-8",
}


@cache
def load_asset(name: str) -> Asset:
    """Load a file of this package: `style.css` or `script.js`."""
    return Asset(files(__package__).joinpath(name).read_bytes(), _TYPES[name])
