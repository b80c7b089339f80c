"""Checks what the settings refer to: files, directories, variables. Nothing is started, opened for writing or locked.

`codexd check-config` so reports what would prevent a start, all of it at once. It cannot tell whether an address of
`http.listen` is in use, nor whether an upstream answers.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import evolve

from codexd.child.agent_sandbox import check_agents, confine_agents
from codexd.child.launch import LaunchConfig
from codexd.codex_home import (
    choose_provider,
    find_configured_provider,
    find_shell_excludes,
    find_workspace_write,
    state_directory,
)
from codexd.configuration import ConfigurationError
from codexd.configuration.home_rules import normalise_path
from codexd.observe.span_export import check_installed
from codexd.observe.trace_files import TraceDirectory, locate_trace_directory
from codexd.settings import Settings
from codexd.store.database_file import check_location, locate_database
from codexd.upstream.api_key import load_api_key
from codexd.upstream.ca_file import load_ca_certificates

_WRITABLE: Final = os.R_OK | os.W_OK | os.X_OK


def find_start_problems(settings: Settings, environ: Mapping[str, str], read: Callable[[str], str]) -> tuple[str, ...]:
    """Return what would prevent a start, or make each request of a model fail.

    Args:
        settings: all settings.
        environ: the process environment.
        read: returns the text of a file; may raise OSError or UnicodeError.
    """
    problems = [*_check_sockets(settings), *_check_workspaces(settings)]
    for upstream in settings.upstream:
        problems += _problems_of(lambda one=upstream: load_api_key(one, environ, read))  # type: ignore[misc]
        problems += _problems_of(lambda one=upstream: load_ca_certificates(one, read))  # type: ignore[misc]
    problems += _check_homes(settings)
    problems += _check_trace_directory(locate_trace_directory(settings.trace, state_directory(environ)), settings)
    problems += _problems_of(lambda: check_installed(settings.otel, environ))
    return (*problems, *_problems_of(lambda: _check_database(settings, environ)))


def find_home_problems(home: Path | None) -> tuple[str, ...]:
    """Return what would prevent Codex from running with a CODEX_HOME; None if it does not run."""
    if home is None or os.access(home, _WRITABLE, effective_ids=True):
        return ()
    return (f"codex.home: {home} must be readable and writable; Codex stores its files there",)


def find_agent_problems(
    settings: Settings,
    environ: Mapping[str, str],
    program: Path,
    home: Path,
    *,
    candidates: Iterable[Path],
    files: Iterable[str],
) -> tuple[str, ...]:
    """Return why this machine cannot confine the commands of agents; runs a program in the sandbox of each.

    Args:
        settings: all settings. Agents without a workspace are left out, those are `find_start_problems`' matter.
        environ: the process environment.
        program: Codex.
        home: its CODEX_HOME.
        candidates: the directories that may contain a login of Codex.
        files: the files from which the settings were read.
    """
    aliases = tuple(one for one in settings.models.alias if one.workspace is None or os.path.isdir(one.workspace))
    settings = evolve(settings, models=evolve(settings.models, alias=aliases))
    if not any(alias.profile == "agent" for alias in aliases):
        return ()
    return _problems_of(
        lambda: check_agents(
            settings,
            confine_agents(settings, _build_launch_config(settings, environ, program, home), candidates, files),
        )
    )


def _build_launch_config(settings: Settings, environ: Mapping[str, str], program: Path, home: Path) -> LaunchConfig:
    configured = find_configured_provider(settings.codex, home, choose_provider(settings.codex, home))
    return LaunchConfig(
        binary=program,
        home=home,
        state=state_directory(environ),
        environ=environ,
        codex=settings.codex,
        provider_environment=() if configured is None else configured.environment,
        shell_excludes=find_shell_excludes(settings.codex, home),
        workspace_write=find_workspace_write(settings.codex, home),
    )


def _problems_of(check: Callable[[], object]) -> tuple[str, ...]:
    try:
        check()
    except ConfigurationError as error:
        return error.problems
    return ()


def _check_database(settings: Settings, environ: Mapping[str, str]) -> None:
    check_location(locate_database(settings.responses, state_directory(environ)))


def _check_sockets(settings: Settings) -> Iterator[str]:
    for endpoint in settings.http.listen:
        kind, *rest = (part.replace("\\", "") for part in re.split(r"(?<!\\):", endpoint))
        if kind != "unix" or not rest:
            continue
        directory = Path(rest[0].removeprefix("address=")).absolute().parent
        if not os.path.isdir(directory):
            yield f"http.listen: {endpoint!r}: {directory} is not a directory; create it first"
        elif not os.access(directory, os.W_OK | os.X_OK, effective_ids=True):
            yield f"http.listen: {endpoint!r}: {directory} is not writable"


def _check_homes(settings: Settings) -> Iterator[str]:
    """Check that no two tables `[[codex]]` have one directory by different names."""
    owners: dict[str, str] = {}
    for home in settings.homes:
        if home.home is None:
            continue
        owner = owners.setdefault(normalise_path(os.path.realpath(os.path.expanduser(home.home))), home.name)
        if owner != home.name:
            yield f"codex {home.name!r}: home {home.home} is that of codex {owner!r}; name another one"


def _check_trace_directory(directory: TraceDirectory, settings: Settings) -> Iterator[str]:
    """Check the directory of the trace buffer, which is created when it does not exist."""
    if settings.trace.enabled and (problem := directory.find_problem()) is not None:
        yield f"trace.directory: {problem}"


def _check_workspaces(settings: Settings) -> Iterator[str]:
    for alias in settings.models.alias:
        if alias.workspace is not None and not os.path.isdir(alias.workspace):
            yield f"models.alias {alias.name!r}: workspace {alias.workspace} is not a directory; create it first"
