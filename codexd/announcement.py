"""What the daemon says of itself when it starts: whose models answer, and a line to try it with."""

from pathlib import Path
from typing import Final, Literal

from twisted.internet.endpoints import _parse as parse_endpoint

from codexd import __version__
from codexd.settings import Http

# Where endpoints listen that are not told where, and how this machine calls who listens everywhere.
_ANYWHERE: Final = {"tcp": "0.0.0.0", "tcp6": "::"}  # noqa: S104
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_BODY: Final = '{"model":"scripted","messages":[{"role":"user","content":"say: hello from codexd"}]}'


def announcement(http: Http, serving: Literal["scripted", "account"], home: Path) -> tuple[str, ...]:
    """Give the lines to log at the start."""
    url = next((url for endpoint in http.listen if (url := _url(endpoint))), None)
    key = " -H 'authorization: Bearer YOUR-KEY'" if http.api_keys else ""
    if serving == "account":
        said = f"codexd {__version__} answers with the models of the Codex account in {home}"
        tries = f"curl {url}/v1/models{key}"
    else:
        said = f"codexd {__version__} answers with the embedded scripted model: no Codex login in {home}"
        tries = f"curl {url}/v1/chat/completions{key} -H 'content-type: application/json' -d '{_BODY}'"
    return (said, f"Try: {tries}") if url else (said,)


def _url(endpoint: str) -> str | None:
    """Give the base URL by which this machine may call a TCP endpoint; None where its port is not known."""
    (kind, *arguments), options = parse_endpoint(endpoint)
    port = options.get("port", next(iter(arguments), "0"))
    if kind not in _ANYWHERE or port == "0":
        return None
    host = options.get("interface") or _ANYWHERE[kind]
    host = _LOOPBACK.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
