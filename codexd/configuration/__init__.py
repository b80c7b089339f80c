"""Loads the settings: argv > environment > TOML > defaults, checked before anything starts.

This package does no I/O: the environment and a function that reads files are arguments.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from errno import ENOENT
from types import MappingProxyType

from attrs import evolve, frozen

from codexd.configuration import rules
from codexd.configuration.misspellings import describe_foreign
from codexd.configuration.sources import (
    CONFIG_VARIABLE,
    ConfigurationError,
    Override,
    find_foreign_variables,
    parse_environ,
    parse_flag,
    parse_toml,
)
from codexd.configuration.structure import structure
from codexd.settings import Settings

__all__ = ["ConfigurationError", "LoadedSettings", "Override", "load", "parse_flag"]

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
) -> LoadedSettings:
    """Load and check the settings.

    Args:
        argv: the values of the command line's flags.
        environ: the process environment; only `CODEXD_*` is read.
        read: returns the text of a file; may raise OSError or UnicodeError.
        config: the TOML file; when None the file of `CODEXD_CONFIG`, if that is set.

    Raises:
        ConfigurationError: with every problem found, each with the name of its setting.
    """
    source = "--config" if config else CONFIG_VARIABLE
    config = config or environ.get(CONFIG_VARIABLE)
    document = parse_toml(_read_text(read, config, config, f" ({source})"), config) if config else ()
    effective = {override.key: override for override in (*document, *parse_environ(environ), *argv)}
    settings = _add_keys_of_file(structure(tuple(effective.values())), read)
    if problems := rules.find_problems(settings):
        raise ConfigurationError(*problems)
    files = (config, settings.http.api_keys_file)
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


def _read_text(read: ReadFile, path: str, what: str, origin: str = "") -> str:
    try:
        return read(path)
    except (OSError, UnicodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeError) else error.strerror or str(error)
        raise ConfigurationError(f"{what}: cannot be read: {reason}{origin}") from error


def _add_keys_of_file(settings: Settings, read: ReadFile) -> Settings:
    path = settings.http.api_keys_file
    if path is None:
        return settings
    lines = (line.strip() for line in _read_text(read, path, f"http.api_keys_file: {path}").splitlines())
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise ConfigurationError(f"http.api_keys_file: {path} contains no key")
    return evolve(settings, http=evolve(settings.http, api_keys=settings.http.api_keys + keys))
