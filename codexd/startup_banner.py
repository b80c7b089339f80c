"""Renders the log lines at the start: whose models are served, a curl command to try, and warnings."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from twisted.internet.endpoints import _parse as parse_endpoint

from codexd import __version__
from codexd.settings import Settings

# The interface of an endpoint that names none, and the loopback address that reaches a wildcard interface.
_DEFAULT_INTERFACES: Final = {"tcp": "0.0.0.0", "tcp6": "::"}  # noqa: S104
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_BODY: Final = '{"model":"scripted","messages":[{"role":"user","content":"say: hello from codexd"}]}'


def render_startup_banner(
    settings: Settings,
    provider: Literal["scripted", "account", "none"],
    home: Path,
    candidates: Sequence[Path] = (),
    configured_provider: str | None = None,
) -> tuple[str, ...]:
    """Return the lines to log at the start.

    Args:
        settings: all settings.
        provider: whose models Codex serves.
        home: its CODEX_HOME.
        candidates: the homes from which it was chosen, if there were others.
        configured_provider: the provider that Codex's configuration selects instead of OpenAI.
    """
    http = settings.http
    url = next((url for endpoint in http.listen if (url := _base_url(endpoint))), None)
    needs_key = http.api_keys or settings.key or settings.keys.file is not None
    key = " -H 'authorization: Bearer YOUR-KEY'" if needs_key else ""
    command = f"curl {url}/v1/models{key}"
    if provider == "scripted":
        command = f"curl {url}/v1/chat/completions{key} -H 'content-type: application/json' -d '{_BODY}'"
    sources = _sources(settings, provider, home, candidates or (home,), configured_provider)
    summary = f"codexd {__version__} serves {' and '.join(sources)}"
    return (summary, f"Try: {command}") if url else (summary,)


def find_risks(settings: Settings, user: int) -> tuple[str, ...]:
    """Return warnings of what an operator should know, one sentence each.

    Args:
        settings: all settings.
        user: the effective user id of the daemon.
    """
    risks = []
    if user == 0:
        risks.append(
            "codexd runs as root, and so do the Codex processes and the commands of agents; use a user of its own "
            "(twistd --uid and --gid, or etc/codexd.service)"
        )
    agents = [alias.name for alias in settings.models.alias if alias.profile == "agent"]
    if agents and not settings.http.api_keys and not settings.key and settings.keys.file is None:
        risks.append(
            f"models.alias {agents[0]!r}: without API keys everyone on this machine can run commands through this "
            "agent, as the user of the daemon"
        )
    risks += [
        f"models.alias {alias.name!r}: with danger-full-access the model can place programs in files of the daemon's "
        "user that run later, outside of the sandbox that hides codexd's files; use it on a machine of its own"
        for alias in settings.models.alias
        if alias.profile == "agent" and alias.sandbox == "danger-full-access"
    ]
    if settings.trace.enabled:
        risks.append(
            "trace.enabled: the trace buffer records prompts and outputs in files; switch it off, and delete them with "
            "`codexd trace --purge`, once they are not needed"
        )
    return tuple(risks)


def _sources(
    settings: Settings, provider: str, home: Path, candidates: Sequence[Path], configured_provider: str | None
) -> Iterator[str]:
    if configured_provider is not None:
        yield f"the models of Codex's provider {configured_provider} from {home}"
    elif provider == "account":
        yield f"the models of the Codex account in {home}"
    if provider == "scripted":
        reason = f"no Codex login in {' or '.join(map(str, candidates))}"
        if settings.codex.model == "scripted":
            reason = 'codex.model is "scripted"'
        yield f"the built-in scripted model ({reason})"
    for upstream in settings.upstream:
        yield f"the models of {upstream.name}"
    if provider == "none" and not settings.upstream:
        yield "no models: there is neither Codex nor an upstream"


def _base_url(endpoint: str) -> str | None:
    """Return the URL at which this machine can reach a TCP endpoint, None when its port is not known."""
    (kind, *arguments), options = parse_endpoint(endpoint)
    port = options.get("port", next(iter(arguments), "0"))
    if kind not in _DEFAULT_INTERFACES or port == "0":
        return None
    host = options.get("interface") or _DEFAULT_INTERFACES[kind]
    host = _LOOPBACK.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
