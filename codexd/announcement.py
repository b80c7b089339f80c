"""What the daemon says of itself when it starts: whose models answer, and a line to try it with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from twisted.internet.endpoints import _parse as parse_endpoint

from codexd import __version__
from codexd.settings import Settings

# Where endpoints listen that are not told where, and how this machine calls who listens everywhere.
_ANYWHERE: Final = {"tcp": "0.0.0.0", "tcp6": "::"}  # noqa: S104
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_BODY: Final = '{"model":"scripted","messages":[{"role":"user","content":"say: hello from codexd"}]}'


def announcement(
    settings: Settings, serving: Literal["scripted", "account", "none"], home: Path
) -> tuple[str, ...]:
    """Give the lines to log at the start."""
    http = settings.http
    url = next((url for endpoint in http.listen if (url := _url(endpoint))), None)
    key = " -H 'authorization: Bearer YOUR-KEY'" if http.api_keys else ""
    tries = f"curl {url}/v1/models{key}"
    if serving == "scripted":
        tries = f"curl {url}/v1/chat/completions{key} -H 'content-type: application/json' -d '{_BODY}'"
    said = f"codexd {__version__} answers with {' and '.join(_models(settings, serving, home))}"
    return (said, f"Try: {tries}") if url else (said,)


def _models(settings: Settings, serving: str, home: Path) -> Iterator[str]:
    if serving == "account":
        yield f"the models of the Codex account in {home}"
    if serving == "scripted":
        yield f"the embedded scripted model (no Codex login in {home})"
    for upstream in settings.upstream:
        yield f"those of {upstream.name}"
    if serving == "none" and not settings.upstream:
        yield "nothing: there is neither Codex nor an upstream"


def _url(endpoint: str) -> str | None:
    """Give the base URL by which this machine may call a TCP endpoint; None where its port is not known."""
    (kind, *arguments), options = parse_endpoint(endpoint)
    port = options.get("port", next(iter(arguments), "0"))
    if kind not in _ANYWHERE or port == "0":
        return None
    host = options.get("interface") or _ANYWHERE[kind]
    host = _LOOPBACK.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
