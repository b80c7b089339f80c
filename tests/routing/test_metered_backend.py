"""Tests of the count of tokens by API key, below everything that begins or ends turns on its own."""

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from codexd.context import RequestContext
from codexd.interfaces import IEmbedder, IEventSink, IForwarder, IModelBackend, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.turn import CompactionRequest, Message, TextPart, Turn
from codexd.policy.key_meter import Charge, KeyMeters
from codexd.policy.key_policy import KeyPolicy
from codexd.routing.compaction import CompactingBackend
from codexd.routing.metered_backend import MeteredBackend
from codexd.routing.metered_forwarding import MeteredEmbedder, MeteredForwarder
from codexd.routing.tool_backends import ToolTextBackend
from codexd.settings import Tools
from tests.support.contexts import context
from tests.support.fake_backend import BEGINNING, USAGE, FakeBackend, FakeTurn, text_answer
from tests.support.recording_sink import RecordingSink

TURN = Turn(model="m", items=(Message(role="user", parts=(TextPart("x" * 40),)),))


class MeteredBackendTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.fake = FakeBackend()
        meters = KeyMeters(lambda: 0.0, lambda: 0.0)
        meters.apply([KeyPolicy(name="alice")])
        meter = meters.find("alice")
        assert meter is not None
        self.meter = meter
        self.context = evolve(context(), charge=Charge(meter))
        self.sink = RecordingSink()

    @property
    def spent(self) -> int:
        return self.meter.budgets[0].spent

    def begin(self, backend: IModelBackend | None = None, turn: Turn = TURN) -> ITurnHandle:
        handle: ITurnHandle = (backend or MeteredBackend(self.fake)).begin(turn, self.context, self.sink)
        return handle

    def last(self) -> FakeTurn:
        return self.fake.turns[-1]

    def test_it_is_a_back_end_and_its_turns_are_sinks_and_handles(self) -> None:
        verifyObject(IModelBackend, MeteredBackend(self.fake))
        verifyObject(IEmbedder, MeteredEmbedder(self.fake))
        verifyObject(IForwarder, MeteredForwarder(self.fake))
        handle = self.begin()
        verifyObject(ITurnHandle, handle)
        verifyObject(IEventSink, self.last().sink)
        handle.pause()
        handle.resume()
        handle.cancel()
        self.assertEqual(self.last().actions, ["pause", "resume", "cancel"])

    def test_a_turn_of_a_key_without_a_name_is_charged_to_its_record(self) -> None:
        request = context()
        handle = MeteredBackend(self.fake).begin(TURN, request, self.sink)
        self.last().emit(*BEGINNING)
        handle.cancel()
        MeteredBackend(self.fake).begin(TURN, request, RecordingSink())
        self.last().emit(*text_answer())
        estimated, counted = (charge.usage for charge in request.record.charges)
        self.assertEqual((estimated.estimated, counted), (True, USAGE))

    def test_the_reported_usage_counts_once(self) -> None:
        handle = self.begin()
        self.last().emit(*text_answer())
        handle.cancel()
        self.assertEqual(self.spent, USAGE.total_tokens)

    def test_an_end_without_a_usage_is_an_estimate(self) -> None:
        self.begin()
        *events, _, end = text_answer("ä" * 8)
        self.last().emit(*events, end)
        self.assertEqual(self.spent, 10 + 4)

    def test_a_turn_that_waits_for_its_back_end_is_free(self) -> None:
        self.context.record.set_backend("codex")
        self.begin().cancel()
        self.assertEqual(self.spent, 0)

    def test_a_turn_that_was_sent_costs_its_input_before_its_first_event(self) -> None:
        handle = self.begin()
        self.last().context.note_sent()
        handle.cancel()
        self.assertEqual(self.spent, 10)

    def test_turns_of_one_request_are_sent_each_for_itself(self) -> None:
        waiting, sent = self.begin(), self.begin()
        self.last().context.note_sent()
        for handle in (waiting, sent):
            handle.cancel()
        self.assertEqual(self.spent, 10)

    def test_attempts_that_failed_cost_what_they_reported_and_then_nothing_until_the_next(self) -> None:
        handle = self.begin()
        begun = self.last().context
        assert begun.provider_charge is not None
        for used in (USAGE, None):
            begun.note_sent()
            begun.provider_charge.end_attempt(used)
        handle.cancel()
        self.assertEqual(self.spent, USAGE.total_tokens)

    def test_large_embeddings_are_not_decoded_to_find_their_usage(self) -> None:
        response = b'{"data":[' + b"not decoded," * 2000 + b'],"usage":{"prompt_tokens":7,"total_tokens":7}}'

        @implementer(IEmbedder)
        class Embedder:
            def embed(self, model: str, encode_body: Any, context: RequestContext) -> "Deferred[bytes]":
                return succeed(response)

        embedding = MeteredEmbedder(Embedder()).embed("m", str.encode, self.context)
        self.assertEqual((self.successResultOf(embedding), self.spent), (response, 7))

    def test_a_cancelled_turn_is_counted_once(self) -> None:
        handle = self.begin()
        self.last().emit(*BEGINNING)
        for _ in range(2):
            handle.cancel()
        self.assertEqual(self.spent, 11)

    def test_both_turns_of_a_compaction_count_also_if_the_second_is_cancelled(self) -> None:
        compacting = CompactingBackend(MeteredBackend(self.fake), lambda name: None)
        turn = evolve(TURN, compaction=CompactionRequest(threshold_tokens=1))
        handle = self.begin(compacting, turn)
        self.last().emit(*text_answer("a summary"))
        self.assertEqual((len(self.fake.turns), self.spent), (2, USAGE.total_tokens))
        self.last().emit(*BEGINNING)
        handle.cancel()
        self.assertGreater(self.spent, USAGE.total_tokens)

    def test_a_call_limit_that_ends_a_response_early_does_not_hide_what_was_used(self) -> None:
        tools = ToolTextBackend(MeteredBackend(self.fake), Tools(stop_after="first"), lambda name: None)
        turn = evolve(TURN, calls_as_text=True)
        self.begin(tools, turn)
        opened = e.CallOpened(index=0, id="fc_1", call_id="call_1", name="read")
        self.last().emit(e.Began(), opened, e.CallDelta(0, "{}"), e.CallClosed(0))
        self.assertTrue(self.last().cancelled)
        self.assertEqual(self.spent, 11)
