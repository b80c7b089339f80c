"""Builds the text of a golden scenario from one exchange (docs/parity.md describes the format)."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from codexd.neutral.records import frozen
from codexd.transcripts import archive, json_layout
from codexd.transcripts.normalise import Normaliser, normalise_provider_requests
from codexd.wire import json
from codexd.wire.json import Json

FORMAT: Final = 1
"""Version of the sections' format; raise it when they are written in another way."""

METADATA: Final = "meta.json"
INCOMPLETE: Final = "(the connection closed before the end of the body)"
"""Follows the headers of a response that is not complete."""


@frozen(kw_only=True)
class FixtureMetadata:
    """Origin of a scenario: the members of `meta.json`.

    Attributes:
        about: what it shows.
        codex: the version that the Codex binary prints; None where no Codex answers.
        codexd: the version of codexd.
        captured: the day, as in ISO 8601.
        format: version of the sections' format.
    """

    about: str
    codex: str | None
    codexd: str
    captured: str
    format: int = FORMAT


@frozen(kw_only=True)
class Exchange:
    """One request and its response.

    Attributes:
        method: the HTTP method.
        path: the path with its query.
        headers: the headers that are special to the request.
        body: the body of the request.
        status: the status of the response.
        response_headers: the headers of the response, in order.
        response_body: its body, without a transfer coding.
        complete: the response ended as it should.
        provider_bodies: what the model's provider was sent, where that is known.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int
    response_headers: tuple[tuple[str, str], ...]
    response_body: bytes
    complete: bool
    provider_bodies: Sequence[dict[str, Json]] = ()


def encode_scenario(origin: FixtureMetadata, exchange: Exchange) -> bytes:
    """Return the text of a scenario, whose generated ids and times are replaced as in all of them."""
    normaliser = Normaliser()
    sections = {
        METADATA: json_layout.encode(
            {
                "about": origin.about,
                "codex": origin.codex,
                "codexd": origin.codexd,
                "captured": origin.captured,
                "format": origin.format,
            }
        ),
        "request.1.json": normaliser.apply("request", _render_request(exchange).decode()).encode(),
    }
    if exchange.provider_bodies:
        bodies = json_layout.encode(normalise_provider_requests(exchange.provider_bodies))
        sections["provider.1.json"] = normaliser.apply("provider", bodies.decode()).encode()
    sections["response.1.http"] = _render_response(exchange, normaliser)
    return archive.encode(sections)


def normalise_body(body: bytes) -> bytes:
    """Return the body of a response with its generated ids and times replaced."""
    text = Normaliser().apply("body", body.decode("utf-8", "surrogateescape"))
    return text.encode("utf-8", "surrogateescape")


def _render_request(exchange: Exchange) -> bytes:
    shown: dict[str, Json] = {"method": exchange.method, "path": exchange.path}
    if exchange.headers:
        shown["headers"] = dict(exchange.headers)
    if exchange.body:
        shown |= _render_body(exchange.body)
    return json_layout.encode(shown)


def _render_body(body: bytes) -> dict[str, Json]:
    try:
        return {"body": json.decode(body)}
    except json.JsonError:
        return {"text": body.decode("utf-8", "replace")}


def _render_response(exchange: Exchange, normaliser: Normaliser) -> bytes:
    headers = dict(exchange.response_headers)
    if not any(name.lower() == "content-length" for name in headers):
        headers["Transfer-Encoding"] = "chunked"
    lines = [f"HTTP/1.1 {exchange.status} {HTTPStatus(exchange.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if not exchange.complete:
        lines.append(INCOMPLETE)
    head = normaliser.apply("head", "\n".join(lines))
    body = normaliser.apply("body", exchange.response_body.decode("utf-8", "surrogateescape"))
    return f"{head}\n\n{body}".encode("utf-8", "surrogateescape")
