"""The drills of docs/runbooks.md: inject a fault, see the symptoms that the page shows, apply its remedy."""

import shutil

from codexd.wire.json import Json, encode
from tests.support.drills import ROOT_KEY, SETTINGS, Drill, DrillTestCase, build
from tests.support.http_client import HttpResponse, open_unread_request
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup
from tests.support.processes import wait_until
from tests.support.runbooks import PAGE

ONE_SLOT = SETTINGS.replace("[codex]\n", "[codex]\nturns_per_worker = 1\n")
BROKEN_BLOCK = "<use_tool>not a call</use_tool>"
TOOL: Json = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}

_shared: list[Daemon] = []


class RequestDrillTests(DrillTestCase):
    """Drills that leave the daemon as it was."""

    @classmethod
    def tearDownClass(cls) -> None:
        while _shared:
            _shared.pop().discard()

    @property
    def server(self) -> Daemon:
        if not _shared:
            _shared.append(build(DaemonSetup(settings=ONE_SLOT)).start().await_ready())
        return _shared[0]

    def drill_provider(self, heading: str, said: str) -> Drill:
        """Drill a failure of the provider, which the scripted model produces as it is asked to."""
        drill = Drill(self.server, heading)
        drill.assert_symptoms({CHAT: self.ask(said)})
        self.assert_answered()
        return drill

    def test_failed_requests(self) -> None:
        self.drill_provider("Failed requests", "fail: 500")

    def test_a_failed_request_is_found_by_its_id(self) -> None:
        id = self.ask("fail: 500").headers["x-request-id"]
        self.assertIn("model_failed", self.run_codexd("trace", id))
        self.assertIn(id, self.run_codexd("trace", "--outcome", "failed"))
        self.server.await_log(f"id={id}")
        self.assertIn("`codexd trace req_0123`", PAGE.read_text(encoding="utf-8"))

    def test_high_latency(self) -> None:
        self.drill_provider("High latency", "hang:")

    def test_429_of_the_provider(self) -> None:
        self.drill_provider("The provider", "fail: 429")

    def test_a_login_that_expired(self) -> None:
        self.drill_provider("Login expired", "fail: 401").assert_remedy("codexd login")

    def test_a_full_queue(self) -> None:
        drill = Drill(self.server, "The queue")
        running = self.server.call(CHAT, self.server.chat_body("stall: one", stream=True), self.key("alice"))
        next(running.frames())
        drill.assert_symptoms({CHAT: self.ask("say: no room")})
        running.disconnect()
        self.assert_answered()
        empty = b'codexd_queue_length{backend="codex"} 0.0'
        wait_until(lambda: empty in self.server.get("/metrics", ROOT_KEY).body, "nobody waits")

    def test_a_limit_of_an_api_key(self) -> None:
        drill = Drill(self.server, "A limit of an API key")
        answers = [self.ask("say: hello", "limited") for _ in range(2)]
        drill.assert_symptoms({CHAT: answers[-1]})
        drill.assert_remedy("`codexd keys change NAME --requests-per-minute 600`")
        self.run_codexd("keys", "change", "limited", "--requests-per-minute", "600")
        self.apply(drill, "reload")
        self.assert_answered("limited")

    def test_a_budget_that_is_exhausted(self) -> None:
        drill = Drill(self.server, "Budget exhausted")
        answers = [self.ask("say: hello", "spender") for _ in range(2)]
        drill.assert_symptoms({CHAT: answers[-1]})
        drill.assert_remedy("`codexd keys change NAME --tokens-per-day 4000000`")
        self.run_codexd("keys", "change", "spender", "--tokens-per-day", "4000000")
        self.apply(drill, "reload")
        self.assert_answered("spender")

    def test_a_store_fault(self) -> None:
        server = self.server
        drill = Drill(server, "Store fault")
        store, away = server.folder / "store", server.folder / "away"
        shutil.move(store, away)
        drill.assert_symptoms({RESPONSES: self.respond()})
        self.assertEqual(self.ask("say: chat works").status, 200)
        shutil.move(away, store)
        drill.assert_log("store recovered")
        self.assertEqual(self.respond().status, 200)

    def respond(self) -> HttpResponse:
        return self.server.post(RESPONSES, {"model": "scripted", "input": "say: hello"}, self.key("alice"))

    def test_memory(self) -> None:
        drill = Drill(self.server, "Memory")
        self.apply(drill, "workers", "recycle")
        drill.assert_symptoms()
        self.assert_answered()

    def test_a_slow_client(self) -> None:
        drill = Drill(self.server, "Slow clients")
        body = encode(self.server.chat_body("long: 15000", stream=True))
        connection = open_unread_request(self.server.port, CHAT, body, "authorization: Bearer sk-alice")
        drill.assert_symptoms()
        connection.close()
        self.assert_answered()

    def test_maintenance(self) -> None:
        drill = Drill(self.server, "Maintenance left on")
        self.addCleanup(self.run_codexd, "maintenance", "off")
        self.run_codexd("maintenance", "on")
        drill.assert_symptoms({CHAT: self.ask("say: hello")})
        self.assertEqual(self.apply(drill, "maintenance", "off"), "Maintenance is off.\n")
        drill.assert_log("Maintenance is off")
        self.assert_answered()

    def test_tool_blocks(self) -> None:
        drill = Drill(self.server, "Tool blocks")
        answer = self.ask(f"say: {BROKEN_BLOCK}", tools=[TOOL])
        self.assertEqual(answer.json["choices"][0]["message"]["content"], BROKEN_BLOCK)
        drill.assert_symptoms()
