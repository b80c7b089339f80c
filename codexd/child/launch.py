"""How a child is started: its environment, its flags, its model catalog."""

import os
import shutil
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from codexd.backs import catalog
from codexd.child.process import ChildProcess, Command, launch
from codexd.settings import Codex

# What a program needs to find its files, its proxy, its certificates and its language; no secrets.
_ALLOWED: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "CODEX_CA_CERTIFICATE", "RUST_LOG", "RUST_BACKTRACE",
)  # fmt: skip

CATALOG_SECONDS: Final = 20.0
MAX_OUTPUT_BYTES: Final = 64 * 2**20
_log = Logger()


@frozen
class Launch:
    """Everything about how children are started.

    Attributes:
        binary: the Codex program.
        home: CODEX_HOME.
        state: a directory of codexd's own for what it writes.
        environ: the daemon's environment, of which the child sees an allow-listed part.
        provider: base URL of the embedded scripted model, if that is what answers.
    """

    binary: Path
    home: Path
    state: Path
    environ: Mapping[str, str]
    codex: Codex
    provider: str | None = None

    @property
    def workspace(self) -> Path:
        """An empty directory for threads that have no business with files."""
        return self.state / "workspace"

    def command(self, model_catalog: Path | None) -> Command:
        """Give the command that starts an app-server."""
        flags = ["thread_unload_delay_secs=0", *self._provider_flags()]
        if model_catalog is not None:
            flags.append(f'model_catalog_json="{model_catalog}"')
        return self._run(
            "app-server", *(word for flag in (*flags, *self.codex.config) for word in ("-c", flag))
        )

    def catalog_command(self) -> Command:
        """Give the command that prints the child's own model catalog."""
        return self._run("debug", "models")

    def _run(self, *arguments: str) -> Command:
        words = (*_session(), str(self.binary), *arguments)
        return Command(words[0], words[1:], self._environment(), str(self.workspace))

    def _environment(self) -> dict[str, str]:
        names = (*_ALLOWED, *self.codex.pass_environment)
        seen = {name: self.environ[name] for name in names if name in self.environ}
        seen |= {name: value for name, value in self.environ.items() if name.startswith("LC_")}
        return seen | {"CODEX_HOME": str(self.home)}

    def _provider_flags(self) -> tuple[str, ...]:
        if self.provider is None:
            return ()
        table = f"model_providers.{catalog.SCRIPTED}"
        return (
            f'model_provider="{catalog.SCRIPTED}"',
            f'{table}.name="{catalog.SCRIPTED}"',
            f'{table}.base_url="{self.provider}"',
            f'{table}.wire_api="responses"',
            f"{table}.requires_openai_auth=false",
            f"{table}.supports_websockets=false",
            f"{table}.request_max_retries=0",
            f"{table}.stream_max_retries=0",
        )


def _session() -> tuple[str, ...]:
    """Give what starts a program in a session of its own: Ctrl-C is then the daemon's to act on, not its."""
    setsid = shutil.which("setsid")
    return () if setsid is None else (setsid,)


async def prepare_catalog(how: Launch, reactor: Any) -> Path | None:
    """Write the catalog that plain threads need; None when the binary gives none, which is logged.

    The reactor provides IReactorProcess and IReactorTime.
    """
    make = catalog.plain if how.provider is None else catalog.scripted
    try:
        return _keep(how.state, make(await output(how.catalog_command(), reactor)))
    except (OSError, catalog.NoCatalog, TimeoutError) as error:
        _log.warn(
            "No model catalog from {binary} ({why}): the model may be shown tools of Codex's own",
            binary=how.binary.name,
            why=str(error),
        )
        return None


def _keep(state: Path, made: bytes) -> Path:
    """Write a catalog under a name of its content: daemons that share the directory may differ in theirs."""
    path = state / f"model-catalog-{blake2b(made, digest_size=8).hexdigest()}.json"
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(made)
    part.replace(path)
    return path


def output(command: Command, reactor: Any) -> "Deferred[bytes]":
    """Run a command to its end and give what it wrote.

    The Deferred fails with OSError when it cannot be run and TimeoutError when it takes too long or writes
    too much.
    """
    child, pieces = ChildProcess(), bytearray()
    result: Deferred[bytes] = Deferred(lambda _: child.terminate("KILL"))

    def received(data: bytes) -> None:
        pieces.extend(data)
        if len(pieces) > MAX_OUTPUT_BYTES and not result.called:
            child.terminate("KILL")
            result.errback(TimeoutError("it wrote too much"))

    def ended() -> None:
        if not result.called:
            result.callback(bytes(pieces))

    child.on_output, child.on_ended = received, ended
    try:
        launch(reactor, command, child)
    except OSError:
        result.errback()
        return result
    result.addTimeout(CATALOG_SECONDS, reactor, lambda *_: _too_slow())
    return result


def _too_slow() -> bytes:
    raise TimeoutError("it took too long")
