from twisted.internet.interfaces import IPushProducer
from zope.interface.verify import verifyClass

from codexd.http.request import Request
from codexd.http.transcript import Transcript
from codexd.http.viewer import Viewer
from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.answers import ResponsesCase, kinds
from tests.support.backend import FakeTurn, hello
from tests.support.web import BUFFER_BYTES, Connection, Web

SAID = (e.Began(), e.MessageOpened(0, "msg_0"), e.TextDelta(0, "Hel"))
REST = (e.TextDelta(0, "lo"), e.MessageClosed(0), e.Ended("stop"))


class ViewerCase(ResponsesCase):
    def begin(self) -> FakeTurn:
        turn = self.ask(background=True)
        self.work_id = self.told_id
        self.connection.leave()
        return turn

    def text(self, connection: Connection) -> str:
        events = connection.response.events
        return "".join(one["delta"] for one in events if one and one["type"] == "response.output_text.delta")


class TestReading(ViewerCase):
    def test_a_posted_stream_begins_at_the_beginning(self) -> None:
        turn = self.ask(background=True, stream=True)
        self.assertEqual(kinds(self.connection), ["created", "queued"])
        turn.tell(*SAID)
        self.assertEqual(kinds(self.connection)[2:4], ["in_progress", "output_item.added"])
        turn.tell(*REST)
        self.assertEqual(kinds(self.connection)[-1], "completed")
        self.assertTrue(self.connection.response.whole)
        self.assertTrue(self.connection.open)
        self.nothing_left()

    def test_its_head_says_what_it_is(self) -> None:
        self.post(background=True, stream=True, prediction={})
        headers = self.connection.response.headers
        self.assertEqual(headers["content-type"], "text/event-stream; charset=utf-8")
        self.assertEqual((headers["cache-control"], headers["x-accel-buffering"]), ("no-cache", "no"))
        self.assertEqual(headers["x-codexd-ignored"], "prediction")

    def test_all_see_the_same_bytes_from_where_they_like_while_it_runs_and_afterwards(self) -> None:
        turn = self.ask(background=True, stream=True)
        posted, id = self.connection, self.told_id
        turn.tell(*SAID)
        early, late = self.follow(id), self.follow(id, "&starting_after=3")
        turn.tell(*REST)
        kept, rest = self.follow(id), self.follow(id, "&starting_after=3")
        whole = posted.response.body
        self.assertEqual([early.response.body, kept.response.body], [whole, whole])
        self.assertEqual(late.response.body, rest.response.body)
        self.assertTrue(whole.endswith(late.response.body))
        self.assertEqual(late.response.events[0]["sequence_number"], 4)

    def test_its_last_event_is_what_is_shown_again(self) -> None:
        self.begin().tell(*hello())
        shown = self.get(self.work_id).json
        self.assertEqual(self.follow(self.work_id).response.events[-1]["response"], shown)

    def test_a_number_that_has_not_come_yet_is_waited_for(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id, "&starting_after=1")
        self.assertEqual(follower.response.body, b"")
        turn.tell(*SAID)
        self.assertEqual(kinds(follower)[0], "in_progress")

    def test_one_who_has_all_gets_nothing_more(self) -> None:
        self.begin().tell(*hello())
        last = self.follow(self.work_id).response.events[-1]["sequence_number"]
        rest = self.follow(self.work_id, f"&starting_after={last}").response
        self.assertEqual((rest.status, rest.body, rest.whole), (200, b"", True))

    def test_one_who_leaves_stops_nothing(self) -> None:
        turn = self.ask(background=True, stream=True)
        id = self.told_id
        self.connection.leave()
        self.assertEqual(turn.asked, [])
        self.assertEqual(self.web.log.records[0].outcome, "client_gone")
        turn.tell(*hello())
        self.assertEqual(self.get(id).json["status"], "completed")
        self.nothing_left()

    def test_one_who_leaves_is_forgotten(self) -> None:
        self.begin()
        left: list[object] = []
        self.patch(Transcript, "leave", lambda me, follower: left.append(follower))
        self.follow(self.work_id).leave()
        self.assertEqual(len(left), 1)

    def test_a_head_of_it_has_no_body_and_waits_for_nothing(self) -> None:
        self.begin()
        response = self.web.ask("HEAD", f"/v1/responses/{self.work_id}?stream=true")
        self.assertEqual((response.status, response.body), (200, b""))
        self.assertIn("event-stream", response.headers["content-type"])
        self.assertEqual(len(self.web.log.records), 2)

    def test_trouble_with_one_is_not_the_others(self) -> None:
        turn = self.begin()
        first, second = self.follow(self.work_id), self.follow(self.work_id)
        write, broken = Request.write, first.transport

        def breaking(request: Request, data: bytes) -> None:
            if request.transport is broken:
                raise ZeroDivisionError
            write(request, data)

        self.patch(Request, "write", breaking)
        turn.tell(*hello())
        self.assertTrue(first.transport.aborted)
        self.assertEqual(kinds(second)[-1], "completed")
        self.nothing_left()


class TestKeepalives(ViewerCase):
    def test_silence_is_covered_and_is_no_part_of_the_stream(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        self.web.clock.pump([5.0] * 7)
        turn.tell(*hello())
        self.assertEqual(kinds(follower)[:5], ["created", "queued", "", "", "in_progress"])
        self.assertNotIn("", kinds(self.follow(self.work_id)))
        self.nothing_left()

    def test_it_is_covered_while_the_store_works_too(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        self.store.hold()
        turn.tell(*hello())
        self.web.clock.advance(20)
        self.store.release()
        self.assertEqual(kinds(follower)[-2:], ["", "completed"])


class TestSlowReaders(ViewerCase):
    def setUp(self) -> None:
        self.open(Web(Http(stall_seconds=30.0, keepalive_seconds=5.0)))
        self.turn = self.begin()
        self.slow = self.follow(self.work_id)
        self.slow.transport.reading = False
        self.turn.tell(*SAID)

    def speak(self) -> None:
        for _ in range(100):
            self.turn.tell(e.TextDelta(0, "a" * 10_000))

    def test_nothing_waits_for_one_but_what_its_transport_holds(self) -> None:
        self.speak()
        self.assertLess(len(self.slow.transport._pile), 2 * BUFFER_BYTES)
        self.assertEqual(self.turn.asked, [])

    def test_it_reads_all_of_it_when_it_likes(self) -> None:
        self.speak()
        self.turn.tell(*REST)
        self.assertFalse(self.slow.response.whole)
        self.slow.transport.reading = True
        self.slow.transport.read(10**7)
        self.assertEqual(len(self.text(self.slow)), 1_000_005)
        self.assertTrue(self.slow.response.whole)
        self.nothing_left()

    def test_no_keepalive_is_put_on_top(self) -> None:
        self.speak()
        before = len(self.slow.transport.writes)
        self.web.clock.pump([5.0] * 5)
        self.assertEqual(len(self.slow.transport.writes), before)

    def test_one_that_takes_nothing_is_cut_and_the_work_goes_on(self) -> None:
        self.web.clock.advance(29)
        self.speak()
        self.web.clock.pump([5.0] * 5)
        self.assertFalse(self.slow.transport.aborted)
        self.web.clock.pump([5.0] * 2)
        self.assertTrue(self.slow.transport.aborted)
        self.assertEqual(self.web.log.records[-1].outcome, "slow_reader")
        self.assertEqual(self.web.figure("codexd_reader_cut_total"), 1)
        self.turn.tell(*REST)
        self.assertEqual(self.get(self.work_id).json["status"], "completed")
        self.nothing_left()

    def test_so_is_one_that_the_daemon_would_have_to_wait_for(self) -> None:
        self.speak()
        self.turn.tell(*REST)
        closed = self.web.doorman.close()
        self.assertNoResult(closed)
        self.web.clock.advance(10)
        self.assertTrue(self.slow.transport.aborted)
        self.successResultOf(closed)
        self.nothing_left()

    def test_a_stopping_daemon_tells_the_end_to_those_who_read(self) -> None:
        quick = self.follow(self.work_id)
        self.speak()
        closed = self.web.doorman.close()
        self.web.clock.advance(10)
        self.assertEqual(kinds(quick)[-1], "failed")
        self.assertTrue(self.slow.transport.aborted)
        self.successResultOf(closed)

    def test_it_is_a_push_producer(self) -> None:
        verifyClass(IPushProducer, Viewer)
