"""Where the Codex binary and its CODEX_HOME are, and whether that home holds a login.

What counts as a login is what Codex itself reads: `auth.json`, a credential store outside the home, or a
model provider of one's own in `config.toml` (openai/codex, docs/config.md).
"""

import os
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from codexd.configuration import Misconfigured
from codexd.settings import Codex

Serving = Literal["account", "scripted", "none"]


def binary(codex: Codex) -> Path:
    """Find the Codex program: the one chosen, else the pinned one installed with codexd.

    Raises:
        Misconfigured: when it is not there or cannot be run.
    """
    if codex.binary is None:
        return _pinned()
    found = shutil.which(os.path.expanduser(codex.binary))
    if found is None:
        raise Misconfigured(f"codex.binary: {codex.binary!r} is not a program that can be run")
    return Path(found).absolute()


def codex_home(codex: Codex, environ: Mapping[str, str]) -> Path:
    """Find CODEX_HOME: the one chosen, else `$CODEX_HOME`, else `~/.codex` with a login, else codexd's own.

    With `model = "scripted"` a person's own home is left alone. Only codexd's own directory is made, for its
    user alone; one that was chosen must exist, as Codex itself demands.

    Raises:
        Misconfigured: when a chosen home is not a directory, or codexd's own cannot be made.
    """
    if codex.home is not None:
        return _existing("codex.home", codex.home)
    if codex.model == "scripted":
        return _made(own_home(environ))
    if chosen := environ.get("CODEX_HOME"):
        return _existing("CODEX_HOME", chosen)
    personal = _user_home(environ) / ".codex"
    return personal if has_login(personal) else _made(own_home(environ))


def own_home(environ: Mapping[str, str]) -> Path:
    """Name codexd's own CODEX_HOME, under systemd's state directory or else the XDG one."""
    if given := environ.get("STATE_DIRECTORY"):
        return Path(given.partition(":")[0]) / "codex-home"
    state = environ.get("XDG_STATE_HOME")
    base = Path(state) if state else _user_home(environ) / ".local" / "state"
    return base / "codexd" / "codex-home"


def has_login(home: Path) -> bool:
    """Tell whether Codex, started on this home, would have somebody to ask."""
    try:
        if (home / "auth.json").stat().st_size > 0:
            return True
    except OSError:
        pass
    config = _config(home)
    return config.get("cli_auth_credentials_store") == "keyring" or _provider(config) != "openai"


def serving(codex: Codex, home: Path, elsewhere: bool = False) -> Serving:
    """Decide whose models Codex serves: the account's, the scripted one, or nobody's.

    Args:
        codex: what was chosen.
        home: CODEX_HOME.
        elsewhere: there are upstreams, and so nobody needs the scripted model to have something to ask.

    Raises:
        Misconfigured: when an account is insisted on and the home holds no login.
    """
    if codex.model == "auto":
        unasked: Serving = "none" if elsewhere else "scripted"
        return "account" if has_login(home) else unasked
    if codex.model == "account" and not has_login(home):
        raise Misconfigured(f'codex.model: "account", but {home} holds no login; `codexd login` makes one')
    return codex.model


def is_temporary(home: Path) -> bool:
    """Tell whether the home lies under the temporary directory, where Codex runs without its helpers."""
    return home.resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())


def _pinned() -> Path:
    try:
        from codex_cli_bin import bundled_codex_path

        return Path(bundled_codex_path())
    except (ImportError, FileNotFoundError) as error:
        raise Misconfigured(
            "codex.binary: the Codex program that belongs to codexd is not installed; "
            "`pip install codexd` brings it, or name another with --codex"
        ) from error


def _existing(name: str, path: str) -> Path:
    home = Path(path).expanduser().absolute()
    if not home.is_dir():
        raise Misconfigured(
            f"{name}: {home} is not a directory; make it first, for its user alone (mode 700)"
        )
    return home


def _made(home: Path) -> Path:
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"codex.home: {home} cannot be made: {error.strerror}") from error
    return home.absolute()


def _user_home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _config(home: Path) -> dict[str, Any]:
    """Read what Codex would; a file it will refuse says nothing here."""
    try:
        return tomllib.loads((home / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _provider(config: Mapping[str, Any]) -> object:
    """Name the model provider in use: the chosen profile's, else the general one."""
    profiles = config.get("profiles", {})
    profile = profiles.get(config.get("profile"), {}) if isinstance(profiles, dict) else {}
    chosen = profile.get("model_provider") if isinstance(profile, dict) else None
    return chosen or config.get("model_provider", "openai")
