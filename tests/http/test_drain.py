"""The drain: the server stops when its last client has its last byte, or when the time is up."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from tests.support.cases import each_set_up
from tests.support.fake_backend import message, text_answer
from tests.support.http_cases import CHAT, ChatTestCase
from tests.support.in_memory_server import InMemoryServer, chat, request


class UnsentBytesTests(ChatTestCase):
    """The answer is over, and its last bytes are in the transport."""

    def test_a_body_that_a_slow_client_has_not_read_is_waited_for(self) -> None:
        (turn,) = self.ask()
        self.connection.transport.reading = False
        turn.emit(*text_answer("a" * 1_000_000))
        self.assertEqual(self.server.metric("codexd_requests_running"), 0)
        drained = self.server.drain.run()
        self.server.clock.advance(9)
        self.assertNoResult(drained)
        self.connection.transport.reading = True
        self.connection.transport.read(2**30)
        self.assertEqual(len(self.connection.response.json["choices"][0]["message"]["content"]), 1_000_000)
        self.successResultOf(drained)
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_the_end_of_a_stream_is_waited_for(self) -> None:
        turn = self.start_stream()
        self.connection.transport.reading = False
        turn.emit(*text_answer("a" * 100))
        drained = self.server.drain.run()
        self.assertNoResult(drained)
        self.connection.transport.read(2**30)
        self.assertEqual(self.texts()[-1], "[DONE]")
        self.successResultOf(drained)

    def test_a_client_that_reads_too_little_is_disconnected_after_the_deadline(self) -> None:
        (turn,) = self.ask()
        self.connection.transport.reading = False
        turn.emit(*text_answer("a" * 1_000_000))
        drained = self.server.drain.run()
        self.server.clock.advance(11.9)
        self.assertFalse(self.connection.transport.aborted)
        self.server.clock.advance(0.1)
        self.assertTrue(self.connection.transport.aborted)
        self.successResultOf(drained)

    def test_a_client_that_disconnects_is_not_waited_for(self) -> None:
        for ended in each_set_up(self, True, False):
            (turn,) = self.ask()
            self.connection.transport.reading = False
            if ended:
                turn.emit(*text_answer("a" * 1_000_000))
            drained = self.server.drain.run()
            self.assertNoResult(drained)
            self.connection.disconnect()
            self.successResultOf(drained)


class DeadlineTests(ChatTestCase):
    """The time of a running answer is up."""

    def test_a_slow_client_gets_its_backlog_and_one_terminal_event(self) -> None:
        turn = self.start_stream()
        self.connection.transport.reading = False
        turn.emit(e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a" * 70_000))
        turn.emit(e.TextDelta(0, "b"))
        drained = self.server.drain.run()
        self.server.clock.advance(10)
        self.assertFalse(self.connection.transport.aborted)
        self.connection.transport.read(2**30)
        events = self.connection.response.events
        self.assertEqual(events[-1]["error"]["code"], "shutting_down")
        self.assertEqual(sum("error" in event for event in events), 1)
        text = "".join(event["choices"][0]["delta"].get("content") or "" for event in events[:-1])
        self.assertEqual(text, "a" * 70_000 + "b")
        self.assertTrue(self.connection.response.whole)
        self.successResultOf(drained)
        self.assert_nothing_running()

    def test_a_slow_client_of_an_ended_answer_gets_its_end(self) -> None:
        turn = self.start_stream()
        self.connection.transport.reading = False
        turn.emit(e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a" * 70_000))
        turn.emit(e.MessageClosed(0), e.Ended("stop"))
        drained = self.server.drain.run()
        self.server.clock.advance(10)
        self.connection.transport.read(2**30)
        self.assertEqual(self.connection.response.events[-1], "[DONE]")
        self.successResultOf(drained)

    def test_a_client_that_reads_nothing_is_disconnected_two_seconds_later(self) -> None:
        turn = self.start_stream()
        self.connection.transport.reading = False
        turn.emit(e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a" * 70_000))
        drained = self.server.drain.run()
        self.server.clock.pump([10, 1.9])
        self.assertFalse(self.connection.transport.aborted)
        self.server.clock.advance(0.1)
        self.assertTrue(self.connection.transport.aborted)
        self.successResultOf(drained)
        self.assert_nothing_running()

    def test_in_a_hurry_the_time_is_up_at_once(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began())
        drained = self.server.drain.run()
        self.server.drain.hurry()
        self.server.drain.hurry()
        self.server.clock.advance(0)
        self.assertEqual(self.connection.response.events[-1]["error"]["code"], "shutting_down")
        self.successResultOf(drained)
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_a_hurry_before_the_drain_leaves_no_time(self) -> None:
        self.start_stream().emit(e.Began())
        self.server.drain.hurry()
        drained = self.server.drain.run()
        self.server.clock.advance(0)
        self.successResultOf(drained)

    def test_a_hurry_after_the_drain_changes_nothing(self) -> None:
        self.connection.disconnect()
        self.successResultOf(self.server.drain.run())
        self.server.drain.hurry()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])


class ConnectionTests(SynchronousTestCase):
    """What happens to each kind of connection."""

    def setUp(self) -> None:
        self.server = InMemoryServer()
        self.connection = self.server.connect()

    def test_an_idle_connection_is_closed(self) -> None:
        self.connection.request("GET", "/livez")
        self.assertTrue(self.connection.open)
        self.successResultOf(self.server.drain.run())
        self.assertFalse(self.connection.transport.connected)

    def test_an_idle_connection_is_closed_when_its_client_has_read_everything(self) -> None:
        self.connection.transport.reading = False
        self.connection.request("GET", "/livez")
        drained = self.server.drain.run()
        self.assertNoResult(drained)
        self.connection.transport.read(2**20)
        self.assertEqual(self.connection.response.status, 200)
        self.successResultOf(drained)

    def test_a_new_connection_stays_open_for_its_first_request(self) -> None:
        self.successResultOf(self.server.drain.run())
        for connection in (self.connection, self.server.connect()):
            self.assertTrue(connection.open)
            connection.request("POST", CHAT, chat())
            response = connection.response
            self.assertEqual((response.status, response.error["code"]), (503, "shutting_down"))
            self.assertEqual(response.headers["retry-after"], "5")
            self.assertEqual(response.headers["connection"], "close")
            self.assertFalse(connection.transport.connected)

    def test_a_request_whose_head_is_arriving_is_answered(self) -> None:
        whole = request("POST", CHAT, chat())
        self.connection.send(whole[:30])
        self.successResultOf(self.server.drain.run())
        self.connection.send(whole[30:])
        self.assertEqual(self.connection.response.error["code"], "shutting_down")

    def test_a_request_whose_body_is_arriving_is_answered_at_once(self) -> None:
        chunked = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"
        embed = request("POST", "/v1/embeddings", {"model": "e", "input": "x"})[:-3]
        for beginning in each_set_up(self, request("POST", CHAT, chat())[:-3], chunked, embed):
            self.connection.send(beginning)
            drained = self.server.drain.run()
            response = self.connection.response
            self.assertEqual((response.status, response.error["code"]), (503, "shutting_down"))
            self.assertEqual(response.headers["retry-after"], "5")
            self.assertEqual(response.headers["connection"], "close")
            self.connection.send(b"more")  # is dropped
            self.server.clock.advance(1)
            self.assertFalse(self.connection.transport.connected)
            self.successResultOf(drained)
            self.assertEqual(len(self.connection.responses()), 1)

    def test_a_large_body_that_comes_during_the_drain_is_refused_before_it_is_sent(self) -> None:
        drained = self.server.drain.run()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
        head += b"expect: 100-continue\r\ncontent-length: 99999\r\n\r\n"
        self.connection.send(head)
        self.assertEqual(self.connection.response.error["code"], "shutting_down")
        self.successResultOf(drained)

    def test_a_response_that_begins_during_the_drain_closes_its_connection(self) -> None:
        self.connection.request("POST", CHAT, chat())
        drained = self.server.drain.run()
        (turn,) = self.server.backend.turns
        turn.emit(*text_answer())
        self.assertEqual(self.connection.response.headers["connection"], "close")
        self.assertFalse(self.connection.transport.connected)
        self.successResultOf(drained)

    def test_a_stream_that_began_before_the_drain_closes_its_connection(self) -> None:
        self.connection.request("POST", CHAT, chat(stream=True))
        (turn,) = self.server.backend.turns
        turn.emit(e.Began())
        drained = self.server.drain.run()
        turn.emit(*message(), e.Ended("stop"))
        self.assertTrue(self.connection.response.whole)
        self.assertFalse(self.connection.transport.connected)
        self.successResultOf(drained)

    def test_probes_are_answered_during_the_drain(self) -> None:
        self.connection.request("POST", CHAT, chat(stream=True))
        self.server.drain.run()
        self.assertEqual(self.server.request("GET", "/livez").status, 200)
        ready = self.server.request("GET", "/readyz")
        self.assertEqual((ready.status, ready.headers["connection"]), (503, "close"))
