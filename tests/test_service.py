"""The whole daemon with in-memory network and processes."""

from pathlib import Path
from typing import Any

from twisted.application.service import Application, IService
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorProcess, IReactorTCP, IReactorTime
from twisted.internet.testing import MemoryReactor
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, formatEvent, globalLogPublisher
from twisted.python.usage import Options as TwistdOptions
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd import service
from codexd.observe.log_writer import all_writers
from codexd.options import Options
from codexd.service import Daemon, makeService
from codexd.settings import Codex, Http, Settings, Upstream
from tests.support.in_memory_codex import FakeCodexReactor
from tests.support.in_memory_server import Connection, Response, chat
from tests.support.inline_executor import InlineExecutor


class DaemonReactor(FakeCodexReactor, MemoryReactor):  # type: ignore[misc]
    """A reactor with processes, ports and time in memory.

    Attributes:
        taken: ports on which listening fails.
        closed: ports on which listening was stopped.
    """

    def __init__(self) -> None:
        MemoryReactor.__init__(self)
        FakeCodexReactor.__init__(self)
        self.taken: set[int] = set()
        self.closed: list[int] = []

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if port in self.taken:
            raise CannotListenError(interface, port, OSError("in use"))
        listening = super().listenTCP(port, factory, backlog, interface)
        listening.stopListening = lambda: self.closed.append(port)
        return listening

    @property
    def ports(self) -> dict[int, Any]:
        """The factories by the requested port; port 0 is the scripted model's."""
        return {port: factory for port, factory, *_ in self.tcpServers}


class DaemonTestCase(SynchronousTestCase):
    http = Http()

    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()
        self.reactor = DaemonReactor()
        self.log: list[LogEvent] = []
        self.daemon = self.make()

    def make(self, **codex: Any) -> Daemon:
        environ = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "SECRET": "x"}
        settings = Settings(http=self.http, codex=Codex(binary="/bin/sh", **codex))
        return Daemon(settings, environ, self.reactor, connect=InlineExecutor)

    def start(self) -> None:
        self.daemon.startService()
        self.reactor.advance(0)

    def connect(self) -> Connection:
        return Connection(self.reactor.ports[11435])

    def ask(self, method: str, path: str, body: Any = None) -> Response:
        connection = self.connect()
        connection.request(method, path, body)
        self.reactor.advance(0)
        return connection.response


class StartTests(DaemonTestCase):
    def test_it_does_nothing_before_the_start(self) -> None:
        verifyObject(IService, self.daemon)
        self.assertEqual((self.reactor.tcpServers, self.reactor.processes), ([], []))
        for interface in (IReactorTCP, IReactorTime, IReactorProcess):
            verifyObject(interface, self.reactor)

    def test_probes_are_answered_before_codex_is_ready(self) -> None:
        self.daemon.startService()
        self.assertEqual(self.ready_without_time(), 503)
        self.reactor.advance(0)
        self.assertEqual(self.ask("GET", "/readyz").status, 200)

    def ready_without_time(self) -> int:
        connection = self.connect()
        connection.request("GET", "/readyz")
        return connection.response.status

    def test_a_request_is_answered_end_to_end(self) -> None:
        self.start()
        messages = [{"role": "user", "content": "say: hello there"}]
        response = self.ask("POST", "/v1/chat/completions", chat(model="scripted", messages=messages))
        self.assertEqual(response.status, 200)
        self.assertEqual(response.json["choices"][0]["message"]["content"], "hello there")
        streamed = chat(model="scripted", messages=messages, stream=True)
        self.assertEqual(self.ask("POST", "/v1/chat/completions", streamed).events[-1], "[DONE]")

    def test_without_login_the_scripted_model_is_served_on_loopback(self) -> None:
        self.start()
        (interface,) = [server[3] for server in self.reactor.tcpServers if server[0] == 0]
        self.assertEqual(interface, "127.0.0.1")
        self.assertIn('model_provider="scripted"', self.reactor.child.command[1])  # type: ignore[operator]

    def test_with_a_login_the_account_is_used(self) -> None:
        login = self.home / ".codex"
        login.mkdir()
        (login / "auth.json").write_text("{}")
        self.start()
        self.assertNotIn(0, self.reactor.ports)
        command = self.reactor.child.command
        self.assertNotIn('model_provider="scripted"', command[1])  # type: ignore[operator]
        self.assertEqual(command[2]["CODEX_HOME"], str(login))  # type: ignore[index]

    def test_codex_gets_only_allowed_variables(self) -> None:
        self.start()
        self.assertNotIn("SECRET", self.reactor.child.command[2])  # type: ignore[operator]

    def test_addresses_has_the_listening_port(self) -> None:
        self.start()
        self.assertEqual([address.port for address in self.daemon.addresses], [11435])  # type: ignore[attr-defined]

    def test_a_port_in_use_stops_the_start_with_a_message(self) -> None:
        self.reactor.taken.add(11435)
        with self.assertRaises(SystemExit) as ended:
            self.daemon.startService()
        self.assertIn("cannot listen on tcp:11435:interface=127.0.0.1", str(ended.exception))
        self.assertIn("--listen", str(ended.exception))
        self.assertEqual(self.reactor.processes, [])

    def test_an_unusable_upstream_stops_the_start_with_a_message(self) -> None:
        upstream = Upstream(name="up", base_url="http://127.0.0.1:1/v1", key_env="NOT_SET")
        environ = {"HOME": str(self.home)}
        daemon = Daemon(Settings(upstream=(upstream,)), environ, self.reactor, connect=InlineExecutor)
        with self.assertRaises(SystemExit) as ended:
            daemon.startService()
        self.assertIn("codexd: upstream 'up': the variable NOT_SET", str(ended.exception))
        self.assertEqual(self.reactor.tcpServers, [])
        self.successResultOf(daemon.stopService())

    def test_the_startup_banner_is_logged(self) -> None:
        globalLogPublisher.addObserver(self.log.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.log.append)
        self.start()
        said = [formatEvent(event) for event in self.log]
        self.assertTrue(any("scripted model" in line for line in said), said)
        self.assertTrue(any(line.startswith("Try: curl http://127.0.0.1:11435/") for line in said), said)


class StopTests(DaemonTestCase):
    def begin(self, said: str) -> Connection:
        connection = self.connect()
        messages = [{"role": "user", "content": said}]
        connection.request("POST", "/v1/chat/completions", chat(model="scripted", messages=messages, stream=True))
        self.reactor.advance(0)
        return connection

    def test_without_running_responses_it_stops_at_once(self) -> None:
        self.start()
        stopped = self.daemon.stopService()
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.running_processes, [])
        self.assertEqual(sorted(self.reactor.closed), [0, 11435])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_running_responses_finish_before_codex_stops(self) -> None:
        self.start()
        self.reactor.child.server.stepwise = True
        running = self.begin("say: one two")
        stopped = self.daemon.stopService()
        self.assertNoResult(stopped)
        refused = self.ask("POST", "/v1/chat/completions", chat(model="scripted"))
        self.assertEqual((refused.status, refused.error["code"]), (503, "shutting_down"))
        self.assertEqual(self.ask("GET", "/readyz").status, 503)
        self.assertEqual(len(self.reactor.running_processes), 1)
        self.reactor.child.catch_up()
        self.assertEqual(running.response.events[-1], "[DONE]")
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.running_processes, [])

    def test_after_the_drain_timeout_responses_fail_and_the_model_stops(self) -> None:
        self.start()
        running = self.begin("stall: one")
        stopped = self.daemon.stopService()
        self.reactor.pump([1.0] * 9)
        self.assertNoResult(stopped)
        self.reactor.advance(1)
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(running.response.events[-1]["error"]["code"], "shutting_down")
        self.assertEqual(len(self.reactor.child.server.calls_to("turn/interrupt")), 1)

    def test_stopping_before_the_start_does_nothing(self) -> None:
        self.successResultOf(self.daemon.stopService())


class StoreTests(DaemonTestCase):
    """Stored responses survive a restart of the daemon."""

    def respond(self, said: str, **fields: Any) -> Any:
        body = {"model": "scripted", "input": said, **fields}
        return self.ask("POST", "/v1/responses", body).json

    def again(self) -> None:
        """Start another daemon with the same home."""
        self.reactor = DaemonReactor()
        self.daemon = self.make()
        self.start()

    def stop(self) -> None:
        stopped = self.daemon.stopService()
        self.reactor.pump([1.0] * 12)
        self.successResultOf(stopped)

    def test_the_file_is_in_the_state_directory(self) -> None:
        self.start()
        self.assertTrue((self.home / ".local/state/codexd/responses.sqlite3").is_file())

    def test_a_response_survives_a_restart_and_can_be_continued(self) -> None:
        self.start()
        told = self.respond("say: one")
        self.stop()
        self.again()
        self.assertEqual(self.ask("GET", f"/v1/responses/{told['id']}").json, told)
        self.assertEqual(self.respond("say: two", previous_response_id=told["id"])["status"], "completed")

    def test_responses_ended_by_the_stop_are_saved(self) -> None:
        self.start()
        told = self.respond("stall: one", background=True)
        self.stop()
        self.again()
        shown = self.ask("GET", f"/v1/responses/{told['id']}").json
        self.assertEqual((shown["status"], shown["error"]["message"]), ("failed", "The server is shutting down."))

    def test_after_a_kill_unfinished_responses_have_failed(self) -> None:
        self.start()
        told = self.respond("stall: one", background=True)
        self.daemon._store._lock.release()  # type: ignore[union-attr]
        self.again()
        shown = self.ask("GET", f"/v1/responses/{told['id']}").json
        self.assertEqual((shown["status"], "restarted" in shown["error"]["message"]), ("failed", True))

    def test_a_second_daemon_on_the_file_does_not_start(self) -> None:
        self.start()
        first, self.reactor = self.reactor, DaemonReactor()
        with self.assertRaises(SystemExit) as ended:
            self.make().startService()
        self.assertRegex(str(ended.exception), r"^codexd: responses\.database: .* is in use by another codexd")
        self.assertEqual((self.reactor.tcpServers, self.reactor.processes), ([], []))
        self.reactor = first
        self.stop()
        self.again()


class UnusedSignals:
    """Installs nothing in the process of the tests."""

    def __init__(self, reactor: Any, target: Daemon) -> None:
        self.target = target

    def install(self) -> None:
        installed.append(self.target)


installed: list[Daemon] = []


class MakeServiceTests(DaemonTestCase):
    def setUp(self) -> None:
        super().setUp()
        installed.clear()
        self.patch(service, "Signals", UnusedSignals)

    def options(self, **twistd: Any) -> Options:
        options = Options({"HOME": str(self.home)})
        options.parseOptions(["--codex", "/bin/sh"])
        options.parent = TwistdOptions()
        options.parent.update(twistd)
        return options

    def observer(self, **twistd: Any) -> object:
        daemon = makeService(self.options(**twistd))
        application = Application("codexd")
        before = application.getComponent(ILogObserver, None)
        daemon.setServiceParent(application)
        after = application.getComponent(ILogObserver, None)
        return None if after is before else after

    def test_it_builds_the_daemon_from_the_options(self) -> None:
        daemon = makeService(self.options())
        self.assertIsInstance(daemon, Daemon)
        self.assertEqual(installed, [daemon])
        self.assertEqual(daemon._settings.codex.binary, "/bin/sh")  # type: ignore[attr-defined]

    def test_in_the_foreground_it_sets_a_log_observer(self) -> None:
        self.assertIsNotNone(self.observer(nodaemon=True))

    def test_with_log_options_of_twistd_it_sets_no_observer(self) -> None:
        for twistd in (*({"nodaemon": True, name: "x"} for name in ("logger", "syslog")), {"logfile": "-"}):
            self.assertIsNone(self.observer(**twistd), twistd)

    def test_a_log_file_has_the_format_and_the_level_of_the_settings(self) -> None:
        path = self.mktemp()
        for twistd in ({"logfile": path}, {"logfile": path, "nodaemon": True}):
            observer = self.observer(**twistd)
            assert callable(observer)
            for level in ("info", "debug"):
                Logger(namespace="codexd.test", observer=observer).emit(LogLevel.lookupByName(level), level, event="x")
            for writer in all_writers():
                writer.close()
        self.assertEqual([line.split()[1] for line in Path(path).read_text().splitlines()], ["info", "info"])
