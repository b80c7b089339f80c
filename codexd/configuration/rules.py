"""Checks across settings. Each rule yields its problems as sentences that say what to change."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from ipaddress import ip_address
from typing import Final

from codexd.configuration import home_rules
from codexd.configuration.sent_keys import API_KEY
from codexd.policy.addresses import AllowedHosts
from codexd.policy.hosts import normalise_host
from codexd.policy.key_policy import RESERVED_NAMES, is_valid_name
from codexd.settings import Settings

_EXAMPLE: Final = "tcp:11435:interface=127.0.0.1"
_ENDPOINT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*:")
_PORTS: Final = re.compile(r"(?:tcp6?|ssl|tls):(?!port=)([^:]*)")
_HOST: Final = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_ADDRESS: Final = re.compile(rf"https?://{_HOST}(?::\d{{1,5}})?(?:/[^\s?#@]*)?", re.IGNORECASE)
_MAX_PORT: Final = 65535
_PROXY: Final = re.compile(rf"http://{_HOST}:\d{{1,5}}/?", re.IGNORECASE)
_RENAMED: Final = re.compile(r"[A-Za-z0-9_]+=[A-Za-z0-9_]+")
_EFFORT_NAME: Final = re.compile(r"[a-z]+=[A-Za-z0-9_.-]*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_API_VERSION: Final = re.compile(r"[A-Za-z0-9._-]+")
_KEYED_MODE: Final = re.compile(r"[0-9a-f]{12}=(openai-json|obsidian-xml)")


def find_problems(settings: Settings) -> tuple[str, ...]:
    """Return the problems of all rules."""
    return tuple(problem for rule in _RULES for problem in rule(settings))


def is_loopback_endpoint(endpoint: str) -> bool:
    """Return whether only this machine can reach a Twisted server endpoint string; False if uncertain."""
    kind, *rest = (part.replace("\\", "") for part in re.split(r"(?<!\\):", endpoint))
    if kind == "unix":
        return True
    named = dict(part.split("=", 1) for part in rest if "=" in part)
    return kind in {"tcp", "tcp6", "ssl", "tls"} and _is_loopback_host(named.get("interface", ""))


def _is_loopback_host(interface: str) -> bool:
    if interface == "localhost":
        return True
    try:
        return ip_address(interface).is_loopback
    except ValueError:
        return False


def _check_listen(settings: Settings) -> Iterator[str]:
    if not settings.http.listen:
        yield f"http.listen: must not be empty; for example {_EXAMPLE}"
    for endpoint in settings.http.listen:
        if not _ENDPOINT.match(endpoint):
            yield f"http.listen: {endpoint!r} is not a Twisted endpoint string; for example {_EXAMPLE}"
        elif (found := _PORTS.match(endpoint)) and not (found[1].isdecimal() and int(found[1]) <= _MAX_PORT):
            yield f"http.listen: {endpoint!r}: the port must be a number from 0 to {_MAX_PORT}; for example {_EXAMPLE}"


def _check_listen_twice(settings: Settings) -> Iterator[str]:
    for endpoint, count in Counter(settings.http.listen).items():
        if count > 1:
            yield f"http.listen: {endpoint!r} is there {count} times; keep one"


def find_missing_keys(settings: Settings, endpoints: Iterable[str]) -> Iterator[str]:
    """Yield a problem for each of these endpoints, which other machines can reach, if no API key is set."""
    if settings.http.api_keys or settings.key or settings.keys.file is not None:
        return
    for endpoint in endpoints:
        yield (
            f"http.listen: {endpoint!r} is reachable from other machines, but no API key is set; create "
            "one with `codexd new-key` and set it with --api-key or CODEXD_API_KEYS, set keys.file and "
            f"create one with `codexd keys add`, or listen on loopback, for example {_EXAMPLE}"
        )


def _check_key_for_remote_clients(settings: Settings) -> Iterator[str]:
    """Check the endpoints whose strings say who can reach them; inherited sockets are checked where they are known."""
    known = (one for one in settings.http.listen if _ENDPOINT.match(one) and not one.startswith("systemd:"))
    remote = (one for one in known if not is_loopback_endpoint(one))
    return find_missing_keys(settings, remote)


def _check_allowed_hosts(settings: Settings) -> Iterator[str]:
    for place, host in enumerate(settings.http.allowed_hosts):
        name = normalise_host(host)
        if host != "*" and (name != host.lower().removesuffix(".") or not _HOST_NAME.fullmatch(name)):
            yield f"http.allowed_hosts[{place}]: {host!r} must be a host name or an address, without scheme and port"


def _check_keys(settings: Settings) -> Iterator[str]:
    if not all(API_KEY.fullmatch(key) for key in settings.http.api_keys):
        yield "http.api_keys: a key must not be empty and may contain only visible ASCII characters"


def _check_named_keys(settings: Settings) -> Iterator[str]:
    """Never quotes a hash: a key may stand in its place by mistake."""
    for key in settings.key:
        where = f"key {key.name!r}" if is_valid_name(key.name) else "key"
        if not is_valid_name(key.name):
            yield (
                "key: a name must have up to 64 letters, digits, '.', '_' and '-', begin with a letter or digit, and "
                "must not be 12 hexadecimal digits, which are the id of a key without a name, or one of "
                f"{', '.join(sorted(RESERVED_NAMES))}"
            )
        for field in ("sha256", "previous_sha256"):
            if (value := getattr(key, field)) is not None and not _SHA256.fullmatch(value):
                yield f"{where}: {field} must be 64 hexadecimal digits in lower case; `codexd keys add` writes them"
        if (key.previous_sha256 is None) != (key.previous_expires is None):
            yield f"{where}: previous_sha256 and previous_expires must be set together"
        if not all(pattern.strip() for pattern in key.models):
            yield f"{where}: models must not contain an empty name"
    for name, count in Counter(key.name for key in settings.key).items():
        if count > 1:
            yield f"key {name!r}: {count} keys have this name; names must be unique"


def _check_equal_keys(settings: Settings) -> Iterator[str]:
    names: dict[str, str] = {
        sha256(key.strip().encode()).hexdigest(): "an entry of http.api_keys" for key in settings.http.api_keys
    }
    for key in settings.key:
        for digest in (key.sha256, key.previous_sha256):
            if digest is None:
                continue
            if digest in names:
                yield f"key {key.name!r}: is the same key as {names[digest]}; remove one"
            names[digest] = f"key {key.name!r}"


def _check_backoff(settings: Settings) -> Iterator[str]:
    for codex in settings.homes:
        if codex.backoff_initial_seconds > codex.backoff_max_seconds:
            where = "codex" if codex is settings.codex else f"codex {codex.name!r}"
            yield f"{where}.backoff_initial_seconds: must not exceed {where}.backoff_max_seconds"


def _check_alias_names(settings: Settings) -> Iterator[str]:
    for name, count in Counter(alias.name for alias in settings.models.alias).items():
        if not name.strip():
            yield "models.alias: name must not be empty"
        elif count > 1:
            yield f"models.alias: {count} aliases have the name {name!r}; names must be unique"


def _check_agent_workspaces(settings: Settings) -> Iterator[str]:
    for alias in settings.models.alias:
        if alias.profile == "agent" and not alias.workspace:
            yield f'models.alias {alias.name!r}: profile = "agent" requires workspace, its working directory'
        if alias.profile == "plain" and alias.workspace:
            yield f'models.alias {alias.name!r}: workspace requires profile = "agent"'


def _check_alias_targets(settings: Settings) -> Iterator[str]:
    upstreams = {upstream.name for upstream in settings.upstream}
    for alias in settings.models.alias:
        where = f"models.alias {alias.name!r}"
        if alias.upstream is not None and alias.upstream not in upstreams:
            yield f"{where}: there is no upstream named {alias.upstream!r}"
        if alias.upstream is not None and alias.codex is not None:
            yield f"{where}: upstream and codex are both set; remove one"
        if alias.upstream is not None and alias.profile == "agent":
            yield f'{where}: profile = "agent" requires Codex and cannot be combined with upstream'
        if alias.name in alias.fallback:
            yield f"{where}: fallback must not contain the alias itself"


def _check_upstream_names(settings: Settings) -> Iterator[str]:
    for name, count in Counter(upstream.name for upstream in settings.upstream).items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            yield f"upstream: {name!r} is not a valid name; use up to 64 letters, digits, '.', '_' and '-'"
        elif count > 1:
            yield f"upstream: {count} upstreams have the name {name!r}; names must be unique"


def _port(url: str) -> int:
    found = re.match(rf"https?://{_HOST}:(\d+)", url, re.IGNORECASE)
    return int(found[1]) if found else 0


def _check_upstream_addresses(settings: Settings) -> Iterator[str]:
    for upstream in settings.upstream:
        where = f"upstream {upstream.name!r}"
        if not _ADDRESS.fullmatch(upstream.base_url):
            yield f"{where}: base_url must be http://HOST/PATH or https://HOST/PATH without user or query"
        elif (port := _port(upstream.base_url)) > _MAX_PORT:
            yield f"{where}: base_url has the port {port}; ports end at {_MAX_PORT}"
        if upstream.proxy is not None and not _PROXY.fullmatch(upstream.proxy):
            yield f"{where}: proxy must be http://HOST:PORT"
        if upstream.key_env is not None and upstream.key_file is not None:
            yield f"{where}: key_env and key_file are both set; remove one"
        if upstream.retry_initial_seconds > upstream.retry_max_seconds:
            yield f"{where}: retry_initial_seconds must not exceed retry_max_seconds"


def _check_upstream_names_of_fields(settings: Settings) -> Iterator[str]:
    for upstream in settings.upstream:
        where = f"upstream {upstream.name!r}"
        for place, entry in enumerate(upstream.rename_fields):
            if not _RENAMED.fullmatch(entry):
                yield f"{where}: rename_fields[{place}] must be name=upstream-name"
        for place, entry in enumerate(upstream.effort_names):
            if not _EFFORT_NAME.fullmatch(entry):
                yield f"{where}: effort_names[{place}] must be effort=upstream-name, or effort= to send none"
        if upstream.api_version is not None and not _API_VERSION.fullmatch(upstream.api_version):
            yield f"{where}: api_version may contain only letters, digits, '.', '_' and '-'"


def _check_images(settings: Settings) -> Iterator[str]:
    for place, entry in enumerate(settings.images.allow_private):
        try:
            AllowedHosts.parse((entry,))
        except ValueError as error:
            yield f"images.allow_private[{place}]: {error}"
    if not settings.images.ports:
        yield "images.ports: must not be empty; to fetch no images, set images.fetch to false"


def _check_key_output_modes(settings: Settings) -> Iterator[str]:
    """Never quotes an entry, which may contain a key by mistake."""
    entries = settings.tools.key_output_modes
    for place, entry in enumerate(entries):
        if not _KEYED_MODE.fullmatch(entry):
            yield (
                f"tools.key_output_modes[{place}]: must be ID=MODE, where ID is the first 12 hexadecimal "
                "digits of the key's SHA-256 and MODE is openai-json or obsidian-xml"
            )
    for id, count in Counter(entry.partition("=")[0] for entry in entries).items():
        if count > 1 and _KEYED_MODE.fullmatch(f"{id}=openai-json"):
            yield f"tools.key_output_modes: {count} entries have the ID {id}; keep one"
    for key in settings.key:
        ids = [digest[:12] for digest in (key.sha256, key.previous_sha256) if digest is not None]
        for place, entry in enumerate(entries):
            if entry.partition("=")[0] in ids:
                yield (
                    f"tools.key_output_modes[{place}]: is for key {key.name!r}, which has a name; set its "
                    "output_mode in place of this entry"
                )


_RULES: Final[tuple[Callable[[Settings], Iterator[str]], ...]] = (
    _check_listen,
    _check_listen_twice,
    _check_key_for_remote_clients,
    _check_keys,
    _check_allowed_hosts,
    _check_named_keys,
    _check_equal_keys,
    _check_backoff,
    *home_rules.RULES,
    _check_alias_names,
    _check_agent_workspaces,
    _check_alias_targets,
    _check_upstream_names,
    _check_upstream_addresses,
    _check_upstream_names_of_fields,
    _check_images,
    _check_key_output_modes,
)
