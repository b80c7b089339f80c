"""`codexd install-service` and `uninstall-service`."""

import os
import re
import stat
import subprocess
import sysconfig
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import indent
from typing import Final, TypeVar

from attrs import evolve

from codexd.configuration.reference import render_example
from codexd.systemd.installation import Installation, InstalledFile
from codexd.systemd.units import NOTIFY_RELOAD_VERSION, Service

_Result = TypeVar("_Result")

_INSTANCE: Final = re.compile(r"[a-z0-9][a-z0-9_]{0,23}")
_ROOT: Final = Path("/")
_TO_WRITE: Final = "to write"
_UNREADABLE: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108
"""What the unit of the system cannot see (ProtectHome, PrivateTmp)."""


class InstallationError(Exception):
    """The service cannot be installed or removed; the message is shown to the user."""


def install(rest: Sequence[str], environ: Mapping[str, str], new_key: Callable[[], str]) -> None:
    """Write the files of a service that are missing; print what was done, and the next commands.

    Raises:
        InstallationError: when a unit was changed, or a file cannot be written. The first is checked before anything
            is written.
    """
    arguments = _parse("install-service", "Write the units, the configuration and the key of a service.", rest)
    installation = _plan(arguments, environ)
    place = _find_unreadable(installation.service.programs)
    if place is not None and arguments.scope == "system" and arguments.root == _ROOT:
        raise InstallationError(f"the service could not read its programs below {place}; install codexd in /opt/codexd")
    contents = (_describe_example, _describe_key) if arguments.dry_run else (render_example, new_key)
    files = tuple(installation.list_files(*contents))
    for file in files:
        _check_kind(file)
    _check_unchanged(arguments, files)
    for file in files:
        what = _write(file, arguments)
        print(f"{what:<10} {file.path}")
        if what == _TO_WRITE:
            print(indent(file.text, "    "))
    print("\nNext:", *installation.describe_next(), sep="\n  ")


def uninstall(rest: Sequence[str], environ: Mapping[str, str]) -> None:
    """Remove the units of a service; print what was done. The configuration, the key and the state stay.

    Raises:
        InstallationError: when a unit was changed, or cannot be removed.
    """
    arguments = _parse("uninstall-service", "Remove the units of a service; everything else stays.", rest)
    installation = evolve(_plan(arguments, environ), with_socket=True)
    units = tuple(unit for unit in installation.list_units() if os.path.lexists(unit.path))
    if not arguments.force:
        for unit in units:
            _check_kind(unit)
    _check_unchanged(arguments, units)
    for unit in units:
        if not arguments.dry_run:
            _attempt(unit.path.unlink, unit.path)
        print(f"{'to remove' if arguments.dry_run else 'removed':<10} {unit.path}")
    name = installation.name
    print(f"\nNext:\n  {installation.systemctl} stop {name}.socket {name}.service")
    print(f"  {installation.systemctl} daemon-reload\nThese stay: {installation.configuration}, the state directory")


def _parse(name: str, description: str, rest: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog=f"codexd {name}", description=description, allow_abbrev=False)
    scopes = parser.add_mutually_exclusive_group(required=True)
    for scope, text in (("user", "a service of this user"), ("system", "a service with a user of its own")):
        scopes.add_argument(f"--{scope}", dest="scope", action="store_const", const=scope, help=text)
    parser.add_argument("--instance", type=_instance, metavar="NAME", help="one of several services")
    parser.add_argument("--socket", action="store_true", help="let systemd open the socket: no client is ever refused")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be done, with the text of the units, and do nothing"
    )
    parser.add_argument("--force", action="store_true", help="replace or remove units that were changed")
    parser.add_argument("--root", type=Path, default=_ROOT, help="write below this directory, for a package")
    return parser.parse_args(list(rest))


def _describe_example() -> str:
    return "# every setting with its default, as `codexd settings` prints it"


def _describe_key() -> str:
    return "# a new key, as `codexd new-key` prints it"


def _instance(text: str) -> str:
    if not _INSTANCE.fullmatch(text):
        raise ArgumentTypeError("up to 24 lower-case letters, digits and '_', because it becomes part of a user's name")
    return text


def _plan(arguments: Namespace, environ: Mapping[str, str]) -> Installation:
    if arguments.scope == "system":
        units, configuration = Path("/etc/systemd/system"), Path("/etc/codexd")
    else:
        home = _find_user_configuration(environ)
        units, configuration = home / "systemd" / "user", home / "codexd"
    return Installation(
        service=Service(
            scope=arguments.scope,
            is_template=arguments.instance is not None,
            programs=sysconfig.get_path("scripts"),
            systemd_version=find_systemd_version(),
        ),
        instance=arguments.instance or "",
        with_socket=arguments.socket,
        units=arguments.root / units.relative_to("/"),
        configuration=arguments.root / configuration.relative_to("/"),
    )


def _find_user_configuration(environ: Mapping[str, str]) -> Path:
    name = "XDG_CONFIG_HOME" if environ.get("XDG_CONFIG_HOME") else "HOME"
    path = Path(environ.get(name, ""))
    if not path.is_absolute():
        raise InstallationError(f"the variable {name} must be an absolute path, and is {environ.get(name, '')!r}")
    return path if name != "HOME" else path / ".config"


def find_systemd_version(program: str = "systemctl") -> int:
    """Return the version of systemd; that of a new one where there is none."""
    try:
        run = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return NOTIFY_RELOAD_VERSION
    found = re.match(r"systemd (\d+)", run.stdout)
    return int(found[1]) if found else NOTIFY_RELOAD_VERSION


def _find_unreadable(programs: str) -> str | None:
    """Return the directory that hides the programs, or the Python that they link to, from the service."""
    paths = (programs, os.path.realpath(f"{programs}/python"))
    return next((place for place in _UNREADABLE for path in paths if path.startswith(f"{place}/")), None)


def _check_kind(file: InstalledFile) -> None:
    """Refuse what is no file of its own: a link is not followed, and a FIFO would never be read to its end."""
    if file.is_kept and _attempt(file.path.is_file, file.path):
        return
    try:
        mode = file.path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise _explain(error, file.path) from error
    if not stat.S_ISREG(mode):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
        raise InstallationError(f"{file.path}: is {what}; remove it, and try again")


def _check_unchanged(arguments: Namespace, files: Sequence[InstalledFile]) -> None:
    if arguments.force:
        return
    changed = [str(file.path) for file in files if not file.is_kept and _read(file.path) not in (None, file.content)]
    if changed:
        raise InstallationError(
            f"{', '.join(changed)}: differs from what this version writes. Put changes into a drop-in (systemctl "
            "edit), and use --force"
        )


def _write(file: InstalledFile, arguments: Namespace) -> str:
    """Write a file if that is needed, and return what was done."""
    if file.is_kept and _attempt(file.path.exists, file.path):
        return "kept"
    found = _read(file.path)
    if found == file.content:
        return "unchanged"
    if arguments.dry_run:
        return _TO_WRITE
    _attempt(lambda: _replace(file), file.path)
    return "written" if found is None else "replaced"


def _replace(file: InstalledFile) -> None:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, file.mode)
    with open(descriptor, "wb") as opened:
        os.fchmod(descriptor, file.mode)
        opened.write(file.content)


def _read(path: Path) -> bytes | None:
    return _attempt(lambda: path.read_bytes() if path.exists() else None, path)


def _attempt(act: Callable[[], _Result], path: Path) -> _Result:
    try:
        return act()
    except OSError as error:
        raise _explain(error, path) from error


def _explain(error: OSError, path: Path) -> InstallationError:
    hint = "; --system needs root" if isinstance(error, PermissionError) else ""
    return InstallationError(f"{path}: {error.strerror or error}{hint}")
