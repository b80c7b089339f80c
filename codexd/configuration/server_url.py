"""Addresses of servers, as commands are given them."""

from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from codexd.configuration.sources import ConfigurationError


@frozen(kw_only=True)
class ServerUrl:
    """The address of a server.

    Attributes:
        text: as it was given, for messages.
        is_secure: the scheme is https.
        host: the name or address, without brackets.
        port: None for that of the scheme.
        path: what the paths of requests follow; without a slash at its end.
    """

    text: str
    is_secure: bool
    host: str
    port: int | None
    path: str


def parse_server_url(text: str) -> ServerUrl:
    """Parse the address of a server.

    Raises:
        ConfigurationError: with what is wrong.
    """
    try:
        return _build(text, urlsplit(text))
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is not an http:// or https:// address of a server: {error}") from None


def _build(text: str, parts: SplitResult) -> ServerUrl:
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must begin with http:// or https://, such as http://127.0.0.1:11435")
    if not parts.path.isascii() or not text.isprintable() or " " in text:
        raise ValueError("its path must be encoded, and nothing in it may be a space or a control character")
    try:
        host = parts.hostname.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(f"{parts.hostname!r} is not the name of a host") from None
    return ServerUrl(
        text=text, is_secure=parts.scheme == "https", host=host, port=parts.port, path=parts.path.rstrip("/")
    )
