"""Confines the commands of agents, and checks that this machine can do that.

The commands run in a sandbox of Codex (namespaces of their own, with bubblewrap) that hides codexd's own files and
Codex's login. Codex itself runs outside of it, because it needs the login.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from attrs import evolve

import codexd
from codexd.backs.permission_profile import (
    PermissionProfile,
    ProtectedFiles,
    build_profile,
    find_overlap,
    name_profile,
)
from codexd.child.launch import LaunchConfig
from codexd.configuration import ConfigurationError
from codexd.settings import ModelAlias, Settings

PROBE_SECONDS: Final = 20.0
"""Timeout of the probe of one profile."""

_IN_MEMORY: Final = ":memory:"
_RUN: Final = Path("/run")
_RESOLVER: Final = Path("/etc/resolv.conf")
_MAX_REASON: Final = 300

# Prints the paths that it can use, itself or through another process, then `checked`.
_PROBE: Final = """\
for path; do
    for root in "" /proc/[0-9]*/root; do
        if [ -r "$root$path" ] || [ -w "$root$path" ]; then echo "$path"; break; fi
    done
done
echo checked"""


def confine_agents(
    settings: Settings, launch_config: LaunchConfig, homes: Iterable[Path], files: Iterable[str] = ()
) -> LaunchConfig:
    """Return the configuration with the permission profiles of all aliases that are agents.

    Args:
        settings: all settings.
        launch_config: how a child is started.
        homes: the directories that may contain a login of Codex.
        files: the files from which the settings and keys were read.

    Raises:
        ConfigurationError: when a workspace cannot be used.
    """
    agents = [alias for alias in settings.models.alias if alias.profile == "agent"]
    if not agents:
        return launch_config
    protected = find_protected_files(settings, launch_config, homes, files)
    profiles = {
        profile.name: profile for profile in (_build_profile(alias, protected, launch_config) for alias in agents)
    }
    return evolve(launch_config, permission_profiles=tuple(profiles.values()), protected_files=protected)


def find_protected_files(
    settings: Settings, launch_config: LaunchConfig, homes: Iterable[Path], files: Iterable[str]
) -> ProtectedFiles:
    """Find what agents must not use; a file that does not exist is left out."""
    directories = [launch_config.home, launch_config.state, *homes]
    # The whole directories: SQLite's files beside the database and the socket come and go, and backups may be there.
    places = [settings.admin.socket, settings.responses.database]
    directories += [Path(place).expanduser().parent for place in places if place and place != _IN_MEMORY]
    if credentials := launch_config.environ.get("CREDENTIALS_DIRECTORY"):
        directories.append(Path(credentials))
    keys = [upstream.key_file for upstream in settings.upstream if upstream.key_file is not None]
    keys += [key for endpoint in settings.http.listen for key in re.findall(r"privateKey=([^:]+)", endpoint)]
    secret = [*directories, *(Path(file).expanduser() for file in (*files, *keys))]
    programs = [Path(sys.prefix), Path(codexd.__file__).parent, launch_config.binary.parent]
    return ProtectedFiles(
        unreadable=_resolve(secret),
        # A symbolic link to a protected file could be replaced: its directory must stay as it is.
        unchangeable=_resolve([*programs, *(path.absolute().parent for path in secret if _is_linked(path))]),
        sockets=_find_socket_directories(),
    )


def check_agents(settings: Settings, launch_config: LaunchConfig) -> None:
    """Run a program in the sandbox of each alias that is an agent, which must not be able to use a protected file.

    Blocks for about a tenth of a second per profile.

    Raises:
        ConfigurationError: when this machine cannot confine the commands of an agent.
    """
    profiles = {profile.name: profile for profile in launch_config.permission_profiles}
    found: dict[str, str | None] = {}
    problems = []
    for alias in settings.models.alias:
        if alias.profile != "agent":
            continue
        assert alias.workspace is not None  # a rule of the configuration
        name = name_profile(alias.workspace, alias.sandbox)
        if name not in found:
            found[name] = _probe(launch_config, profiles[name], alias.workspace)
        if problem := found[name]:
            problems.append(f"models.alias {alias.name!r}: the commands of an agent cannot be confined: {problem}")
    if problems:
        raise ConfigurationError(*problems)


def check_reload(settings: Settings, launch_config: LaunchConfig, homes: Iterable[Path], files: Iterable[str]) -> None:
    """Check that the agents cannot read what other settings name: their sandbox is that of the start.

    Args:
        settings: the new settings.
        launch_config: how the children were started.
        homes: the directories that may contain a login of Codex.
        files: the files from which the new settings were read.

    Raises:
        ConfigurationError: when a file of the new settings was not protected at the start.
    """
    if not launch_config.permission_profiles:
        return
    hidden = launch_config.protected_files.unreadable
    for path in find_protected_files(settings, launch_config, homes, files).unreadable:
        if not any(Path(path).is_relative_to(place) for place in hidden):
            raise ConfigurationError(f"{path}: the agents that run could read it; restart codexd to use it")


def _build_profile(alias: ModelAlias, protected: ProtectedFiles, launch_config: LaunchConfig) -> PermissionProfile:
    assert alias.workspace is not None  # a rule of the configuration
    workspace = os.path.realpath(alias.workspace)
    if not os.path.isdir(workspace):
        raise ConfigurationError(f"models.alias {alias.name!r}: workspace {alias.workspace} is not a directory")
    if overlap := find_overlap(workspace, protected):
        raise ConfigurationError(
            f"models.alias {alias.name!r}: workspace {alias.workspace} is in {overlap}, which agents must not read; "
            "use a directory outside of it"
        )
    temporary = ("/tmp", os.path.realpath(tempfile.gettempdir()))  # noqa: S108 - as Codex allows
    return build_profile(
        alias.sandbox, alias.workspace, workspace, protected, temporary, launch_config.workspace_write, _can_rename_in
    )


def _probe(launch_config: LaunchConfig, profile: PermissionProfile, workspace: str) -> str | None:
    """Return why a profile does not protect its files; None if it does."""
    unreadable = launch_config.protected_files.unreadable
    command = launch_config.sandbox_command(profile, workspace, ("/bin/sh", "-c", _PROBE, "sh", *unreadable))
    try:
        run = subprocess.run(  # noqa: S603 - the program is the one codexd itself runs
            [command.executable, *command.arguments],
            env=command.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"Codex's sandbox does not run: {type(error).__name__}"
    *usable, last = run.stdout.decode("utf-8", "replace").splitlines() or [""]
    if last != "checked":
        reason = _last_line(run.stderr.decode("utf-8", "replace"))
        return f"Codex's sandbox does not run here ({reason}); it needs user namespaces and mounts (bubblewrap)"
    return f"it can use {', '.join(usable)}" if usable else None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not re.match(r"\d+: |Stack backtrace|WARNING", line)]
    return lines[-1][:_MAX_REASON] if lines else "no reason given"


def _resolve(paths: Iterable[Path]) -> tuple[str, ...]:
    """Return existing paths without symbolic links, and without those below another: Codex cannot hide them again."""
    resolved = {Path(os.path.realpath(path)) for path in paths}
    return tuple(str(path) for path in sorted(resolved) if path.exists() and not resolved & {*path.parents})


def _is_linked(path: Path) -> bool:
    return os.path.realpath(path) != str(path.absolute()) and path.exists()


def _can_rename_in(directory: str) -> bool:
    """Return whether this user can rename the entries of a directory, or give itself the permission."""
    try:
        return os.access(directory, os.W_OK) or os.stat(directory).st_uid == os.geteuid()
    except OSError:
        return True


def _find_socket_directories() -> tuple[str, ...]:
    """Return `/run`, or its entries without the one that contains the resolver's configuration."""
    resolver = Path(os.path.realpath(_RESOLVER))
    if not _RUN.is_dir():
        return ()
    if not resolver.is_relative_to(_RUN):
        return (str(_RUN),)
    needed = resolver.relative_to(_RUN).parts[0]
    return tuple(str(entry) for entry in sorted(_RUN.iterdir()) if entry.name != needed and not entry.is_symlink())
