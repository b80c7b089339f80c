from twisted.internet.interfaces import IPushProducer
from zope.interface.verify import verifyClass

from codexd.answers.recording import Recording
from codexd.answers.stream_delivery import StreamDelivery
from codexd.http.request import Request
from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.fake_backend import FakeTurn, text_answer
from tests.support.http_cases import ResponsesCase, event_types
from tests.support.in_memory_server import BUFFER_BYTES, Connection, InMemoryServer

SAID = (e.Began(), e.MessageOpened(0, "msg_0"), e.TextDelta(0, "Hel"))
REST = (e.TextDelta(0, "lo"), e.MessageClosed(0), e.Ended("stop"))


class ViewerCase(ResponsesCase):
    def begin(self) -> FakeTurn:
        turn = self.ask(background=True)
        self.work_id = self.response_id
        self.connection.disconnect()
        return turn

    def text(self, connection: Connection) -> str:
        events = connection.response.events
        return "".join(one["delta"] for one in events if one and one["type"] == "response.output_text.delta")


class TestReading(ViewerCase):
    def test_a_posted_stream_begins_at_the_beginning(self) -> None:
        turn = self.ask(background=True, stream=True)
        self.assertEqual(event_types(self.connection), ["created", "queued"])
        turn.emit(*SAID)
        self.assertEqual(event_types(self.connection)[2:4], ["in_progress", "output_item.added"])
        turn.emit(*REST)
        self.assertEqual(event_types(self.connection)[-1], "completed")
        self.assertTrue(self.connection.response.whole)
        self.assertTrue(self.connection.open)
        self.assert_nothing_running()

    def test_its_head_says_what_it_is(self) -> None:
        self.post(background=True, stream=True, prediction={})
        headers = self.connection.response.headers
        self.assertEqual(headers["content-type"], "text/event-stream; charset=utf-8")
        self.assertEqual((headers["cache-control"], headers["x-accel-buffering"]), ("no-cache", "no"))
        self.assertEqual(headers["x-codexd-ignored"], "prediction")

    def test_all_see_the_same_bytes_from_where_they_like_while_it_runs_and_afterwards(self) -> None:
        turn = self.ask(background=True, stream=True)
        posted, id = self.connection, self.response_id
        turn.emit(*SAID)
        early, late = self.follow(id), self.follow(id, "&starting_after=3")
        turn.emit(*REST)
        kept, rest = self.follow(id), self.follow(id, "&starting_after=3")
        whole = posted.response.body
        self.assertEqual([early.response.body, kept.response.body], [whole, whole])
        self.assertEqual(late.response.body, rest.response.body)
        self.assertTrue(whole.endswith(late.response.body))
        self.assertEqual(late.response.events[0]["sequence_number"], 4)

    def test_its_last_event_is_what_is_shown_again(self) -> None:
        self.begin().emit(*text_answer())
        shown = self.get(self.work_id).json
        self.assertEqual(self.follow(self.work_id).response.events[-1]["response"], shown)

    def test_a_number_that_has_not_come_yet_is_waited_for(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id, "&starting_after=1")
        self.assertEqual(follower.response.body, b"")
        turn.emit(*SAID)
        self.assertEqual(event_types(follower)[0], "in_progress")

    def test_one_who_has_all_gets_nothing_more(self) -> None:
        self.begin().emit(*text_answer())
        last = self.follow(self.work_id).response.events[-1]["sequence_number"]
        rest = self.follow(self.work_id, f"&starting_after={last}").response
        self.assertEqual((rest.status, rest.body, rest.whole), (200, b"", True))

    def test_one_who_leaves_stops_nothing(self) -> None:
        turn = self.ask(background=True, stream=True)
        id = self.response_id
        self.connection.disconnect()
        self.assertEqual(turn.actions, [])
        self.assertEqual(self.server.log.records[0].outcome, "client_disconnected")
        turn.emit(*text_answer())
        self.assertEqual(self.get(id).json["status"], "completed")
        self.assert_nothing_running()

    def test_one_who_leaves_is_forgotten(self) -> None:
        self.begin()
        left: list[object] = []
        self.patch(Recording, "unsubscribe", lambda me, follower: left.append(follower))
        self.follow(self.work_id).disconnect()
        self.assertEqual(len(left), 1)

    def test_a_head_of_it_has_no_body_and_waits_for_nothing(self) -> None:
        self.begin()
        response = self.server.request("HEAD", f"/v1/responses/{self.work_id}?stream=true")
        self.assertEqual((response.status, response.body), (200, b""))
        self.assertIn("event-stream", response.headers["content-type"])
        self.assertEqual(len(self.server.log.records), 2)

    def test_trouble_with_one_is_not_the_others(self) -> None:
        turn = self.begin()
        first, second = self.follow(self.work_id), self.follow(self.work_id)
        write, broken = Request.write, first.transport

        def breaking(request: Request, data: bytes) -> None:
            if request.transport is broken:
                raise ZeroDivisionError
            write(request, data)

        self.patch(Request, "write", breaking)
        turn.emit(*text_answer())
        self.assertTrue(first.transport.aborted)
        self.assertEqual(event_types(second)[-1], "completed")
        self.assert_nothing_running()


class TestKeepalives(ViewerCase):
    def test_silence_is_covered_and_is_no_part_of_the_stream(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        self.server.clock.pump([5.0] * 7)
        turn.emit(*text_answer())
        self.assertEqual(event_types(follower)[:5], ["created", "queued", "", "", "in_progress"])
        self.assertNotIn("", event_types(self.follow(self.work_id)))
        self.assert_nothing_running()

    def test_it_is_covered_while_the_store_works_too(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.server.clock.advance(20)
        self.store.run_delayed_calls()
        self.assertEqual(event_types(follower)[-2:], ["", "completed"])


class TestSlowReaders(ViewerCase):
    def setUp(self) -> None:
        self.open(InMemoryServer(Http(write_timeout_seconds=30.0, keepalive_seconds=5.0)))
        self.turn = self.begin()
        self.slow = self.follow(self.work_id)
        self.slow.transport.reading = False
        self.turn.emit(*SAID)

    def speak(self) -> None:
        for _ in range(100):
            self.turn.emit(e.TextDelta(0, "a" * 10_000))

    def test_nothing_waits_for_one_but_what_its_transport_holds(self) -> None:
        self.speak()
        self.assertLess(len(self.slow.transport._unread), 2 * BUFFER_BYTES)
        self.assertEqual(self.turn.actions, [])

    def test_it_reads_all_of_it_when_it_likes(self) -> None:
        self.speak()
        self.turn.emit(*REST)
        self.assertFalse(self.slow.response.whole)
        self.slow.transport.reading = True
        self.slow.transport.read(10**7)
        self.assertEqual(len(self.text(self.slow)), 1_000_005)
        self.assertTrue(self.slow.response.whole)
        self.assert_nothing_running()

    def test_no_keepalive_is_put_on_top(self) -> None:
        self.speak()
        before = len(self.slow.transport.writes)
        self.server.clock.pump([5.0] * 5)
        self.assertEqual(len(self.slow.transport.writes), before)

    def test_one_that_takes_nothing_is_cut_and_the_work_goes_on(self) -> None:
        self.server.clock.advance(29)
        self.speak()
        self.server.clock.pump([5.0] * 5)
        self.assertFalse(self.slow.transport.aborted)
        self.server.clock.pump([5.0] * 2)
        self.assertTrue(self.slow.transport.aborted)
        self.assertEqual(self.server.log.records[-1].outcome, "slow_client")
        self.assertEqual(self.server.metric("codexd_client_dropped_total"), 1)
        self.turn.emit(*REST)
        self.assertEqual(self.get(self.work_id).json["status"], "completed")
        self.assert_nothing_running()

    def test_so_is_one_that_the_daemon_would_have_to_wait_for(self) -> None:
        self.speak()
        self.turn.emit(*REST)
        closed = self.server.active.drain()
        self.assertNoResult(closed)
        self.server.clock.advance(10)
        self.assertTrue(self.slow.transport.aborted)
        self.successResultOf(closed)
        self.assert_nothing_running()

    def test_a_stopping_daemon_tells_the_end_to_those_who_read(self) -> None:
        quick = self.follow(self.work_id)
        self.speak()
        closed = self.server.active.drain()
        self.server.clock.advance(10)
        self.assertEqual(event_types(quick)[-1], "failed")
        self.assertTrue(self.slow.transport.aborted)
        self.successResultOf(closed)

    def test_it_is_a_push_producer(self) -> None:
        verifyClass(IPushProducer, StreamDelivery)
