from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from codexd.interfaces import IResponseStore
from codexd.settings import Http
from tests.support.fake_backend import text_answer
from tests.support.fake_store import FakeStore
from tests.support.http_cases import ResponsesCase
from tests.support.in_memory_server import InMemoryServer


class TestTakingIn(ResponsesCase):
    def test_no_more_run_at_once_than_may_and_the_rest_are_refused_before_they_are_kept(self) -> None:
        turns = [self.ask(background=True) for _ in range(2)]
        kept = self.store.calls.count("save_response")
        self.post(background=True)
        self.assertEqual(self.connection.response.status, 429)
        self.assertEqual(self.store.calls.count("save_response"), kept)
        turns[0].emit(*text_answer())
        self.ask(background=True)
        self.assertEqual(self.connection.response.status, 200)

    def test_once_the_door_is_closed_none_is_taken_in(self) -> None:
        self.server.active.drain()
        self.post(background=True)
        self.assertEqual(self.connection.response.status, 503)
        self.assert_nothing_running()

    def test_one_whose_client_leaves_at_once_is_taken_in_all_the_same(self) -> None:
        self.store.delay_calls()
        self.post(background=True)
        self.connection.disconnect()
        self.store.run_delayed_calls()
        (turn,) = self.server.backend.turns
        turn.emit(*text_answer())
        self.assertEqual(self.server.log.records[0].outcome, "client_disconnected")
        self.assertEqual(self.store.calls.count("save_response"), 2)
        self.assert_nothing_running()

    def test_what_had_no_effect_is_named_to_its_client(self) -> None:
        self.server.backend.ignored = ("seed",)
        for stream in (False, True):
            self.post(background=True, stream=stream, prediction={})
            self.assertEqual(self.connection.response.headers["x-codexd-ignored"], "prediction, seed")

    def test_nobody_else_sees_it(self) -> None:
        self.open(InMemoryServer(Http(api_keys=("mine", "yours"))))
        self.connection.request(
            "POST", "/v1/responses", {"model": "gpt-5", "input": "hi", "background": True}, x_api_key="mine"
        )
        path = f"/v1/responses/{self.response_id}"
        for method, under in (("GET", ""), ("GET", "?stream=true"), ("POST", "/cancel"), ("DELETE", "")):
            self.assertEqual(self.server.request(method, path + under, x_api_key="yours").status, 404)
        self.assertEqual(self.server.backend.turns[0].actions, [])
        self.assertEqual(self.server.request("GET", path, x_api_key="mine").status, 200)


class TestAfterAnEnd(ResponsesCase):
    """Another front over the store of one whose daemon was killed."""

    def cut(self) -> str:
        self.ask(background=True)
        return self.response_id

    def test_what_was_cut_has_failed(self) -> None:
        cut = self.cut()
        self.open(InMemoryServer(store=self.store))
        shown = self.get(cut).json
        self.assertEqual((shown["status"], shown["error"]["code"]), ("failed", "server_error"))
        self.assertEqual(self.successResultOf(self.store.load_unfinished()), ())

    def test_its_stream_has_an_end_wherever_it_is_taken_up(self) -> None:
        cut = self.cut()
        self.open(InMemoryServer(store=self.store))
        for after, event_types in (("", 4), ("&starting_after=2", 1), ("&starting_after=700", 1)):
            events = self.follow(cut, after).response.events
            self.assertEqual((len(events), events[-1]["type"]), (event_types, "response.failed"))

    def test_nothing_is_read_before_that_is_known(self) -> None:
        cut = self.cut()
        self.store.delay_calls()
        self.open(InMemoryServer(store=self.store))
        self.connection.request("GET", f"/v1/responses/{cut}")
        continued = self.post(previous_response_id=cut)
        self.assertEqual(self.store.calls.count("load_history"), 0)
        self.store.run_delayed_calls()
        self.assertEqual(self.store.calls[-4:], ["load_unfinished", "save_response", "load_response", "load_history"])
        self.assertEqual(len(self.server.backend.turns), 1, continued.received)

    def test_a_store_that_fails_then_hides_nothing_and_nothing_looks_as_if_it_ran(self) -> None:
        cut = self.cut()
        self.store.fail()
        self.open(InMemoryServer(store=self.store))
        self.assertEqual(self.get(cut).json["status"], "failed")

    def test_a_store_that_breaks_then_stops_nobody(self) -> None:
        store = FakeStore()
        verifyObject(IResponseStore, store)
        broken: Deferred[tuple[()]] = Deferred()
        broken.errback(ZeroDivisionError())
        self.patch(store, "load_unfinished", lambda: broken)
        self.open(InMemoryServer(store=store))
        self.ask().emit(*text_answer())
        self.assertEqual(self.get(self.response_id).status, 200)
        self.assertEqual(self.server.metric("codexd_internal_error_total"), 1)
