"""Loads the settings: argv > environment > TOML > defaults, checked before anything starts.

This package does no I/O: the environment and a function that reads files are arguments.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from errno import ENOENT
from types import MappingProxyType

from attrs import evolve, frozen

from codexd.configuration import rules
from codexd.configuration.home_rules import find_prefix_warnings
from codexd.configuration.keys import parse_keys
from codexd.configuration.misspellings import describe_foreign
from codexd.configuration.sources import (
    CONFIG_VARIABLE,
    ConfigurationError,
    Override,
    UnreadableFileError,
    find_foreign_variables,
    parse_environ,
    parse_flag,
    parse_toml,
)
from codexd.configuration.structure import structure
from codexd.settings import Settings

__all__ = ["ConfigurationError", "LoadedSettings", "Override", "find_keys_file", "load", "parse_flag"]

ReadFile = Callable[[str], str]


@frozen
class LoadedSettings:
    """The settings in effect and their sources.

    Attributes:
        settings: complete and checked.
        overrides: the values in effect that are not defaults, at most one per key.
        warnings: what is probably not meant but prevents nothing, one line each.
        files: the files from which they were read.
    """

    settings: Settings
    overrides: tuple[Override, ...] = ()
    warnings: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def _no_files(path: str) -> str:
    raise FileNotFoundError(ENOENT, "no files are read here", path)


def load(
    argv: Sequence[Override] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
    read: ReadFile = _no_files,
    config: str | None = None,
    defaults: Sequence[Override] = (),
) -> LoadedSettings:
    """Load and check the settings.

    Args:
        argv: the values of the command line's flags.
        environ: the process environment; only `CODEXD_*` is read.
        read: returns the text of a file; may raise OSError or UnicodeError.
        config: the TOML file; when None the file of `CODEXD_CONFIG`, if that is set.
        defaults: values in place of the defaults, which any other source overrides.

    Raises:
        ConfigurationError: with every problem found, each with the name of its setting.
    """
    effective = {one.key: one for one in defaults} | _collect_overrides(argv, environ, read, config)
    settings = _add_keys_of_files(structure(tuple(effective.values())), read)
    if settings.keys.file is not None and settings.key:
        origins = (effective["key"].origin,) if "key" in effective else ()
        effective["key"] = Override("key", None, ", ".join((*origins, settings.keys.file)))
    if problems := rules.find_problems(settings):
        raise ConfigurationError(*problems)
    files = (config or environ.get(CONFIG_VARIABLE), settings.http.api_keys_file, settings.keys.file)
    return LoadedSettings(
        settings=settings,
        overrides=tuple(effective.values()),
        warnings=tuple(_find_warnings(environ, settings)),
        files=tuple(file for file in files if file),
    )


def _find_warnings(environ: Mapping[str, str], settings: Settings) -> Iterator[str]:
    used = {upstream.key_env for upstream in settings.upstream}
    if foreign := [name for name in find_foreign_variables(environ) if name not in used]:
        yield describe_foreign(foreign)
    yield from find_prefix_warnings(settings)


def find_keys_file(
    environ: Mapping[str, str], read: ReadFile, config: str | None = None, argv: Sequence[Override] = ()
) -> str | None:
    """Return the setting `keys.file`; the file need not exist, and nothing but the sources is checked.

    Raises:
        ConfigurationError: when a source of settings cannot be read.
    """
    override = _collect_overrides(argv, environ, read, config).get("keys.file")
    return None if override is None else structure((override,)).keys.file


def find_admin_socket(
    environ: Mapping[str, str], read: ReadFile, config: str | None, warn: Callable[[str], object]
) -> str | None:
    """Return the setting `admin.socket`, also while other settings are wrong or the file cannot be parsed.

    A running daemon is administered most of all when its settings are wrong; then its socket is where it is by default.

    Args:
        environ: the process environment.
        read: returns the text of a file.
        config: the TOML file; when None the file of `CODEXD_CONFIG`, if that is set.
        warn: receives why the default is taken.

    Raises:
        ConfigurationError: when the file cannot be read: with a mistyped path, the command would reach another daemon.
    """
    try:
        override = _collect_overrides((), environ, read, config).get("admin.socket")
        return None if override is None else structure((override,)).admin.socket
    except UnreadableFileError:
        raise
    except ConfigurationError as error:
        warn(f"{error}; so the default control socket is used")
        return None


def _collect_overrides(
    argv: Sequence[Override], environ: Mapping[str, str], read: ReadFile, config: str | None
) -> dict[str, Override]:
    source = "--config" if config else CONFIG_VARIABLE
    config = config or environ.get(CONFIG_VARIABLE)
    document = parse_toml(_read_text(read, config, config, f" ({source})"), config) if config else ()
    return {override.key: override for override in (*document, *parse_environ(environ), *argv)}


def _read_text(read: ReadFile, path: str, what: str, origin: str = "") -> str:
    try:
        return read(path)
    except (OSError, UnicodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeError) else error.strerror or str(error)
        raise UnreadableFileError(f"{what}: cannot be read: {reason}{origin}") from error


def _add_keys_of_files(settings: Settings, read: ReadFile) -> Settings:
    if settings.keys.file is not None:
        named = parse_keys(_read_text(read, settings.keys.file, f"keys.file: {settings.keys.file}"), settings.keys.file)
        settings = evolve(settings, key=settings.key + named)
    path = settings.http.api_keys_file
    if path is None:
        return settings
    lines = (line.strip() for line in _read_text(read, path, f"http.api_keys_file: {path}").splitlines())
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise ConfigurationError(f"http.api_keys_file: {path} contains no key")
    return evolve(settings, http=evolve(settings.http, api_keys=settings.http.api_keys + keys))
