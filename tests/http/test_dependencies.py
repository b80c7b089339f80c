from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from codexd.interfaces import IStore
from tests.support.fake_backend import text_answer
from tests.support.fake_store import FakeStore
from tests.support.http_cases import ResponsesTestCase
from tests.support.in_memory_server import InMemoryServer


class RecoveryTests(ResponsesTestCase):
    """A new server over the store of a daemon that was killed."""

    def interrupt(self) -> str:
        self.ask(background=True)
        return self.response_id

    def test_an_interrupted_answer_has_failed(self) -> None:
        interrupted = self.interrupt()
        self.open(InMemoryServer(store=self.store))
        shown = self.get(interrupted).json
        self.assertEqual((shown["status"], shown["error"]["code"]), ("failed", "server_error"))
        self.assertEqual(self.successResultOf(self.store.load_unfinished()), ())

    def test_the_stream_of_an_interrupted_answer_has_an_end_from_every_position(self) -> None:
        interrupted = self.interrupt()
        self.open(InMemoryServer(store=self.store))
        for after, event_types in (("", 4), ("&starting_after=2", 1), ("&starting_after=700", 1)):
            events = self.replay(interrupted, after).response.events
            self.assertEqual((len(events), events[-1]["type"]), (event_types, "response.failed"))

    def test_nothing_is_loaded_before_interrupted_answers_are_marked(self) -> None:
        interrupted = self.interrupt()
        self.store.delay_calls()
        self.open(InMemoryServer(store=self.store))
        self.connection.request("GET", f"/v1/responses/{interrupted}")
        continued = self.post(previous_response_id=interrupted)
        self.assertEqual(self.store.calls.count("load_history"), 0)
        self.store.run_delayed_calls()
        self.assertEqual(self.store.calls[-4:], ["load_unfinished", "save_response", "load_response", "load_history"])
        self.assertEqual(len(self.server.backend.turns), 1, continued.received)

    def test_an_interrupted_answer_that_could_not_be_marked_is_shown_as_failed(self) -> None:
        interrupted = self.interrupt()
        self.store.fail()
        self.open(InMemoryServer(store=self.store))
        self.assertEqual(self.get(interrupted).json["status"], "failed")

    def test_an_exception_during_recovery_is_logged_and_stops_nothing(self) -> None:
        store = FakeStore()
        verifyObject(IStore, store)
        broken: Deferred[tuple[()]] = Deferred()
        broken.errback(ZeroDivisionError())
        self.patch(store, "load_unfinished", lambda: broken)
        self.open(InMemoryServer(store=store))
        self.ask().emit(*text_answer())
        self.assertEqual(self.get(self.response_id).status, 200)
        self.assertEqual(self.server.metric("codexd_internal_error_total"), 1)


class StoreRecoveryTests(ResponsesTestCase):
    """A store that fails and works again while the server runs."""

    def test_a_background_response_whose_end_was_not_stored_has_failed_after_the_recovery(self) -> None:
        answered = self.ask(background=True)
        lost = self.response_id
        self.store.fail(2)
        answered.emit(*text_answer())
        self.ask(background=True)
        running = self.response_id
        self.assertEqual(self.unfinished(), [lost, running])
        self.store.recover()
        self.assertEqual(self.unfinished(), [running])
        shown = self.get(lost).json
        self.assertEqual((shown["status"], shown["error"]["message"]), ("failed", "The response could not be stored."))
        self.assertIn(self.get(running).json["status"], ("queued", "in_progress"))

    def unfinished(self) -> list[str]:
        return [response.id for response in self.successResultOf(self.store.load_unfinished())]
