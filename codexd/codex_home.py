"""Finds the Codex binary and CODEX_HOME, and checks whether that home contains a login.

A login is what Codex itself uses: `auth.json`, a credential store outside the home, or another model provider
in `config.toml` (openai/codex, docs/config.md).
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from codexd.backs.codex_config import OPENAI, ConfiguredProvider, parse_config, read_provider, select_provider
from codexd.backs.login_file import Login, parse_login
from codexd.backs.permission_profile import WorkspaceWrite
from codexd.configuration import ConfigurationError
from codexd.settings import Codex

Provider = Literal["account", "scripted", "none"]
"""Whose models Codex serves: the account's, the scripted model, or none because Codex does not run."""


def find_codex_binary(codex: Codex) -> Path:
    """Return the configured Codex program, else the pinned one that is installed with codexd.

    Raises:
        ConfigurationError: when the program does not exist or is not executable.
    """
    if codex.binary is None:
        return _find_pinned_binary()
    found = shutil.which(os.path.expanduser(codex.binary))
    if found is None:
        raise ConfigurationError(f"codex.binary: {codex.binary!r} is not an executable program")
    return Path(found).absolute()


def find_codex_home(codex: Codex, environ: Mapping[str, str]) -> Path:
    """Return CODEX_HOME: the setting, else `$CODEX_HOME`, else `~/.codex` with a login, else codexd's own.

    With `model = "scripted"` neither `$CODEX_HOME` nor `~/.codex` is used. Only codexd's own directory is
    created, with mode 700; a configured directory must exist, as Codex itself requires.

    Raises:
        ConfigurationError: when a configured home is not a directory, or codexd's own cannot be created.
    """
    if codex.home is not None:
        return _check_directory("codex.home", codex.home)
    if codex.model == "scripted":
        return _create_directory(own_codex_home(environ))
    if configured := environ.get("CODEX_HOME"):
        return _check_directory("CODEX_HOME", configured)
    personal = _user_home(environ) / ".codex"
    return personal if has_login(personal) else _create_directory(own_codex_home(environ))


def candidate_homes(codex: Codex, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the homes from which `find_codex_home` chooses, in order: it takes the first with a login, else the last.

    With one candidate, that one is taken.
    """
    if codex.home is not None:
        return (_absolute(codex.home),)
    own = own_codex_home(environ).absolute()
    if codex.model == "scripted":
        return (own,)
    if configured := environ.get("CODEX_HOME"):
        return (_absolute(configured),)
    return (_user_home(environ) / ".codex", own)


def own_codex_home(environ: Mapping[str, str]) -> Path:
    """Return the path of codexd's own CODEX_HOME, which may not exist yet."""
    return state_directory(environ) / "codex-home"


def state_directory(environ: Mapping[str, str]) -> Path:
    """Return the path of codexd's state directory: `$STATE_DIRECTORY` (systemd), else the XDG one."""
    if configured := environ.get("STATE_DIRECTORY"):
        return Path(configured.partition(":")[0])
    xdg_state_home = environ.get("XDG_STATE_HOME")
    base = Path(xdg_state_home) if xdg_state_home else _user_home(environ) / ".local" / "state"
    return base / "codexd"


def has_login(home: Path, overrides: Iterable[str] = ()) -> bool:
    """Return whether Codex, started with this home, has a login or another model provider.

    Args:
        home: CODEX_HOME.
        overrides: the settings `codex.config`.
    """
    return has_account(home) or select_provider(_read_config(home, overrides)) != OPENAI


def has_account(home: Path) -> bool:
    """Return whether Codex, started with this home, has a login to OpenAI."""
    try:
        if (home / "auth.json").stat().st_size > 0:
            return True
    except OSError:
        pass
    return _read_config(home).get("cli_auth_credentials_store") == "keyring"


def read_login(home: Path) -> Login | None:
    """Return the login in `auth.json` of a home; None if there is none, or it is kept elsewhere."""
    try:
        return parse_login((home / "auth.json").read_bytes())
    except OSError:
        return None


def find_configured_provider(codex: Codex, home: Path, provider: Provider) -> ConfiguredProvider | None:
    """Return the model provider that Codex's configuration selects; None if its models are OpenAI's or scripted.

    Args:
        codex: the settings.
        home: CODEX_HOME.
        provider: what `choose_provider` returned.
    """
    return read_provider(_read_config(home, codex.config)) if provider == "account" else None


def find_shell_excludes(codex: Codex, home: Path) -> tuple[str, ...]:
    """Return the environment variables that Codex's configuration withholds from its shell commands."""
    policy = _read_config(home, codex.config).get("shell_environment_policy")
    names = policy.get("exclude") if isinstance(policy, dict) else None
    return tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()


def find_workspace_write(codex: Codex, home: Path) -> WorkspaceWrite:
    """Return what Codex's configuration adds to the sandbox `workspace-write`."""
    table = _read_config(home, codex.config).get("sandbox_workspace_write")
    table = table if isinstance(table, dict) else {}
    roots = table.get("writable_roots")
    return WorkspaceWrite(
        network=table.get("network_access") is True,
        writable_roots=tuple(root for root in roots if isinstance(root, str)) if isinstance(roots, list) else (),
    )


def choose_provider(
    codex: Codex, home: Path, has_upstreams: bool = False, candidates: tuple[Path, ...] = ()
) -> Provider:
    """Choose whose models Codex serves.

    Args:
        codex: the settings.
        home: CODEX_HOME.
        has_upstreams: whether upstreams are configured; then `auto` without a login needs no scripted model.
        candidates: the homes from which `home` was chosen, for the message of the error.

    Raises:
        ConfigurationError: when an account is required and the home contains no login.
    """
    if codex.model == "auto":
        without_login: Provider = "none" if has_upstreams else "scripted"
        return "account" if has_login(home, codex.config) else without_login
    if codex.model == "account" and not has_login(home, codex.config):
        places = " or ".join(map(str, candidates or (home,)))
        raise ConfigurationError(f'codex.model: "account", but no login in {places}; log in with `codexd login`')
    return codex.model


def is_temporary(home: Path) -> bool:
    """Return whether the home is in the temporary directory, where Codex runs without its helper programs."""
    return home.resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())


def _find_pinned_binary() -> Path:
    try:
        from codex_cli_bin import bundled_codex_path

        return Path(bundled_codex_path())
    except (ImportError, FileNotFoundError) as error:
        raise ConfigurationError(
            "codex.binary: the pinned Codex program is not installed; "
            "reinstall codexd, or set another program with --codex"
        ) from error


def _check_directory(name: str, path: str) -> Path:
    home = _absolute(path)
    if not os.path.isdir(home):  # False also where it cannot be reached
        raise ConfigurationError(f"{name}: {home} is not a directory; create it first, with mode 700")
    return home


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _create_directory(home: Path) -> Path:
    try:
        # Its parent is the state directory, in which the store and the control socket are.
        home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"codex.home: {home} cannot be created: {error.strerror}") from error
    return home.absolute()


def _user_home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _read_config(home: Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Return Codex's configuration; a file that is missing or invalid is empty, because Codex reports it itself."""
    try:
        text = (home / "config.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        text = ""
    return parse_config(text, overrides)
