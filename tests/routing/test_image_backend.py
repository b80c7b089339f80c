"""Tests of codexd.routing.image_backend."""

import gc
from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IImageLoader, IModelBackend, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.turn import ImagePart, Message, TextPart, ToolCall, ToolResult, Turn
from codexd.observe.metrics import Metrics
from codexd.policy.image_urls import failure, refusal
from codexd.routing.fallback import Attempt, FallbackRunner
from codexd.routing.image_backend import ImageLoading, InlineImagesBackend
from codexd.settings import Images
from tests.routing.test_fallback import EventRecorder
from tests.support.contexts import context
from tests.support.fake_backend import FakeBackend, text_answer
from tests.support.fake_image_loader import FakeImageLoader
from tests.support.limited_backend import context_of
from tests.support.metric_samples import metric

A, B, C, D = (f"https://a.org/{name}" for name in "abcd")


def turn(*urls: str, **more: Any) -> Turn:
    parts = (ImagePart(url, path=f"messages[0].content[{index}]") for index, url in enumerate(urls))
    return Turn(model="m", items=(Message(role="user", parts=(TextPart("see"), *parts)),), principal="me", **more)


def urls(asked: Turn) -> list[str]:
    return [part.url for item in asked.items for part in getattr(item, "parts", ()) if isinstance(part, ImagePart)]


class InlineImagesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.build()

    def build(self, **settings: Any) -> None:
        self.model, self.loader, self.clock = FakeBackend(), FakeImageLoader(), Clock()
        self.metrics, self.sink = Metrics(), EventRecorder()
        self.checks: list[Fault | None] = []
        loading = ImageLoading(loader=self.loader, settings=Images(**settings), clock=self.clock, metrics=self.metrics)
        self.backend = InlineImagesBackend(self.model, self.check, loading)

    def check(self, asked: Turn) -> None:
        refused = self.checks.pop(0) if self.checks else None
        if refused is not None:
            raise FaultError(refused)

    def begin(self, asked: Turn, deadline: float | None = None) -> ITurnHandle:
        return self.backend.begin(asked, context(deadline=deadline), self.sink)

    def refused(self, asked: Turn) -> Fault:
        found = self.assertRaises(FaultError, self.begin, asked).fault
        self.assertEqual((self.model.turns, self.loader.loads, self.sink.events), ([], {}, []))
        return found

    def failed(self) -> Fault:
        (event,) = self.sink.events
        assert isinstance(event, e.Failed)
        self.assertEqual((self.model.turns, self.sink.settle_count), ([], 1))
        self.assertEqual(metric(self.metrics, "codexd_requests_waiting_for_images"), 0)
        return event.fault

    def arrive(self, *wanted: str) -> None:
        for url in wanted:
            self.loader.loads[url].callback(f"data:image/png;base64,{url[-1] * 4}")

    def test_it_implements_the_interfaces(self) -> None:
        self.assertTrue(verifyObject(IModelBackend, self.backend))
        self.assertTrue(verifyObject(IImageLoader, self.loader))
        self.assertTrue(verifyObject(ITurnHandle, self.begin(turn(A))))
        self.assertEqual(self.backend.models(), self.model.models())
        self.assertTrue(self.backend.ready())

    def test_a_turn_without_images_by_url_is_passed_on_as_it_is(self) -> None:
        for asked in (turn(), turn("data:image/png;base64,AA")):
            self.begin(asked)
            self.assertIs(self.model.turns[-1].turn, asked)
            self.assertIs(self.model.turns[-1].sink, self.sink)

    def test_the_turn_begins_once_all_its_images_are_there(self) -> None:
        asked = turn(A, B, A)
        handle = self.begin(evolve(asked, ignored=("x",)))
        self.assertEqual((list(self.loader.loads), handle.ignored), ([A, B], ("x",)))
        self.assertEqual(metric(self.metrics, "codexd_requests_waiting_for_images"), 1)
        self.arrive(B)
        self.assertEqual(self.model.turns, [])
        self.arrive(A)
        (begun,) = self.model.turns
        one, two = "data:image/png;base64,aaaa", "data:image/png;base64,bbbb"
        self.assertEqual(urls(begun.turn), [one, two, one])
        self.assertEqual(urls(asked), [A, B, A])
        self.assertEqual(metric(self.metrics, "codexd_requests_waiting_for_images"), 0)
        self.model.ignored = ("y",)
        begun.emit(*text_answer())
        self.assertEqual(self.sink.events, list(text_answer()))

    def test_images_of_tool_results_are_loaded_too(self) -> None:
        call = ToolCall(call_id="c", name="f", arguments="{}")
        self.begin(Turn(model="m", items=(call, ToolResult("c", (ImagePart(A),)))))
        self.arrive(A)
        self.assertEqual(urls(self.model.turns[0].turn), ["data:image/png;base64,aaaa"])

    def test_what_the_back_end_sends_inside_begin_is_settled(self) -> None:
        self.model.immediate_events = text_answer()
        self.begin(turn(A))
        self.arrive(A)
        self.assertEqual((len(self.sink.events), self.sink.settle_count), (len(text_answer()), 1))

    def test_with_all_images_in_the_cache_the_turn_begins_at_once(self) -> None:
        self.loader.cached = {("me", A): "data:1"}
        handle = self.begin(turn(A))
        self.assertIs(handle, self.model.turns[0])
        self.assertEqual(urls(self.model.turns[0].turn), ["data:1"])
        self.assertEqual((self.sink.settle_count, metric(self.metrics, "codexd_image_cache_hits_total")), (0, 1))

    def test_only_missing_images_are_fetched(self) -> None:
        self.loader.cached = {("me", A): "data:1", ("other", B): "data:2"}
        self.begin(turn(A, B))
        self.assertEqual(list(self.loader.loads), [B])

    def test_a_few_images_are_loaded_at_once(self) -> None:
        self.build(concurrent_fetches=2)
        self.begin(turn(A, B, C))
        self.assertEqual(list(self.loader.loads), [A, B])
        self.arrive(A)
        self.assertEqual(list(self.loader.loads), [A, B, C])

    # Refused before anything is started.

    def test_a_refused_url_is_an_error_with_its_field(self) -> None:
        self.loader.refusals = {B: refusal("a.org", "port", "m")}
        found = self.refused(turn(A, B))
        self.assertEqual((found.kind, found.param), ("image_refused", "messages[0].content[1]"))

    def test_too_many_images_are_refused(self) -> None:
        self.build(request_limit=1)
        self.assertEqual(self.refused(turn(A, B)).param, "messages[0].content[1]")
        self.build(conversation_limit=1)
        self.assertEqual(self.refused(turn(A, B)).param, "messages[0].content[1]")
        self.assertEqual(metric(self.metrics, "codexd_images_refused_total"), 1)

    def test_nothing_is_fetched_for_a_turn_that_the_back_end_refuses(self) -> None:
        self.checks = [fault("unknown_model")]
        self.assertEqual(self.refused(turn(A)).kind, "unknown_model")

    def test_the_number_of_waiting_requests_is_limited(self) -> None:
        self.build(waiting_requests=1)
        self.begin(turn(A))
        self.begin(turn(B))
        self.assertEqual(list(self.loader.loads), [A])
        self.arrive(A)
        self.clock.advance(0)
        self.arrive(B)
        self.assertEqual(len(self.model.turns), 2)

    def test_keys_wait_in_turn(self) -> None:
        self.build(waiting_requests=1)
        for principal, url in (("a", A), ("a", B), ("a", D), ("b", C)):
            self.backend.begin(evolve(turn(url), principal=principal), context_of(principal), EventRecorder())
        for _ in range(3):
            self.arrive(list(self.loader.loads)[-1])
            self.clock.advance(0)
        self.assertEqual(list(self.loader.loads), [A, B, C, D])

    def test_who_waits_too_long_is_refused(self) -> None:
        self.build(waiting_requests=1)
        self.begin(turn(A))
        self.begin(turn(B))
        self.clock.advance(10)
        (event,) = self.sink.events
        assert isinstance(event, e.Failed)
        self.assertEqual((event.fault.kind, list(self.loader.loads)), ("busy", [A]))

    # Failures while the images are loaded.

    def test_the_first_failure_ends_the_other_loads(self) -> None:
        self.build(concurrent_fetches=2)
        self.begin(turn(A, B, C))
        self.loader.loads[B].errback(FaultError(failure("a.org", "timeout", "m")))
        found = self.failed()
        self.assertEqual((found.kind, found.param), ("image_failed", "messages[0].content[1]"))
        self.assertEqual((self.loader.cancelled, list(self.loader.loads)), ([A], [A, B]))

    def test_the_total_size_is_limited_whether_cached_or_not(self) -> None:
        self.build(conversation_bytes=30)
        self.begin(turn(A, B))
        self.arrive(A, B)
        found = self.failed()
        self.assertEqual((found.kind, found.param), ("image_too_large", "messages[0].content[1]"))
        self.loader.cached = {("me", A): "data:" + "x" * 40}
        self.loader.loads.clear(), self.sink.events.clear()
        self.assertEqual(self.refused(turn(A)).kind, "image_too_large")

    def test_a_refusal_of_the_back_end_after_the_fetch_is_a_failure(self) -> None:
        self.model.begin_errors = [fault("busy")]
        self.begin(turn(A))
        self.arrive(A)
        self.assertEqual(self.failed().kind, "busy")

    def test_a_defect_of_the_back_end_is_an_internal_failure(self) -> None:
        self.model.begin_errors = [ValueError("x")]
        self.begin(turn(A))
        self.arrive(A)
        self.assertEqual(self.failed().kind, "internal")

    def test_the_deadline_of_the_request_applies(self) -> None:
        self.begin(turn(A), deadline=5.0)
        self.clock.advance(4.9)
        self.assertEqual(self.sink.events, [])
        self.clock.advance(0.1)
        self.assertEqual((self.failed().kind, self.loader.cancelled), ("too_long", [A]))

    def test_no_timer_is_left_when_the_images_are_there(self) -> None:
        self.begin(turn(A), deadline=5.0)
        self.arrive(A)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_busy_back_end_is_replaced_by_its_fallback_with_the_clients_urls(self) -> None:
        self.model.begin_errors = [fault("busy")]
        second, asked = FakeBackend(), turn(A)
        attempts = (
            Attempt(lambda sink: self.backend.begin(asked, context(), sink)),
            Attempt(lambda sink: second.begin(asked, context(), sink)),
        )
        runner = FallbackRunner(attempts, self.sink, lambda _: None, "id")
        runner.begin()
        self.arrive(A)
        self.assertEqual(urls(second.turns[0].turn), [A])

    # The handle.

    def test_a_client_that_disconnects_cancels_the_loads(self) -> None:
        handle = self.begin(turn(A, B))
        handle.cancel()
        handle.cancel()
        self.assertEqual((self.loader.cancelled, self.sink.events, self.sink.settle_count), ([A, B], [], 0))
        self.assertEqual(metric(self.metrics, "codexd_requests_waiting_for_images"), 0)

    def test_no_load_takes_the_place_of_one_that_is_cancelled(self) -> None:
        self.build(concurrent_fetches=1)
        self.begin(turn(A, B)).cancel()
        self.assertEqual(list(self.loader.loads), [A])
        self.begin(turn(A, B), deadline=1.0)
        self.clock.advance(1.0)
        self.assertEqual(list(self.loader.loads), [A])

    def test_a_turn_that_is_never_continued_can_be_collected(self) -> None:
        self.begin(turn(A, B))
        self.build()
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_once_begun_the_handle_is_the_back_ends(self) -> None:
        self.model.ignored = ("y",)
        handle = self.begin(turn(A))
        handle.pause()
        self.arrive(A)
        handle.resume()
        handle.cancel()
        self.assertEqual(self.model.turns[0].actions, ["pause", "resume", "cancel"])
        self.assertEqual(handle.ignored, ("y",))

    def test_a_pause_that_was_lifted_in_time_has_no_effect(self) -> None:
        handle = self.begin(turn(A))
        handle.pause()
        handle.resume()
        self.arrive(A)
        self.assertEqual(self.model.turns[0].actions, [])
