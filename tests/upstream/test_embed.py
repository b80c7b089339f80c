"""Embeddings of an upstream, over a connection in memory."""

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IEmbedder
from codexd.neutral.fault import Fault, Refused
from codexd.wire import json
from tests.support.upstream import SETTINGS, Rig, Wire

ANSWER = b'{"object":"list","data":[{"index":0,"embedding":[0.5, -1e-9]}]}'
CUT = ("connection: close",)


def written(model: str) -> bytes:
    """Write a request under the upstream's own name for the model."""
    return json.encode({"model": model, "input": "text"})


class EmbedTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.rig = Rig(evolve(SETTINGS, breaker_failures=2, breaker_seconds=30.0, first_event_seconds=5.0))

    def ask(self, model: str = "m") -> "Deferred[bytes]":
        return self.rig.backend.embed(model, written)

    def refused(self, answer: Callable[[Wire], Any]) -> Fault:
        """Give what becomes of an answer."""
        asked = self.ask()
        answer(self.rig.accept())
        return self.failed(asked)

    def failed(self, asked: "Deferred[bytes]") -> Fault:
        """Give why it failed."""
        found: Fault = self.failureResultOf(asked, Refused).value.fault
        return found

    def outcome(self, name: str) -> float:
        """Give how many ended so."""
        return self.rig.figure(f'upstream_requests_total{{outcome="{name}",upstream="up"}}')


class EmbedTests(EmbedTestCase):
    def test_it_gives_embeddings(self) -> None:
        self.assertTrue(verifyObject(IEmbedder, self.rig.backend))

    def test_the_answer_comes_back_byte_for_byte(self) -> None:
        asked = self.ask()
        wire = self.rig.accept()
        self.assertTrue(wire.head_sent.startswith(b"post /v1/embeddings http/1.1\r\n"))
        self.assertIn(b"authorization: bearer sk-secret", wire.head_sent)
        self.assertNoResult(asked)
        wire.answer(ANSWER)
        self.assertEqual(self.successResultOf(asked), ANSWER)
        self.assertEqual(self.outcome("ok"), 1)

    def test_the_upstream_is_asked_by_its_own_name_for_the_model(self) -> None:
        self.rig = Rig(evolve(SETTINGS, prefix="up/", models=("small=bge:small",), any=False))
        self.ask("up/small")
        self.assertEqual(self.rig.accept().asked, {"model": "bge:small", "input": "text"})

    def test_a_model_it_does_not_offer_is_refused_at_once_and_costs_nothing(self) -> None:
        self.rig = Rig(evolve(SETTINGS, models=("small",), any=False))
        refused = self.assertRaises(Refused, self.ask, "large").fault
        self.assertEqual((refused.kind, refused.param, self.rig.wanted), ("unknown_model", "model", 0))

    def test_its_refusals_are_told_as_what_they_are_with_when_to_ask_again(self) -> None:
        told = json.encode({"error": {"message": "input is too odd", "type": "invalid_request_error"}})
        for status, kind, http_status in (
            (400, "invalid_prompt", 400),
            (401, "model_refused_us", 502),
            (404, "model_refused_us", 502),
            (429, "rate_limited", 429),
            (500, "model_failed", 502),
            (503, "overloaded", 503),
        ):
            found = self.refused(
                lambda wire, status=status: wire.answer(told, status, "retry-after: 9", *CUT)
            )
            self.assertEqual((found.kind, found.status), (kind, http_status))
            self.assertEqual((found.retry_after_seconds, self.outcome(kind) > 0), (9.0, True))
            self.assertEqual("odd" in found.message, kind == "invalid_prompt")
            self.rig.clock.advance(30)

    def test_what_is_no_json_is_no_answer(self) -> None:
        for answer in (
            lambda wire: wire.answer(b"<html>", 200, *CUT),
            lambda wire: wire.answer(b"", 200, *CUT),
            lambda wire: (wire.head(), wire.chunk(ANSWER[:20]), wire.leave(clean=False)),
            lambda wire: wire.say(b"what?\r\n\r\n"),
        ):
            self.assertEqual(self.refused(answer).kind, "model_failed")
            self.rig.clock.advance(30)

    def test_more_than_it_may_send_is_cut(self) -> None:
        self.rig = Rig(evolve(SETTINGS, max_answer_bytes=1000))
        asked = self.ask()
        wire = self.rig.accept()
        wire.head()
        wire.chunk(b"[" + b"1," * 600)
        self.assertEqual((self.failed(asked).kind, wire.aborted), ("model_failed", True))

    def test_one_that_cannot_be_reached(self) -> None:
        asked = self.ask()
        self.rig.refuse()
        self.assertEqual(self.failed(asked).kind, "unreachable")

    def test_silence_is_cut_before_the_head_and_after_it(self) -> None:
        for begin, kind in (
            (lambda wire: None, "no_first_event"),
            (lambda wire: (wire.head(), wire.chunk(b"[")), "idle"),
        ):
            asked = self.ask()
            wire = self.rig.accept()
            begin(wire)
            self.rig.clock.advance(4.9)
            self.assertNoResult(asked)
            self.rig.clock.advance(0.1)
            self.assertEqual((self.failed(asked).kind, wire.aborted), (kind, True))


class BreakerTests(EmbedTestCase):
    def test_a_failure_counts_against_the_upstream_as_an_answers_does(self) -> None:
        for healthy in (True, False):
            self.refused(lambda wire: wire.answer(b"{}", 500, *CUT))
            self.assertEqual(self.rig.backend.ready(), healthy)
        found = self.failed(self.ask())
        self.assertEqual((found.kind, found.retry_after_seconds, self.rig.wanted), ("unreachable", 30.0, 2))
        self.rig.clock.advance(30)
        asked = self.ask()
        self.rig.accept().answer(ANSWER)
        self.assertEqual((self.successResultOf(asked), self.rig.backend.ready()), (ANSWER, True))

    def test_a_request_that_is_wrong_does_not(self) -> None:
        for _ in range(3):
            self.refused(lambda wire: wire.answer(b"{}", 400, *CUT))
        self.assertTrue(self.rig.backend.ready())

    def test_a_client_that_leaves_cuts_the_connection_and_says_nothing_of_the_upstream(self) -> None:
        for begin in (lambda wire: None, lambda wire: (wire.head(), wire.chunk(b"["))):
            asked = self.ask()
            wire = self.rig.accept()
            begin(wire)
            asked.cancel()
            self.failureResultOf(asked, CancelledError)
            self.rig.clock.advance(0)
            self.assertEqual((wire.aborted, self.rig.backend.ready()), (True, True))
        self.assertEqual(self.outcome("cancelled"), 2)
        self.assertEqual(self.rig.clock.getDelayedCalls(), [])

    def test_a_probe_whose_client_leaves_makes_room_for_another(self) -> None:
        for _ in range(2):
            self.refused(lambda wire: wire.answer(b"{}", 500, *CUT))
        self.rig.clock.advance(30)
        asked = self.ask()
        self.rig.accept()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertTrue(self.rig.backend.ready())
