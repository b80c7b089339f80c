"""Installs each client into a folder of its own under `build/clients`, so that no two share a dependency."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.clients.catalogue import Client

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "build" / "clients"
DRIVERS: Final = Path(__file__).with_name("drivers")
_INSTALL_SECONDS: Final = 900


class NotInstallableError(Exception):
    """The client cannot be installed here; the reason is for the report."""


def install(client: Client) -> tuple[str, ...]:
    """Install a client unless it is installed, and return the command that runs its driver.

    Raises:
        NotInstallableError: with the reason.
    """
    folder = FOLDER / client.slug
    stamp = folder / "installed"
    installed = "\n".join(client.packages)
    if not stamp.exists() or stamp.read_text() != installed:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _INSTALLERS[client.language](client, folder)
        stamp.write_text(installed)
    return _driver_command(client, folder)


def _install_python(client: Client, folder: Path) -> None:
    _run(sys.executable, "-m", "venv", str(folder / "venv"))
    python = str(folder / "venv" / "bin" / "python")
    _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *client.packages)


def _install_node(client: Client, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstallableError("npm is missing")
    (folder / "package.json").write_text('{"private":true,"type":"module"}')
    _run(npm, "install", "--no-audit", "--no-fund", "--loglevel=error", *client.packages, cwd=folder)


_INSTALLERS: Final = {"python": _install_python, "node": _install_node}


def _run(*command: str, cwd: Path = ROOT) -> None:
    run = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    if run.returncode:
        last = (run.stderr or run.stdout).strip().splitlines()[-1:]
        raise NotInstallableError(" ".join(last) or f"{command[0]} failed")


def _driver_command(client: Client, folder: Path) -> tuple[str, ...]:
    python = DRIVERS / f"{client.slug}_driver.py"
    if client.language == "python":
        return str(folder / "venv" / "bin" / "python"), str(python)
    if python.exists():  # a command-line program
        return sys.executable, str(python)
    # Node.js finds packages beside the file that imports them.
    for name in ("driver.mjs", f"{client.slug}_driver.mjs"):
        shutil.copy(DRIVERS / name, folder / name)
    return str(folder / "node_modules" / ".bin" / "node"), str(folder / f"{client.slug}_driver.mjs")


def environment(client: Client, url: str, model: str, work: Path) -> dict[str, str]:
    """Return the environment of a driver."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {
        "HOME": str(work),
        "CODEXD_URL": url,
        "CODEXD_MODEL": model,
        "CLIENT_FOLDER": str(work),
        "CLIENT_BIN": str(FOLDER / client.slug / "node_modules" / ".bin"),
    }
