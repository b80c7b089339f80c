"""One answer of an upstream, over a connection in memory: no sleep, no network."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.stream import Translator
from codexd.interfaces import ITurnHandle
from codexd.neutral import event as e
from codexd.wire import json
from tests.support.chat_upstream import DONE, chunk, frames
from tests.support.upstream import SETTINGS, TURN, Hearing, Rig, Wire

HEL = frames(chunk({"content": "Hel"}))
LO = frames(chunk({"content": "lo"}), chunk({}, "stop")) + DONE
LIMITED = json.encode({"error": {"message": "slow", "code": "rate_limit_exceeded"}})


class AnswerTests(SynchronousTestCase):
    def test_the_request_is_what_it_should_be(self) -> None:
        rig = Rig()
        rig.begin()
        wire = rig.accept()
        self.assertTrue(wire.head_sent.startswith(b"post /v1/chat/completions http/1.1\r\n"))
        for header in (
            b"host: upstream.example",
            b"authorization: bearer sk-secret",
            b"content-type: application/json",
            b"content-length: %d" % len(wire.value().partition(b"\r\n\r\n")[2]),
        ):
            self.assertIn(header, wire.head_sent)
        self.assertEqual(wire.asked["messages"], [{"role": "user", "content": "hi"}])
        self.assertIs(wire.asked["stream"], True)

    def test_without_a_key_there_is_no_authorization(self) -> None:
        rig = Rig(key=None)
        rig.begin()
        self.assertNotIn(b"authorization", rig.accept().head_sent)

    def test_every_piece_is_told_as_it_comes_and_flushed(self) -> None:
        rig = Rig()
        hearing, _ = rig.begin()
        wire = rig.accept()
        wire.head()
        wire.chunk(HEL)
        self.assertEqual((hearing.text, hearing.unflushed, hearing.over), ("Hel", 0, False))
        wire.chunk(LO)
        self.assertEqual((hearing.text, hearing.unflushed, hearing.over), ("Hello", 0, True))
        self.assertEqual(rig.backend.running, 0)

    def test_a_connection_whose_answer_is_over_is_used_again(self) -> None:
        rig = Rig()
        rig.begin()
        wire = rig.accept()
        wire.answer(HEL + LO)
        wire.clear()
        hearing, _ = rig.begin()
        self.assertEqual((rig.wanted, wire.aborted), (1, False))
        wire.answer(HEL + LO)
        self.assertEqual(hearing.text, "Hello")
        self.assertEqual(rig.clock.getDelayedCalls()[1:], [], "but for the pool's own no timer is left")

    def test_an_upstream_that_does_not_end_after_the_end_is_cut(self) -> None:
        for chatter in (b"", b": more\n\n" * 10_000):
            rig = Rig()
            hearing, _ = rig.begin()
            wire = rig.accept()
            wire.head()
            wire.chunk(HEL + LO)
            wire.chunk(chatter) if chatter else rig.clock.advance(5)
            self.assertTrue(wire.aborted)
            self.assertEqual(hearing.text, "Hello")

    def test_a_server_that_does_not_stream_is_heard_too(self) -> None:
        rig = Rig()
        hearing, _ = rig.begin()
        choice = {"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}
        rig.accept().answer(json.encode({"choices": [choice]}))
        self.assertEqual((hearing.text, hearing.over), ("Hello", True))


class HandleTests(SynchronousTestCase):
    def reading(self) -> tuple[Rig, Hearing, Wire, ITurnHandle]:
        rig = Rig()
        hearing, handle = rig.begin()
        wire = rig.accept()
        wire.head()
        wire.chunk(HEL)
        return rig, hearing, wire, handle

    def test_cancelled_it_cuts_the_connection_at_once_and_says_nothing_more(self) -> None:
        rig, hearing, wire, handle = self.reading()
        heard = len(hearing.events)
        handle.cancel()
        handle.cancel()
        self.assertTrue(wire.aborted)
        rig.clock.advance(0)
        self.assertEqual((len(hearing.events), rig.backend.running), (heard, 0))
        self.assertEqual(rig.clock.getDelayedCalls(), [])

    def test_cancelled_at_any_moment_nothing_is_left(self) -> None:
        for moment in ("begun", "connecting", "asked", "answered", "refused", "waiting"):
            rig = Rig()
            hearing = Hearing()
            handle = rig.backend.begin(TURN, hearing)
            wire = None
            if moment != "begun":
                rig.clock.advance(0)
            if moment in ("asked", "answered", "refused"):
                wire = rig.accept()
            if moment == "answered":
                wire.head()  # type: ignore[union-attr]
            if moment == "refused":
                wire.head(500)  # type: ignore[union-attr]
            if moment == "waiting":
                rig.refuse()
            handle.cancel()
            rig.clock.advance(1000)
            self.assertTrue(wire is None or wire.aborted, moment)
            self.assertEqual((hearing.events, rig.backend.running), ([], 0), moment)
            self.assertLessEqual(rig.wanted, 1, moment)
            self.assertEqual(rig.clock.getDelayedCalls(), [], moment)

    def test_held_it_reads_no_more_until_it_is_released(self) -> None:
        _, hearing, wire, handle = self.reading()
        handle.hold()
        self.assertEqual(wire.producerState, "paused")
        handle.release()
        self.assertEqual(wire.producerState, "producing")
        wire.chunk(LO)
        self.assertEqual(hearing.text, "Hello")

    def test_held_before_there_is_an_answer_it_is_held_when_it_comes(self) -> None:
        rig = Rig()
        _, handle = rig.begin()
        handle.hold()
        wire = rig.accept()
        wire.head()
        self.assertEqual(wire.producerState, "paused")
        handle.release()
        self.assertEqual(wire.producerState, "producing")

    def test_while_it_is_held_silence_is_nobodys_fault(self) -> None:
        rig, hearing, _, handle = self.reading()
        handle.hold()
        rig.clock.advance(500)
        self.assertFalse(hearing.over)
        handle.release()
        rig.clock.pump([60, 61])
        self.assertEqual(hearing.kind, "idle")


class DeadlineTests(SynchronousTestCase):
    SETTINGS = evolve(SETTINGS, first_event_seconds=20.0, idle_seconds=5.0, total_seconds=60.0, retries=0)

    def test_an_upstream_that_does_not_begin_is_cut(self) -> None:
        for begin in (False, True):
            rig = Rig(self.SETTINGS)
            hearing, _ = rig.begin()
            wire = rig.accept()
            if begin:
                wire.head()
            rig.clock.advance(19)
            self.assertFalse(hearing.over)
            rig.clock.advance(1)
            self.assertEqual((hearing.kind, wire.aborted), ("no_first_event", True))
            self.assertEqual(rig.counted("watchdog_no_first_event"), 1)

    def test_one_that_drips_bytes_and_pings_but_no_events_is_cut(self) -> None:
        rig = Rig(self.SETTINGS)
        hearing, _ = rig.begin()
        wire = rig.accept()
        wire.head()
        wire.chunk(HEL)
        for piece in (b"d", b"a", b": ping\n\n", b"t", b"a"):
            self.assertFalse(hearing.over)
            wire.chunk(piece)
            rig.clock.advance(1)
        self.assertEqual((hearing.kind, wire.aborted), ("idle", True))

    def test_one_that_speaks_is_given_time(self) -> None:
        rig = Rig(self.SETTINGS)
        hearing, _ = rig.begin()
        wire = rig.accept()
        wire.head()
        for _ in range(14):
            rig.clock.advance(4)
            wire.chunk(HEL)
        self.assertFalse(hearing.over)
        rig.clock.advance(4)
        self.assertEqual(hearing.kind, "too_long")

    def test_an_answer_that_has_all_but_its_end_is_whole(self) -> None:
        rig = Rig(self.SETTINGS)
        hearing, _ = rig.begin()
        wire = rig.accept()
        wire.head()
        wire.chunk(HEL + frames(chunk({}, "stop")))
        rig.clock.advance(5)
        self.assertEqual((hearing.text, hearing.events[-1]), ("Hel", e.Ended("stop")))


class FailureTests(SynchronousTestCase):
    def test_a_cut_after_the_first_byte_is_told_and_not_repeated(self) -> None:
        for clean in (True, False):
            rig = Rig()
            hearing, _ = rig.begin()
            wire = rig.accept()
            wire.head()
            wire.chunk(HEL)
            wire.leave(clean)
            self.assertEqual((hearing.text, hearing.kind), ("Hel", "stream_cut"))
            rig.clock.advance(100)
            self.assertEqual(rig.wanted, 1)

    def test_what_fails_before_the_first_byte_is_repeated_and_then_told(self) -> None:
        rig = Rig()
        hearing, _ = rig.begin()
        for wait in (0.5, 1.0):
            rig.refuse()
            self.assertEqual(hearing.events, [])
            rig.clock.advance(wait - 0.01)
            wanted = rig.wanted
            rig.clock.advance(0.01)
            self.assertEqual(rig.wanted, wanted + 1)
        rig.refuse()
        self.assertEqual((hearing.kind, rig.counted("upstream_repeated")), ("unreachable", 2.0))

    def test_a_second_try_that_goes_well_is_all_the_client_sees(self) -> None:
        failures = (
            lambda wire: wire.answer(b"{}", 503),
            lambda wire: wire.answer(frames(chunk({"role": "assistant"}), {"error": {"code": 502}})),
            lambda wire: wire.answer(b""),
            lambda wire: wire.say(b"HTTP/1.1 2oo OK\r\n\r\n"),
            lambda wire: wire.leave(),
        )
        for fail in failures:
            rig = Rig()
            hearing, _ = rig.begin()
            fail(rig.accept())
            rig.clock.advance(0.5)
            rig.accept().answer(HEL + LO)
            self.assertEqual(hearing.text, "Hello")
            self.assertEqual(hearing.events[0], e.Began())

    def test_retry_after_is_waited_for_and_passed_on(self) -> None:
        rig = Rig(evolve(SETTINGS, retries=1))
        hearing, _ = rig.begin()
        rig.accept().answer(LIMITED, 429, "retry-after: 3")
        rig.clock.advance(2.9)
        self.assertEqual(rig.counted("upstream_repeated"), 1)
        rig.clock.advance(0.1)
        rig.accept().answer(LIMITED, 429, "retry-after: Wed, 21 Oct 2015 07:28:09 GMT")
        (failed,) = hearing.events
        assert isinstance(failed, e.Failed)
        self.assertEqual((failed.fault.kind, failed.fault.retry_after_seconds), ("rate_limited", 9.0))

    def test_a_wait_that_is_too_long_is_left_to_the_client(self) -> None:
        rig = Rig()
        hearing, _ = rig.begin()
        rig.accept().answer(LIMITED, 429, "retry-after: 60")
        self.assertEqual(hearing.kind, "rate_limited")

    def test_what_is_wrong_with_the_request_is_told_at_once(self) -> None:
        for status, kind in ((400, "invalid_prompt"), (401, "model_refused_us"), (404, "model_refused_us")):
            rig = Rig()
            hearing, _ = rig.begin()
            rig.accept().answer(json.encode({"error": {"message": "no"}}), status)
            self.assertEqual(hearing.kind, kind)

    def test_redirects_are_not_followed_for_they_would_carry_the_key_away(self) -> None:
        rig = Rig(evolve(SETTINGS, retries=0))
        hearing, _ = rig.begin()
        rig.accept().answer(b"", 307, "location: http://elsewhere.example/")
        self.assertEqual((hearing.kind, rig.wanted), ("model_refused_us", 1))

    def test_an_error_without_an_end_is_read_so_far_and_no_further(self) -> None:
        rig = Rig(evolve(SETTINGS, retries=0))
        hearing, _ = rig.begin()
        wire = rig.accept()
        wire.head(500)
        wire.chunk(b"x" * 70_000)
        self.assertEqual((hearing.kind, wire.aborted), ("model_failed", True))

    def test_an_answer_that_is_too_large_is_cut(self) -> None:
        rig = Rig(evolve(SETTINGS, max_answer_bytes=1000))
        hearing, _ = rig.begin()
        wire = rig.accept()
        wire.head()
        for _ in range(20):
            wire.chunk(HEL)
        self.assertEqual((hearing.kind, wire.aborted), ("model_failed", True))

    def test_an_event_that_is_too_large_is_cut(self) -> None:
        rig = Rig(evolve(SETTINGS, max_event_bytes=100, retries=0))
        hearing, _ = rig.begin()
        wire = rig.accept()
        wire.head()
        wire.chunk(b"data: " + b"x" * 200)
        wire.chunk(b"\n\n")
        self.assertEqual((hearing.kind, wire.aborted), ("model_failed", True))

    def test_an_upstream_that_others_found_broken_meanwhile_is_not_asked_again(self) -> None:
        rig = Rig(evolve(SETTINGS, breaker_failures=2))
        first, _ = rig.begin()
        rig.refuse()
        second, _ = rig.begin()
        rig.refuse()
        rig.clock.advance(10)
        self.assertEqual((first.kind, second.kind, rig.wanted), ("unreachable", "unreachable", 2))
        self.assertEqual(rig.backend.running, 0)

    def test_a_defect_of_ours_costs_one_answer_and_is_told(self) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError

        for method in ("receive", "close"):
            rig = Rig()
            hearing, _ = rig.begin()
            wire = rig.accept()
            wire.head()
            wire.chunk(HEL)
            patch = self.patch(Translator, method, broken)
            wire.chunk(HEL)
            if method == "close":
                wire.leave()
            patch.restore()
            self.assertEqual((hearing.kind, rig.counted("internal_error")), ("internal", 1))
            self.assertEqual(len(self.flushLoggedErrors()), 0)
            self.assertEqual(rig.backend.running, 0)

    def test_a_request_that_cannot_even_be_made_is_told(self) -> None:
        rig = Rig(evolve(SETTINGS, retries=0))
        self.patch(rig.client, "ask", lambda *_: 1 / 0)
        hearing, _ = rig.begin()
        self.assertEqual(hearing.kind, "unreachable")
