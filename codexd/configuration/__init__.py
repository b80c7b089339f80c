"""Reads settings: argv > environment > TOML > defaults, all of it checked before anything starts.

Nothing here touches the outside; the file and the environment come in as arguments.
"""

from collections.abc import Callable, Mapping, Sequence
from errno import ENOENT
from types import MappingProxyType

from attrs import evolve, frozen

from codexd.configuration import rules
from codexd.configuration.sources import (
    CONFIG_VARIABLE,
    Choice,
    Misconfigured,
    from_environ,
    from_flag,
    from_toml,
)
from codexd.configuration.structure import structure
from codexd.settings import Settings

__all__ = ["Choice", "Loaded", "Misconfigured", "from_flag", "load"]

Read = Callable[[str], str]


@frozen
class Loaded:
    """The settings and where they come from.

    Attributes:
        settings: complete and checked.
        choices: what was chosen and stood, one a key; all else is default.
    """

    settings: Settings
    choices: tuple[Choice, ...] = ()


def _no_files(path: str) -> str:
    raise FileNotFoundError(ENOENT, "no files are read here", path)


def load(
    argv: Sequence[Choice] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
    read: Read = _no_files,
    config: str | None = None,
) -> Loaded:
    """Read and check everything a person chose.

    Args:
        argv: what flags say.
        environ: the process environment; only `CODEXD_*` is looked at.
        read: gives a file's text; may raise OSError or UnicodeError.
        config: the TOML file; None leaves it to `CODEXD_CONFIG`, and then there is none.

    Raises:
        Misconfigured: with every problem found, each naming its setting.
    """
    config = config or environ.get(CONFIG_VARIABLE)
    document = from_toml(_text(read, config), config) if config else ()
    standing = {choice.key: choice for choice in (*document, *from_environ(environ), *argv)}
    settings = _with_key_file(structure(tuple(standing.values())), read)
    if problems := rules.problems(settings):
        raise Misconfigured(*problems)
    return Loaded(settings, tuple(standing.values()))


def _text(read: Read, path: str) -> str:
    try:
        return read(path)
    except (OSError, UnicodeError) as error:
        raise Misconfigured(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _with_key_file(settings: Settings, read: Read) -> Settings:
    path = settings.http.api_keys_file
    if path is None:
        return settings
    lines = (line.strip() for line in _text(read, path).splitlines())
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise Misconfigured(f"http.api_keys_file: {path} holds no key")
    return evolve(settings, http=evolve(settings.http, api_keys=settings.http.api_keys + keys))
