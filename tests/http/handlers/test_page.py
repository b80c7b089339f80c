from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Failed, Usage
from codexd.neutral.fault import fault
from codexd.neutral.usage import UsageQuery, UsageSum
from codexd.settings import Admin, Http
from tests.http.test_page_access import named
from tests.support.fake_backend import text_answer
from tests.support.in_memory_server import InMemoryServer, chat
from tests.support.page_client import PageClient

EVIL = "<script>alert(1)</script>"


class StatusTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()
        self.client = PageClient(self.server)

    def ask(self, **fields: object) -> None:
        self.server.connect().request("POST", "/v1/chat/completions", chat(**fields))

    def test_a_request_is_shown_while_it_runs_and_after_its_end(self) -> None:
        self.ask(model="small")
        page = self.client.get("/")
        self.assertIn(b"<td>running</td><td>small</td>", page.body)
        self.server.clock.advance(2)
        self.server.backend.turns[0].context.record.set_backend("codex")
        self.server.backend.turns[0].emit(*text_answer("hello"))
        ended = self.client.get("/").body
        self.assertNotIn(b"<td>running</td>", ended)
        self.assertIn(b"1 request in the last three hours: median 2", ended)
        self.assertIn(b'<th scope="row">small</th><td>anonymous</td>', ended)

    def test_without_the_ledger_the_rest_of_the_page_is_shown(self) -> None:
        self.server.ledger.failing = True
        page = self.client.get("/")
        self.assertEqual(page.status, 200)
        self.assertIn(b"The usage cannot be read now.", page.body)

    def test_many_loads_at_once_share_one_query_of_the_ledger(self) -> None:
        held: list[Deferred[tuple[UsageSum, ...]]] = []

        def sum_usage(query: UsageQuery) -> Deferred[tuple[UsageSum, ...]]:
            held.append(Deferred())
            return held[-1]

        self.patch(self.server.ledger, "sum_usage", sum_usage)
        loads = [self.client.begin("GET", "/", None) for _ in range(20)]
        (query,) = held
        query.callback(())
        for load in loads:
            self.assertIn(b"No tokens in the last 24 hours.", load.response.body)

    def test_a_failure_is_shown_among_the_failures(self) -> None:
        self.assertIn(b"No failure among the recent requests.", self.client.get("/").body)
        self.ask(model="small")
        self.server.backend.turns[0].emit(Failed(fault("model_failed")))
        page = self.client.get("/").body
        self.assertIn(b"502 model_failed", page.partition(b'id="failures"')[2])

    def test_a_refusal_is_a_failure_but_says_nothing_about_response_times(self) -> None:
        self.server.backend.begin_errors.append(fault("circuit_open"))
        self.ask(model="small")
        page = self.client.get("/").body
        self.assertIn(b"No answers in the last three hours. 1 request reached no model and is left out.", page)
        self.assertIn(b">503 circuit_open<", page.partition(b'id="failures"')[2])

    def test_what_a_key_is_refused_is_counted_too(self) -> None:
        keys = (named("ann", "anns", admin=True, requests_per_minute=1),)
        server = InMemoryServer(Http(), admin=Admin(), keys=keys)
        for _ in range(2):
            server.connect().request("POST", "/v1/chat/completions", chat(), authorization="Bearer anns")
        client = PageClient(server)
        client.sign_in("anns")
        page = client.get("/").body
        self.assertIn(b"1 request reached no model", page)
        self.assertIn(b">429 key_request_limit<", page.partition(b'id="failures"')[2])

    def test_a_key_whose_budget_is_used_up_is_shown(self) -> None:
        keys = (named("ann", "anns", admin=True, tokens_per_day=10),)
        server = InMemoryServer(Http(), admin=Admin(), keys=keys)
        meter = server.front.meters.find("ann")
        assert meter is not None
        meter.spend(Usage(input_tokens=20), 0)
        client = PageClient(server)
        client.sign_in("anns")
        self.assertIn(b'<span class="bad">200 %</span>', client.get("/").body)

    def test_the_page_of_a_request_shows_its_timeline(self) -> None:
        self.ask(model="small")
        self.server.backend.turns[0].emit(*text_answer("hello"))
        record = self.server.log.records[-1]
        page = self.client.get(f"/status/requests/{record.id}")
        for text in (b"received", b"ended", b"small", record.id.encode()):
            self.assertIn(text, page.body)
        unknown = self.client.get("/status/requests/req_unknown")
        self.assertEqual(unknown.status, 404)

    def test_what_clients_made_up_is_escaped(self) -> None:
        self.ask(model=EVIL)
        self.server.request("GET", "/%3Cscript%3Ealert(1)%3C/script%3E")
        page = self.client.get("/").body
        self.assertNotIn(b"<script", page)
        self.assertGreaterEqual(page.count(b"&lt;script&gt;"), 2)

    def test_probes_and_the_page_itself_are_not_among_the_requests(self) -> None:
        self.server.request("GET", "/livez")
        self.client.get("/status/playground")
        self.assertIn(b"No request yet.", self.client.get("/").body)

    def test_a_page_is_refreshed_if_that_is_asked_for(self) -> None:
        self.assertIn(b'http-equiv="refresh"', self.client.get("/?refresh=yes").body)


class MaintenanceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()
        self.client = PageClient(self.server)
        self.client.get("/")

    def switch(self, **fields: str) -> int:
        return self.client.post("/status/maintenance", {"retry_after_seconds": "90", "message": ""} | fields).status

    def test_it_is_switched_on_and_off(self) -> None:
        self.assertEqual(self.switch(enabled="yes", message="back at ten"), 303)
        state = self.server.front.maintenance.state
        self.assertEqual((state.enabled, state.retry_after_seconds, state.message), (True, 90.0, "back at ten"))
        page = self.client.get("/?maintenance=on").body
        self.assertIn(b'role="status">Maintenance is on.', page)
        self.assertIn(b'<strong class="badge bad">maintenance</strong>', page)
        self.assertEqual(self.switch(enabled="no"), 303)
        self.assertFalse(self.server.front.maintenance.state.enabled)

    def test_wrong_fields_change_nothing(self) -> None:
        for text in ("soon", "0", "1e9", "-1", "nan", "inf", "-inf", "1e400", "9" * 400, ""):
            self.assertEqual(self.switch(enabled="yes", retry_after_seconds=text), 400, text)
        self.assertEqual(self.switch(enabled="yes", message="x" * 501), 400)
        self.assertEqual(self.switch(enabled="yes", keep="yes"), 500)  # there is no state directory here
        self.assertFalse(self.server.front.maintenance.state.enabled)

    def test_a_text_in_the_url_is_not_shown(self) -> None:
        self.assertNotIn(b"free beer", self.client.get("/?maintenance=free%20beer").body)
