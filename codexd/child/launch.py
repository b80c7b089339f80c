"""Launch configuration of children: environment, command-line flags, model catalog."""

import os
import shutil
from collections.abc import Mapping
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from codexd.backs import codex_catalog
from codexd.child.process import ChildProcess, ProcessCommand, launch
from codexd.policy.provider_models import EFFORTS, ProviderModels
from codexd.settings import Codex

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
    """

    binary: Path
    home: Path
    state: Path
    environ: Mapping[str, str]
    codex: Codex
    provider: str | None = None
    provider_environment: tuple[str, ...] = ()

    @property
    def workspace(self) -> Path:
        """An empty directory, the working directory of threads that need no files."""
        return self.state / "workspace"

    def command(self, model_catalog: Path | None) -> ProcessCommand:
        """Return the command that starts an app-server."""
        flags = ["thread_unload_delay_secs=0", *self._provider_flags()]
        if model_catalog is not None:
            flags.append(f'model_catalog_json="{model_catalog}"')
        return self._codex_command(
            "app-server", *(word for flag in (*flags, *self.codex.config) for word in ("-c", flag))
        )

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


def _setsid() -> tuple[str, ...]:
    """Return the command prefix for a session of its own: Ctrl-C then reaches the daemon only."""
    setsid = shutil.which("setsid")
    return () if setsid is None else (setsid,)


@frozen
class PreparedCatalog:
    """The model catalog for plain threads.

    Attributes:
        path: the file that plain children read.
        original: Codex's own catalog, from which it was made.
    """

    path: Path
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
        return PreparedCatalog(_save_catalog(config.state, make(original)), original)
    except (OSError, codex_catalog.CatalogError, TimeoutError) as error:
        _log.warn(
            "{binary} printed no usable model catalog ({error}): the model may be offered Codex's own tools",
            binary=config.binary.name,
            error=str(error),
        )
        return None


def _save_catalog(state: Path, content: bytes) -> Path:
    """Write a catalog to a file named by its hash: daemons that share the directory may have other ones."""
    path = state / f"model-catalog-{blake2b(content, digest_size=8).hexdigest()}.json"
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(content)
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
