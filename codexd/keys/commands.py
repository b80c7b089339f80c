"""The command `codexd keys`: add, list, rotate and revoke the API keys of the keys file."""

import secrets
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from codexd.configuration import ConfigurationError, find_keys_file
from codexd.keys.file import KeysFile, find_key, replace_key
from codexd.policy.key_policy import FAMILIES
from codexd.settings import ApiKey

_LIMITS: Final = (
    "requests_per_minute",
    "tokens_per_minute",
    "concurrent_turns",
    "stored_bytes",
    "background_responses",
    "tokens_per_day",
    "tokens_per_month",
)
_MODES: Final = ("openai-json", "obsidian-xml")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_HEX_DIGITS: Final = frozenset("0123456789abcdef")


def new_key() -> str:
    """Return a key of 256 random bits; some clients require the prefix `sk-`."""
    return f"sk-codexd-{secrets.token_urlsafe(32)}"


def run(argv: Sequence[str], environ: Mapping[str, str], now: Callable[[], float]) -> int:
    """Run the command and return its exit status.

    Args:
        argv: the arguments after `keys`.
        environ: the process environment, for the settings.
        now: returns Unix time in seconds.

    Raises:
        ConfigurationError: when the file cannot be used, or an argument is wrong for it.
    """
    arguments = _parse(argv)
    path = arguments.file or find_keys_file(environ, _read_text, arguments.config)
    if path is None:
        raise ConfigurationError("keys.file: is not set; set it in the configuration (--config), or give --file PATH")
    moment = datetime.fromtimestamp(int(now()), UTC)
    execute: Callable[[Namespace, KeysFile, datetime], None] = arguments.execute
    execute(arguments, KeysFile(Path(path).expanduser()), moment)
    return 0


def _parse(argv: Sequence[str]) -> Namespace:
    common = ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument("--config", help="the configuration file of the daemon, which names the keys file (keys.file)")
    common.add_argument("--file", help="the keys file")
    parser = ArgumentParser(prog="codexd keys", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, help: str, execute: Callable[[Namespace, KeysFile, datetime], None]) -> ArgumentParser:
        command = commands.add_parser(name, help=help, description=help, parents=[common], allow_abbrev=False)
        command.set_defaults(execute=execute)
        return command

    adding = add("add", "create a key, and print it once", _add)
    adding.add_argument("name")
    _add_hash(adding)
    _add_limits(adding)
    add("list", "print the names, limits and times of all keys", _list)
    rotating = add("rotate", "give a name another key, and print it once; limits and stored state stay", _rotate)
    rotating.add_argument("name")
    _add_hash(rotating)
    rotating.add_argument(
        "--grace", type=_duration, metavar="TIME", help="how long the old key stays valid, such as 7d (default: not)"
    )
    changing = add("change", "change the limits of a key; an empty value removes a limit", _change)
    changing.add_argument("name")
    _add_limits(changing)
    revoking = add("revoke", "remove a key", _revoke)
    revoking.add_argument("name")
    return parser.parse_args(list(argv))


def _add_hash(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--hash",
        type=_digest,
        metavar="SHA256",
        help="the SHA-256 (64 hexadecimal digits) of a key that was made elsewhere, instead of a new key",
    )


def _add_limits(parser: ArgumentParser) -> None:
    parser.add_argument("--models", metavar="NAMES", type=_list_of(None), help="names or patterns, separated by commas")
    families = f"families of endpoints, separated by commas: {', '.join(FAMILIES)}"
    parser.add_argument("--endpoints", metavar="NAMES", type=_list_of(FAMILIES), help=families)
    for name in _LIMITS:
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="NUMBER", type=_number)
    parser.add_argument("--output-mode", choices=(*_MODES, ""), help="the form of tool calls")
    parser.add_argument("--codex", metavar="NAME", help="the only table [[codex]] that it may use")
    parser.add_argument("--expires", metavar="TIME", type=_expiry, help="a time (2027-01-31T12:00Z), a date, or 90d")
    parser.add_argument("--agent", choices=("yes", "no"), help="whether it may use agent aliases")
    parser.add_argument("--admin", choices=("yes", "no"), help="whether it may administer the daemon")


# The commands.


def _add(arguments: Namespace, file: KeysFile, now: datetime) -> None:
    key, digest = _make(arguments.hash)
    added = ApiKey(name=arguments.name, sha256=digest, created=now, **_limits(arguments, now))
    file.change(lambda keys: (*keys, added))
    _print_key(key, f"Added key {arguments.name!r} to {file.path}.")


def _rotate(arguments: Namespace, file: KeysFile, now: datetime) -> None:
    key, digest = _make(arguments.hash)

    def rotate(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        old = find_key(keys, arguments.name)
        if old.expires is not None and old.expires <= now:
            raise ConfigurationError(f"key {old.name!r} has expired; first use `codexd keys change --expires`")
        previous: dict[str, object] = {"previous_sha256": None, "previous_expires": None}
        if arguments.grace is not None:
            previous = {"previous_sha256": old.sha256, "previous_expires": now + arguments.grace}
        return replace_key(keys, arguments.name, sha256=digest, created=now, **previous)

    file.change(rotate)
    ends = "ends with the next reload" if arguments.grace is None else f"is valid until {_show(now + arguments.grace)}"
    _print_key(key, f"Key {arguments.name!r} was replaced; the old one {ends}.")


def _change(arguments: Namespace, file: KeysFile, now: datetime) -> None:
    changes = _limits(arguments, now)
    if not changes:
        raise ConfigurationError("nothing to change; `codexd keys change --help` lists the options")
    file.change(lambda keys: replace_key(keys, arguments.name, **changes))
    _print_note(f"Changed key {arguments.name!r}.")


def _revoke(arguments: Namespace, file: KeysFile, now: datetime) -> None:
    def revoke(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        revoked = find_key(keys, arguments.name)
        return tuple(key for key in keys if key is not revoked)

    file.change(revoke)
    _print_note(f"Revoked key {arguments.name!r}.")


def _list(arguments: Namespace, file: KeysFile, now: datetime) -> None:
    for key in file.read():
        print(" ".join((key.name, f"sha256={key.sha256[:8]}...", *_describe(key, now))))


def _describe(key: ApiKey, now: datetime) -> list[str]:
    shown = [f"created={_show(key.created)}"] if key.created else []
    if key.expires is not None:
        shown.append(f"{'expired' if key.expires <= now else 'expires'}={_show(key.expires)}")
    if key.previous_expires is not None and key.previous_expires > now:
        shown.append(f"previous-key-until={_show(key.previous_expires)}")
    for name in ("models", "endpoints"):
        if values := getattr(key, name):
            shown.append(f"{name}={','.join(values)}")
    for name in (*_LIMITS, "output_mode"):
        if (value := getattr(key, name)) is not None:
            shown.append(f"{name.replace('_', '-')}={value}")
    return shown + [name for name in ("agent", "admin") if getattr(key, name)]


def _print_key(key: str | None, note: str) -> None:
    """Print a new key, alone on standard output; it is stored nowhere."""
    if key is None:
        _print_note(note)
    else:
        print(key)
        _print_note(f"{note} This key is shown only now; the file has its hash.")


def _print_note(note: str) -> None:
    print(f"{note} A running daemon reads the file again on `codexd reload`.", file=sys.stderr)


def _show(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


# The arguments.


def _make(digest: str | None) -> tuple[str | None, str]:
    """Return a new key and its hash; no key if the hash is given."""
    if digest is not None:
        return None, digest
    key = new_key()
    return key, sha256(key.encode()).hexdigest()


def _limits(arguments: Namespace, now: datetime) -> dict[str, Any]:
    """Return the given limits; an empty value is that of a key without the limit."""
    names = ("models", "endpoints", *_LIMITS, "output_mode", "codex", "expires", "agent", "admin")
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    for name, value in given.items():
        if name in ("agent", "admin"):
            given[name] = value == "yes"
        elif value == "":
            given[name] = None
        elif isinstance(value, timedelta):
            given[name] = now + value
    return given


def _list_of(allowed: Sequence[str] | None) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        values = tuple(item.strip() for item in text.split(",") if item.strip())
        if allowed is not None and (wrong := [value for value in values if value not in allowed]):
            raise ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(allowed)}")
        return values

    return parse


def _number(text: str) -> int | str:
    if not text:
        return ""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError("must be a whole number, at least 1")
    return number


def _digest(text: str) -> str:
    digest = text.strip().lower()
    if len(digest) != 2 * sha256().digest_size or not _HEX_DIGITS.issuperset(digest):
        raise ArgumentTypeError("must be 64 hexadecimal digits")
    return digest


def _duration(text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if not number.isascii() or not number.isdigit() or unit not in _UNITS:
        raise ArgumentTypeError("must be a number with s, m, h, d or w, such as 7d")
    try:
        return timedelta(seconds=int(number) * _UNITS[unit])
    except OverflowError:
        raise ArgumentTypeError("is too long") from None


def _expiry(text: str) -> datetime | timedelta | str:
    if not text:
        return ""
    if text[-1:] in _UNITS:
        return _duration(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("must be a time such as 2027-01-31T12:00Z, a date, or a duration such as 90d") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _read_text(path: str) -> str:
    return Path(path).expanduser().read_text(encoding="utf-8")
