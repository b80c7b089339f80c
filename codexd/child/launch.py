"""Launch configuration of children: environment, command-line flags, model catalog."""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from codexd.backs import codex_catalog
from codexd.backs.permission_profile import (
    PermissionProfile,
    ProtectedFiles,
    WorkspaceWrite,
    build_default_profile,
)
from codexd.child.process import ChildProcess, ProcessCommand, launch
from codexd.policy.provider_models import EFFORTS, ProviderModels
from codexd.settings import Codex
from codexd.wire import json

# Environment variables for files, proxies, certificates and locale; none of them is a secret.
_ALLOWED: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "CODEX_CA_CERTIFICATE", "RUST_LOG", "RUST_BACKTRACE",
)  # fmt: skip

CATALOG_SECONDS: Final = 20.0
"""Timeout of a command run by `run_command`."""

MAX_OUTPUT_BYTES: Final = 64 * 2**20
"""Longest output of a command run by `run_command`."""

_UNTRUSTED: Final = '{trust_level="untrusted"}'
_NOTHING_PROTECTED: Final = ProtectedFiles(())
_WORKSPACE_WRITE: Final = WorkspaceWrite()

_log = Logger()


@frozen(kw_only=True)
class LaunchConfig:
    """Binary, directories and environment that children are started with.

    Attributes:
        binary: path of the Codex program.
        home: CODEX_HOME.
        state: directory for codexd's own files.
        environ: the daemon's environment; children get an allow-listed part of it.
        codex: the settings of the child.
        provider: base URL of the built-in scripted model, if it is used.
        provider_environment: environment variables that the configured provider needs, such as its key.
        permission_profiles: the profiles of the agents' commands.
        protected_files: what these commands must not use.
        shell_excludes: environment variables that Codex's configuration withholds from the agents' commands.
        workspace_write: what Codex's configuration adds to the sandbox `workspace-write`.
    """

    binary: Path
    home: Path
    state: Path
    environ: Mapping[str, str]
    codex: Codex
    provider: str | None = None
    provider_environment: tuple[str, ...] = ()
    permission_profiles: tuple[PermissionProfile, ...] = ()
    protected_files: ProtectedFiles = _NOTHING_PROTECTED
    shell_excludes: tuple[str, ...] = ()
    workspace_write: WorkspaceWrite = _WORKSPACE_WRITE

    @property
    def workspace(self) -> Path:
        """An empty directory, the working directory of threads that need no files."""
        return self.state / "workspace"

    def command(self, model_catalog: Path | None, agent: bool = False) -> ProcessCommand:
        """Return the command that starts an app-server, for agents or for plain threads."""
        flags = ["thread_unload_delay_secs=0", *self._provider_flags()]
        if model_catalog is not None:
            flags.append(f'model_catalog_json="{model_catalog}"')
        # The flags for agents come last: none of the operator's own may undo them.
        protections = self._agent_flags() if agent else ()
        return self._codex_command("app-server", *_as_flags((*flags, *self.codex.config, *protections)))

    def sandbox_command(self, profile: PermissionProfile, directory: str, words: Sequence[str]) -> ProcessCommand:
        """Return the command that runs a program as an agent with this profile would run it."""
        flags = _as_flags((*self.codex.config, *self._agent_flags()))
        return self._codex_command("sandbox", *flags, "-P", profile.name, "-C", directory, "--", *words)

    def catalog_command(self) -> ProcessCommand:
        """Return the command that prints the child's own model catalog."""
        return self._codex_command("debug", "models")

    def _codex_command(self, *arguments: str) -> ProcessCommand:
        words = (*_setsid(), str(self.binary), *arguments)
        return ProcessCommand(
            executable=words[0],
            arguments=words[1:],
            environment=self._environment(),
            directory=str(self.workspace),
        )

    def _agent_flags(self) -> tuple[str, ...]:
        """Return the flags that define the profiles, and keep keys out of the environment of commands."""
        environment = self._environment()
        secret = [*self.provider_environment, *(name for name in environment if _has_password(environment[name]))]
        # Codex requires a default; every thread of codexd names its own profile.
        places = dict.fromkeys(place for profile in self.permission_profiles for place in profile.workspaces)
        default = build_default_profile(self.protected_files)
        return (
            f'default_permissions="{default.name}"',
            *(flag for profile in (default, *self.permission_profiles) for flag in profile.flags),
            # Else Codex trusts a workspace that may be changed, and runs the programs that its `.codex` names.
            f"projects={{{','.join(f'{json.encode(place).decode()}={_UNTRUSTED}' for place in places)}}}",
            # In 0.163 the commands of sub-agents can lose the profile (fixed in 0.170).
            "features.multi_agent=false",
            "features.multi_agent_v2=false",
            "shell_environment_policy.ignore_default_excludes=false",
            f"shell_environment_policy.exclude={json.encode([*self.shell_excludes, *secret]).decode()}",
        )

    def _environment(self) -> dict[str, str]:
        names = (*_ALLOWED, *self.provider_environment, *self.codex.pass_environment)
        allowed = {name: self.environ[name] for name in names if name in self.environ}
        allowed |= {name: value for name, value in self.environ.items() if name.startswith("LC_")}
        return allowed | {"CODEX_HOME": str(self.home)}

    def _provider_flags(self) -> tuple[str, ...]:
        if self.provider is None:
            return ()
        table = f"model_providers.{codex_catalog.SCRIPTED}"
        return (
            f'model_provider="{codex_catalog.SCRIPTED}"',
            f'{table}.name="{codex_catalog.SCRIPTED}"',
            f'{table}.base_url="{self.provider}"',
            f'{table}.wire_api="responses"',
            f"{table}.requires_openai_auth=false",
            f"{table}.supports_websockets=false",
            f"{table}.request_max_retries=0",
            f"{table}.stream_max_retries=0",
        )


def _as_flags(settings: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for setting in settings for word in ("-c", setting))


def _has_password(value: str) -> bool:
    """Return whether a value is a URL with a user or a password, as that of a proxy may be."""
    return "://" in value and "@" in value


def _setsid() -> tuple[str, ...]:
    """Return the command prefix for a session of its own: Ctrl-C then reaches the daemon only."""
    setsid = shutil.which("setsid")
    return () if setsid is None else (setsid,)


@frozen
class PreparedCatalog:
    """The model catalogs of the children.

    Attributes:
        path: the file that plain children read.
        agent_path: the file that the children of agents read; None without agents.
        original: Codex's own catalog, from which it was made.
    """

    path: Path
    agent_path: Path | None
    original: bytes


async def prepare_catalog(
    config: LaunchConfig, reactor: Any, provider_models: ProviderModels | None = None
) -> PreparedCatalog | None:
    """Write the model catalog for plain threads; log a warning and return None if the binary prints none.

    Args:
        config: how a child is started.
        reactor: provides IReactorProcess and IReactorTime.
        provider_models: the models of the configured provider, if there is one.
    """
    make = codex_catalog.build_plain_catalog if config.provider is None else codex_catalog.build_scripted_catalog
    if provider_models is not None:
        make = partial(codex_catalog.build_provider_catalog, models=provider_models.cards, efforts=EFFORTS)
    try:
        original = await run_command(config.catalog_command(), reactor)
        agents = None
        if config.permission_profiles:
            agents = _save_catalog(config.state, codex_catalog.build_agent_catalog(original))
        return PreparedCatalog(_save_catalog(config.state, make(original)), agents, original)
    except (OSError, codex_catalog.CatalogError, TimeoutError) as error:
        _log.warn(
            "{binary} printed no usable model catalog ({error}): the model may be offered Codex's own tools",
            event="model_catalog_unusable",
            binary=config.binary.name,
            error=str(error),
        )
        return None


def _save_catalog(state: Path, content: bytes) -> Path:
    """Write a catalog to a file named by its hash: daemons that share the directory may have other ones."""
    path = state / f"model-catalog-{blake2b(content, digest_size=8).hexdigest()}.json"
    part = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    part.replace(path)
    return path


def run_command(command: ProcessCommand, reactor: Any) -> "Deferred[bytes]":
    """Run a command to its end; the Deferred fires with its stdout.

    The Deferred fails with OSError when the command cannot be run, and with TimeoutError when it takes too
    long or writes too much. Cancelling it kills the command.
    """
    child, stdout = ChildProcess(), bytearray()
    result: Deferred[bytes] = Deferred(lambda _: child.send_signal("KILL"))

    def received(data: bytes) -> None:
        stdout.extend(data)
        if len(stdout) > MAX_OUTPUT_BYTES and not result.called:
            child.send_signal("KILL")
            result.errback(TimeoutError(f"more than {MAX_OUTPUT_BYTES} bytes of output"))

    def ended() -> None:
        if not result.called:
            result.callback(bytes(stdout))

    child.on_stdout, child.on_ended = received, ended
    try:
        launch(reactor, command, child)
    except OSError:
        result.errback()
        return result
    result.addTimeout(CATALOG_SECONDS, reactor, lambda *_: _raise_timeout())
    return result


def _raise_timeout() -> bytes:
    raise TimeoutError(f"no end within {CATALOG_SECONDS:g} s")
