"""A real codexd for live tests: a `twistd codexd` process over the pinned Codex.

It has a free loopback port and its own folder under `build/`, because Codex requires a home outside of the
temporary directory. Tests share a daemon; it runs until a test needs another setup.
"""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from attrs import frozen
from openai import OpenAI
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.json import Json, encode
from tests.support.http_client import HttpResponse, PendingRequest, free_port, request
from tests.support.metric_samples import find_sample
from tests.support.processes import TIMEOUT_SECONDS, children, start, wait_until
from tests.support.provider_process import ROOT, ProviderProcess

TWISTD = Path(sys.executable).with_name("twistd")

LOG_SECONDS = 5.0
"""How long a line may take to reach the log."""

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"

ONE_ATTEMPT = "[codex]\nbreaker_failures = 1000000\n[turns]\nretries = 0\n"
"""Settings with which each request to Codex stands for itself, whatever failed before it."""

_HOME = """\
model_provider = "provider"
{more}
[model_providers.provider]
{provider}
name = "provider"
base_url = "{url}"
wire_api = "responses"
requires_openai_auth = false
supports_websockets = false
request_max_retries = 0
stream_max_retries = 0
"""


@frozen(kw_only=True)
class DaemonSetup:
    """The configuration of a daemon. `{folder}` in a text stands for the daemon's folder.

    Attributes:
        settings: the configuration file.
        flags: further command line arguments.
        account: its CODEX_HOME names a provider whose requests can be inspected; else Codex is not logged in.
        login: that home has a login to OpenAI too, which makes all models of Codex available.
        codex: text at the head of that home's `config.toml`.
        provider: text in the table of its provider.
        environment: additional environment variables.
        files: other files of that home, as (name, text).
        launcher: the command that runs twistd.
        twistd: further options of twistd.
        output: where its standard output and error go; the file `log` in its folder by default.
    """

    settings: str = ""
    flags: tuple[str, ...] = ()
    account: bool = False
    login: bool = True
    codex: str = ""
    provider: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    launcher: tuple[str, ...] = (str(TWISTD),)
    twistd: tuple[str, ...] = ()
    output: int | None = None


class Daemon:
    """One codexd process with its folder and its provider.

    Attributes:
        folder: its folder, with an empty `workspace`.
        port: its port.
        model: a model that it serves.
    """

    def __init__(self, setup: DaemonSetup) -> None:
        (ROOT / "build").mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(dir=ROOT / "build", prefix="live-"))
        self.port = free_port()
        self.model = "gpt-5.5" if setup.account else "scripted"
        self._setup = setup
        self._process: subprocess.Popen[bytes] | None = None
        self._provider = ProviderProcess() if setup.account else None
        for name in ("home", "state", "workspace"):
            (self.folder / name).mkdir(mode=0o700)
        self._write("codexd.toml", setup.settings)
        if self._provider is not None:
            self._log_in(self._provider)

    def _log_in(self, provider: ProviderProcess) -> None:
        self.codex_home.mkdir(mode=0o700)
        config = _HOME.format(more=self._setup.codex, provider=self._setup.provider, url=provider.url)
        if self._setup.login:
            self._write(f"{self.codex_home.name}/auth.json", '{"OPENAI_API_KEY": "none"}')
        for name, text in (("config.toml", config), *self._setup.files):
            self._write(f"{self.codex_home.name}/{name}", text)

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text.replace("{folder}", str(self.folder)))

    # Start and stop.

    def start(self) -> "Daemon":
        """Start the process, without waiting until it is ready."""
        home = ("--codex-home", str(self.codex_home)) if self._provider else ()
        command = (
            *self._expand(self._setup.launcher), "--nodaemon", "--pidfile=", *self._expand(self._setup.twistd),
            "codexd", "--config", str(self.folder / "codexd.toml"),
            "--listen", f"tcp:{self.port}:interface=127.0.0.1", *home, *self._expand(self._setup.flags),
        )  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            output = log if self._setup.output is None else self._setup.output
            self._process = start(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self._environment(), cwd=ROOT,
                start_new_session=True,
            )  # fmt: skip
        return self

    def _expand(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(word.replace("{folder}", str(self.folder)) for word in words)

    def await_ready(self) -> "Daemon":
        """Wait until it is ready.

        Raises:
            AssertionError: with its log, if it ends before.
        """
        wait_until(lambda: self.ready or not self.running, "ready")
        if not self.running:
            raise AssertionError(f"it ended:\n{self.log}")
        return self

    def end(self, sent: signal.Signals | None = None) -> int:
        """Send a signal, if given, wait until the process ends, and return its exit status."""
        assert self._process is not None
        if sent is not None:
            self._process.send_signal(sent)
        return self._process.wait(TIMEOUT_SECONDS)

    def signal(self, sent: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(sent)

    def discard(self) -> None:
        """Stop it if it runs, and remove its folder."""
        if self.running:
            self.end(signal.SIGTERM)
        if self._provider is not None:
            self._provider.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        # No coverage: twistd ends by a signal, so no data would be saved.
        unwanted = ("CODEX", "COVERAGE")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        environment.pop("STATE_DIRECTORY", None)
        environment |= dict(self._setup.environment)
        return environment | {"HOME": str(self.folder / "home"), "XDG_STATE_HOME": str(self.folder / "state")}

    # Observation.

    @property
    def pid(self) -> int:
        """Its process id, which is also its process group."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether its readiness probe succeeds; False while it does not listen."""
        try:
            return self.get("/readyz").status == 200
        except OSError:
            return False

    @property
    def children(self) -> list[int]:
        """The pids of its Codex processes."""
        return children(self.pid)

    def replaced(self, child: int) -> bool:
        """Return whether a child other than this one is ready."""
        others = self.children  # read once: it may be exiting
        return bool(others) and child not in others and self.ready

    @property
    def log(self) -> str:
        """Its log so far."""
        return (self.folder / "log").read_text()

    def await_log(self, text: str) -> None:
        """Wait until the log contains a text: lines are written in a thread.

        Raises:
            AssertionError: with the log, if it does not.
        """
        try:
            wait_until(lambda: text in self.log, text, LOG_SECONDS)
        except AssertionError:
            raise AssertionError(f"{text!r} is not in the log:\n{self.log}") from None

    @property
    def provider(self) -> ProviderProcess:
        """The provider process; only with an account."""
        assert self._provider is not None
        return self._provider

    @property
    def last_provider_request(self) -> Json:
        """The body of the provider's last request."""
        return self.provider.asked(1)[0]

    @property
    def codex_home(self) -> Path:
        """Its CODEX_HOME; only with an account."""
        return self.folder / "codex-home"

    def metric(self, name: str) -> float:
        """Return the value of a metric by its name with labels; 0 if it has no such sample."""
        return find_sample(self.get("/metrics").body, name) or 0.0

    # Requests.

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    def client(self, api_key: str = "none") -> OpenAI:
        """Build an `openai` client without retries."""
        return OpenAI(base_url=self.url, api_key=api_key, max_retries=0, timeout=TIMEOUT_SECONDS)

    def get(self, path: str, headers: dict[str, str] | None = None) -> HttpResponse:
        """Send a GET request."""
        return request(self.port, "GET", path, headers=headers)

    def post(self, path: str, body: Json, headers: dict[str, str] | None = None) -> HttpResponse:
        """Send a POST request with a JSON body; bytes are sent unchanged."""
        data = body if isinstance(body, bytes) else encode(body)
        return request(self.port, "POST", path, data, {"content-type": "application/json"} | (headers or {}))

    def call(self, path: str, body: Json, headers: dict[str, str] | None = None) -> PendingRequest:
        """Send a POST request whose response is read later."""
        return PendingRequest(self.port, path, encode(body), headers)

    def chat_body(self, content: str | list[Json], **more: Json) -> Json:
        """Build a Chat body from a list of messages, or from the text of one user message."""
        return {
            "model": self.model,
            "messages": user(content) if isinstance(content, str) else content,
        } | more

    def chat(self, content: str | list[Json], **more: Json) -> HttpResponse:
        """Send a Chat request."""
        return self.post(CHAT, self.chat_body(content, **more))

    def chat_text(self, content: str | list[Json], **more: Json) -> str:
        """Send a Chat request that must succeed and return the answer's text."""
        return str(message(self.chat(content, **more))["content"])


def user(text: str) -> list[Json]:
    """Return the messages of a new conversation."""
    return [{"role": "user", "content": text}]


def message(answer: HttpResponse) -> Json:
    """Return the message of a Chat response.

    Raises:
        AssertionError: if the response is an error.
    """
    if answer.status != 200:
        raise AssertionError(f"{answer.status}: {answer.body.decode()}")
    return answer.json["choices"][0]["message"]


_shared: dict[DaemonSetup, Daemon] = {}


def shared(setup: DaemonSetup, build: type[Daemon] = Daemon) -> Daemon:
    """Return a ready daemon with this setup: the shared one, or a new one that replaces it."""
    daemon = _shared.get(setup)
    if daemon is None or not daemon.running:
        discard_shared()
        daemon = _shared[setup] = build(setup).start()
    return daemon.await_ready()


@atexit.register
def discard_shared() -> None:
    """Stop the shared daemon."""
    while _shared:
        _shared.popitem()[1].discard()


class LiveTestCase(SynchronousTestCase):
    """Tests of a daemon with one setup.

    Attributes:
        daemon_setup: the configuration of the shared daemon.
    """

    daemon_setup = DaemonSetup()

    @property
    def daemon(self) -> Daemon:
        """The shared daemon, ready."""
        return shared(self.daemon_setup)

    def new_daemon(self, setup: DaemonSetup | None = None) -> Daemon:
        """Build a daemon for this test alone, not started."""
        daemon = Daemon(self.daemon_setup if setup is None else setup)
        self.addCleanup(daemon.discard)
        return daemon
