"""An upstream as a back end: which models, how many at once, when it is left alone."""

from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.dialect import Dialect
from codexd.neutral.fault import Refused
from codexd.neutral.model import ModelCard
from codexd.neutral.turn import AudioPart, Message, TextPart, Turn
from codexd.settings import Upstream
from codexd.upstream.backend import dialect
from codexd.wire import json
from tests.support.chat_upstream import DONE, chunk, frames
from tests.support.upstream import SETTINGS, TURN, Rig, Wire

WHOLE = frames(chunk({"content": "Hello"}), chunk({}, "stop")) + DONE
LISTED = json.encode({"data": [{"id": "small", "created": 7, "owned_by": "me"}]})


class BeginTests(SynchronousTestCase):
    def refused(self, rig: Rig, turn: Turn = TURN) -> Any:
        return self.assertRaises(Refused, rig.begin, turn).fault

    def test_a_name_is_the_upstreams_own_when_it_arrives_there(self) -> None:
        rig = Rig(evolve(SETTINGS, prefix="up/", models=("tiny=tiny:1b",), any=False))
        rig.begin(evolve(TURN, model="up/tiny"))
        self.assertEqual(rig.accept().asked["model"], "tiny:1b")
        self.assertEqual(self.refused(rig, evolve(TURN, model="tiny")).kind, "unknown_model")

    def test_no_more_answers_are_begun_than_it_may_give(self) -> None:
        rig = Rig(evolve(SETTINGS, max_connections=1))
        _, handle = rig.begin()
        self.assertEqual(self.refused(rig).kind, "busy")
        handle.cancel()
        rig.begin()

    def test_what_it_cannot_be_shown_is_refused_and_costs_nothing(self) -> None:
        rig = Rig()
        sound = evolve(TURN, items=(Message("user", (AudioPart("AA==", "wav"),)),))
        self.assertEqual(self.refused(rig, sound).kind, "unsupported")
        self.assertEqual((rig.backend.running, rig.wanted), (0, 0))

    def test_what_was_not_sent_is_named(self) -> None:
        rig = Rig(evolve(SETTINGS, omit=("temperature",)))
        _, handle = rig.begin(evolve(TURN, ignored=("top_k",), sampling=evolve(TURN.sampling, temperature=1)))
        self.assertEqual(handle.ignored, ("top_k", "temperature"))

    def test_a_history_that_is_too_long_loses_its_beginning_if_the_client_wants_that(self) -> None:
        rig = Rig()
        card = ModelCard("m", context_window=1000)
        rig.backend.menu = evolve(rig.backend.menu, listed=(card,))
        said = tuple(Message("user", (TextPart(f"{number} " + "x" * 2000),)) for number in range(4))
        for truncation, shown in (("auto", "3"), ("disabled", "0")):
            rig.begin(evolve(TURN, items=said, truncation=truncation))
            self.assertEqual(rig.accept().asked["messages"][0]["content"][:1], shown)
        self.assertEqual(rig.counted("turn_truncated"), 1)

    def test_settings_say_what_it_can_take(self) -> None:
        able = Upstream("a", "http://x", developer_role=True, images=False, omit=("seed",))
        self.assertEqual(dialect(able), Dialect(developer_role=True, images=False, omit=("seed",)))


class BreakerTests(SynchronousTestCase):
    def broken(self) -> Rig:
        rig = Rig(evolve(SETTINGS, retries=0, breaker_failures=2, breaker_seconds=30.0))
        for _ in range(2):
            hearing, _ = rig.begin()
            rig.refuse()
            self.assertEqual(hearing.kind, "unreachable")
        return rig

    def test_an_upstream_that_keeps_failing_is_left_alone(self) -> None:
        rig = self.broken()
        self.assertFalse(rig.backend.ready())
        refused = self.assertRaises(Refused, rig.begin).fault
        self.assertEqual((refused.kind, refused.retry_after_seconds), ("unreachable", 30.0))
        self.assertEqual((rig.wanted, rig.counted("upstream_left_alone")), (2, 1.0))

    def test_the_figures_tell_how_answers_ended_and_whether_it_is_asked(self) -> None:
        rig = self.broken()
        ended = 'upstream_requests_total{{outcome="{}",upstream="up"}}'.format
        self.assertEqual((rig.figure(ended("unreachable")), rig.figure('upstream_up{upstream="up"}')), (2, 0))
        rig.clock.advance(30)
        rig.begin()
        rig.accept().answer(WHOLE)
        rig.begin()[1].cancel()
        self.assertEqual((rig.figure(ended("ok")), rig.figure(ended("cancelled"))), (1, 1))
        self.assertEqual(rig.figure('upstream_up{upstream="up"}'), 1)

    def test_one_request_tries_it_again_and_opens_it_to_all(self) -> None:
        rig = self.broken()
        rig.clock.advance(30)
        self.assertTrue(rig.backend.ready())
        hearing, _ = rig.begin()
        self.assertRaises(Refused, rig.begin)
        rig.accept().answer(WHOLE)
        self.assertEqual(hearing.text, "Hello")
        rig.begin()

    def test_a_probe_that_is_cancelled_makes_room_for_another(self) -> None:
        rig = self.broken()
        rig.clock.advance(30)
        rig.begin()[1].cancel()
        rig.begin()

    def test_a_request_it_cannot_bear_is_held_against_it_once_however_often_it_was_made(self) -> None:
        rig = Rig(evolve(SETTINGS, retries=2, breaker_failures=2))
        for healthy in (True, False):
            hearing, _ = rig.begin()
            for _ in range(3):
                rig.accept().answer(b"{}", 500, "connection: close")
                rig.clock.advance(10)
            self.assertEqual((hearing.kind, rig.backend.ready()), ("model_failed", healthy))

    def test_a_refused_request_is_not_held_against_it(self) -> None:
        rig = Rig(evolve(SETTINGS, breaker_failures=1))
        for status in (400, 401, 404, 429):
            rig.begin()
            rig.accept().answer(b"{}", status, "retry-after: 60")
            self.assertTrue(rig.backend.ready(), status)


class ListTests(SynchronousTestCase):
    def refresh(self, rig: Rig, answer: Any) -> None:
        done = Deferred.fromCoroutine(rig.backend.refresh())
        answer(rig.accept())
        self.successResultOf(done)

    def test_its_list_is_read(self) -> None:
        rig = Rig(evolve(SETTINGS, prefix="up/"))
        self.assertEqual(rig.backend.models(), ())
        asked: list[Wire] = []
        self.refresh(rig, lambda wire: (asked.append(wire), wire.answer(LISTED)))
        self.assertEqual(rig.backend.models(), (ModelCard("up/small", 7, "me"),))
        self.assertTrue(asked[0].head_sent.startswith(b"get /v1/models http/1.1"))
        self.assertIn(b"authorization: bearer sk-secret", asked[0].head_sent)

    def test_a_list_that_cannot_be_read_leaves_the_last(self) -> None:
        rig = Rig()
        self.refresh(rig, lambda wire: wire.answer(LISTED))
        listed = rig.backend.models()
        self.refresh(rig, lambda wire: wire.answer(b"<html>", 502, "connection: close"))
        self.refresh(rig, lambda wire: wire.answer(b"<html>"))
        self.refresh(rig, lambda wire: (wire.leave(), rig.refuse()))
        self.assertEqual(rig.backend.models(), listed)

    def test_one_that_was_not_up_yet_is_asked_again_soon(self) -> None:
        rig = Rig()
        self.assertTrue(rig.backend.list_due)
        done = Deferred.fromCoroutine(rig.backend.refresh())
        rig.refuse()
        self.successResultOf(done)
        rig.clock.advance(9)
        self.assertFalse(rig.backend.list_due)
        rig.clock.advance(1)
        self.assertTrue(rig.backend.list_due)
        self.refresh(rig, lambda wire: wire.answer(LISTED))
        rig.clock.advance(299)
        self.assertFalse(rig.backend.list_due)
        rig.clock.advance(1)
        self.assertTrue(rig.backend.list_due)

    def test_until_it_has_listed_its_models_it_is_not_ready_to_answer(self) -> None:
        for status, ready in ((200, True), (404, True), (503, False)):
            rig = Rig(evolve(SETTINGS, any=False))
            self.assertFalse(rig.backend.ready())
            self.assertEqual(self.assertRaises(Refused, rig.begin).fault.kind, "not_ready")
            self.refresh(rig, lambda wire, status=status: wire.answer(LISTED, status))
            refused = self.assertRaises(Refused, rig.begin).fault.kind
            expected = "unknown_model" if ready else "not_ready"
            self.assertEqual((rig.backend.ready(), refused), (ready, expected))

    def test_one_that_gives_no_list_is_not_bothered(self) -> None:
        rig = Rig()
        for status in (401, 404):
            done = Deferred.fromCoroutine(rig.backend.refresh())
            rig.accept().answer(b"{}", status, "connection: close")
            self.successResultOf(done)
            rig.clock.advance(10)
            self.assertFalse(rig.backend.list_due)

    def test_a_list_that_never_comes_is_not_waited_for(self) -> None:
        rig = Rig()
        for begin in (lambda wire: None, lambda wire: wire.head()):
            done = Deferred.fromCoroutine(rig.backend.refresh())
            wire = rig.accept()
            begin(wire)
            rig.clock.advance(31)
            self.successResultOf(done)
            self.assertTrue(wire.aborted)

    def test_a_list_that_nobody_waits_for_any_more_is_no_failure(self) -> None:
        rig = Rig()
        done = Deferred.fromCoroutine(rig.backend.refresh())
        rig.accept()
        done.cancel()
        self.failureResultOf(done, CancelledError)

    def test_the_end_of_the_daemon_cuts_every_answer(self) -> None:
        rig = Rig()
        hearing, _ = rig.begin()
        wire = rig.accept()
        self.successResultOf(Deferred.fromCoroutine(rig.backend.close()))
        self.assertTrue(wire.aborted)
        self.assertEqual((hearing.events, rig.backend.running), ([], 0))
