"""A real codexd to test: `twistd codexd` in a process of its own, with the pinned Codex behind it.

It has a free loopback port and a folder of its own under `build/`: Codex wants its home outside of the
temporary directory. A daemon that several tests may share is kept until one of another kind is wanted.
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
from tests.support.loopback import Answer, Call, free_port, request
from tests.support.provider import ROOT, Provider
from tests.support.system import PATIENCE_SECONDS, children, start, until

TWISTD = Path(sys.executable).with_name("twistd")

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"

_HOME = """\
model_provider = "provider"
{more}
[model_providers.provider]
name = "provider"
base_url = "{url}"
wire_api = "responses"
requires_openai_auth = false
supports_websockets = false
request_max_retries = 0
stream_max_retries = 0
"""


@frozen
class Setup:
    """How a daemon is run. `{folder}` in a text is the daemon's own folder.

    Attributes:
        settings: its configuration file.
        flags: its further arguments.
        account: its CODEX_HOME names a provider whose side can be looked at; else it has no login at all.
        codex: more of that home's `config.toml`, at its head.
        files: other files of that home, by name.
    """

    settings: str = ""
    flags: tuple[str, ...] = ()
    account: bool = False
    codex: str = ""
    files: tuple[tuple[str, str], ...] = ()


class Daemon:
    """One codexd, and everything that belongs to it.

    Attributes:
        folder: its own; it holds an empty `workspace`.
        port: where it listens.
        model: a model that it offers.
    """

    def __init__(self, setup: Setup) -> None:
        (ROOT / "build").mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(dir=ROOT / "build", prefix="live-"))
        self.port = free_port()
        self.model = "gpt-5.5" if setup.account else "scripted"
        self._setup = setup
        self._process: subprocess.Popen[bytes] | None = None
        self._provider = Provider() if setup.account else None
        for name in ("home", "state", "workspace"):
            (self.folder / name).mkdir(mode=0o700)
        self._write("codexd.toml", setup.settings)
        if self._provider is not None:
            self._log_in(self._provider)

    def _log_in(self, provider: Provider) -> None:
        self.codex_home.mkdir(mode=0o700)
        config = _HOME.format(more=self._setup.codex, url=provider.url)
        for name, text in (("config.toml", config), *self._setup.files):
            self._write(f"{self.codex_home.name}/{name}", text)

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text.replace("{folder}", str(self.folder)))

    # Its life.

    def start(self) -> "Daemon":
        """Run it; it need not be ready yet."""
        home = ("--codex-home", str(self.codex_home)) if self._provider else ()
        command = (
            str(TWISTD), "--nodaemon", "--pidfile=", "codexd", "--config", str(self.folder / "codexd.toml"),
            "--listen", f"tcp:{self.port}:interface=127.0.0.1", *home, *self._setup.flags,
        )  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._process = start(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(), cwd=ROOT,
                start_new_session=True,
            )  # fmt: skip
        return self

    def await_ready(self) -> "Daemon":
        """Wait until it would answer; it must not have ended."""
        until(lambda: self.ready or not self.running, "ready")
        if not self.running:
            raise AssertionError(f"it ended:\n{self.log}")
        return self

    def end(self, sent: signal.Signals | None = None) -> int:
        """Send it a signal, if there is one to send, and wait for its end; give its exit status."""
        assert self._process is not None
        if sent is not None:
            self._process.send_signal(sent)
        return self._process.wait(PATIENCE_SECONDS)

    def discard(self) -> None:
        """End it, if it runs, and remove what it left."""
        if self.running:
            self.end(signal.SIGTERM)
        if self._provider is not None:
            self._provider.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        # Measuring coverage would only slow it: twistd ends by a signal, and nothing would be saved.
        unwanted = ("CODEX", "COVERAGE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        kept.pop("STATE_DIRECTORY", None)
        return kept | {"HOME": str(self.folder / "home"), "XDG_STATE_HOME": str(self.folder / "state")}

    # What can be seen of it.

    @property
    def pid(self) -> int:
        """Its process id, which is also its process group's."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        """What its readiness probe says; False while it does not listen."""
        try:
            return self.get("/readyz").status == 200
        except OSError:
            return False

    @property
    def children(self) -> list[int]:
        """The Codex processes under it."""
        return children(self.pid)

    def replaced(self, child: int) -> bool:
        """Tell whether another child than this one is ready."""
        others = self.children  # looked at once: it may be dying right now
        return bool(others) and child not in others and self.ready

    @property
    def log(self) -> str:
        """All it has written."""
        return (self.folder / "log").read_text()

    @property
    def provider(self) -> Provider:
        """The model's side; only with an account."""
        assert self._provider is not None
        return self._provider

    @property
    def asked(self) -> Json:
        """What the provider was asked last."""
        return self.provider.asked(1)[0]

    @property
    def codex_home(self) -> Path:
        """Its CODEX_HOME, with an account."""
        return self.folder / "codex-home"

    def metric(self, name: str) -> float:
        """Give a figure by its whole name, labels included; 0 for one that is not there."""
        for line in self.get("/metrics").body.decode().splitlines():
            said, _, value = line.rpartition(" ")
            if said == name:
                return float(value)
        return 0.0

    # Ways to ask it.

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    def client(self, api_key: str = "none") -> OpenAI:
        """Make the real client, which does not repeat what failed."""
        return OpenAI(base_url=self.url, api_key=api_key, max_retries=0, timeout=PATIENCE_SECONDS)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """Get a document."""
        return request(self.port, "GET", path, headers=headers)

    def post(self, path: str, body: Json, headers: dict[str, str] | None = None) -> Answer:
        """Post a JSON body, or bytes as they are."""
        data = body if isinstance(body, bytes) else encode(body)
        return request(self.port, "POST", path, data, {"content-type": "application/json"} | (headers or {}))

    def call(self, path: str, body: Json) -> Call:
        """Post a JSON body, and read the answer later."""
        return Call(self.port, path, encode(body))

    def question(self, said: str | list[Json], **more: Json) -> Json:
        """Make a chat body of a whole list of messages, or of the text of one."""
        return {"model": self.model, "messages": user(said) if isinstance(said, str) else said} | more

    def chat(self, said: str | list[Json], **more: Json) -> Answer:
        """Ask a chat question."""
        return self.post(CHAT, self.question(said, **more))

    def say(self, said: str | list[Json], **more: Json) -> str:
        """Ask a chat question that must be answered; give the text."""
        return str(message(self.chat(said, **more))["content"])


def user(text: str) -> list[Json]:
    """Make the messages of a conversation that begins."""
    return [{"role": "user", "content": text}]


def message(answer: Answer) -> Json:
    """Give the message of a chat answer.

    Raises:
        AssertionError: when it is none.
    """
    if answer.status != 200:
        raise AssertionError(f"{answer.status}: {answer.body.decode()}")
    return answer.json["choices"][0]["message"]


_kept: dict[Setup, Daemon] = {}


def shared(setup: Setup) -> Daemon:
    """Give a daemon of this kind that is ready: the kept one, or a new one in its place."""
    daemon = _kept.get(setup)
    if daemon is None or not daemon.running:
        discard_shared()
        daemon = _kept[setup] = Daemon(setup).start()
    return daemon.await_ready()


@atexit.register
def discard_shared() -> None:
    """End the daemon that is kept."""
    while _kept:
        _kept.popitem()[1].discard()


class LiveTestCase(SynchronousTestCase):
    """Tests of one kind of daemon.

    Attributes:
        kind: how its daemon is run.
    """

    kind = Setup()

    @property
    def daemon(self) -> Daemon:
        """The shared daemon, ready."""
        return shared(self.kind)

    def own(self, setup: Setup | None = None) -> Daemon:
        """Make a daemon for this test alone, not yet started."""
        daemon = Daemon(self.kind if setup is None else setup)
        self.addCleanup(daemon.discard)
        return daemon
