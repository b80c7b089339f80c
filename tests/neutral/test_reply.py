"""Tests of the fold of an answer's events."""

import attrs
from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import Fold, Reply, fold
from codexd.neutral.turn import Message, Reasoning, RefusalPart, TextPart, ToolCall, WebSearchCall
from tests.support.sentences import broken_sentences, sentences


def halved(events: tuple[e.Event, ...]) -> list[e.Event]:
    """Split every delta in two."""
    result: list[e.Event] = []
    for event in events:
        if isinstance(event, e.Delta):
            middle = len(event.text) // 2
            result.append(attrs.evolve(event, text=event.text[:middle]))
            rest: dict[str, object] = {"text": event.text[middle:]}
            if isinstance(event, e.TextDelta):
                rest["logprobs"] = None
            result.append(attrs.evolve(event, **rest))
        else:
            result.append(event)
    return result


class FoldTests(SynchronousTestCase):
    def test_items_keep_their_order_and_fields(self) -> None:
        usage = e.Usage(input_tokens=3, cached_tokens=1, cache_write_tokens=0, output_tokens=4, reasoning_tokens=2)
        reply = fold(
            (
                e.Began(),
                e.ReasoningOpened(0, "rs"),
                e.SummaryDelta(0, 0, "sum"),
                e.ThoughtDelta(0, 0, "open"),
                e.ReasoningClosed(0, "sealed"),
                e.MessageOpened(1, "msg", "final_answer"),
                e.CallOpened(index=2, id="fc", call_id="call", name="find", kind="custom", namespace="space"),
                e.TextDelta(1, "ha"),
                e.CallDelta(2, "in"),
                e.TextDelta(1, "ha"),
                e.RefusalDelta(1, "no"),
                e.MessageClosed(1, complete=False),
                e.CallDelta(2, "put"),
                e.CallClosed(2),
                e.UsageReported(usage),
                e.Ended("tool_calls"),
            )
        )
        call = ToolCall(call_id="call", name="find", arguments="input", kind="custom", namespace="space", id="fc")
        parts = (TextPart("haha"), RefusalPart("no"))
        items = (
            Reasoning(summary=("sum",), content=("open",), encrypted="sealed", id="rs"),
            Message(role="assistant", parts=parts, phase="final_answer", id="msg", complete=False),
            call,
        )
        self.assertEqual(
            reply, Reply(items=items, finish="tool_calls", usage=usage, fault=None, reasoning=("sum", "open"))
        )
        self.assertEqual(reply.text, "haha")
        self.assertEqual(reply.calls, (call,))

    def test_a_message_with_only_a_refusal_has_no_text_part(self) -> None:
        reply = fold((e.Began(), e.MessageOpened(0, "m"), e.RefusalDelta(0, "no")))
        self.assertEqual(
            reply.items[0], Message(role="assistant", parts=(RefusalPart("no"),), phase=None, id="m", complete=False)
        )

    def test_an_empty_message_has_one_empty_text_part(self) -> None:
        reply = fold((e.Began(), e.MessageOpened(0, "m"), e.MessageClosed(0)))
        self.assertEqual(reply.items[0], Message(role="assistant", parts=(TextPart(""),), phase=None, id="m"))

    def test_reasoning_parts_are_in_the_order_they_began(self) -> None:
        reply = fold(
            (
                e.Began(),
                e.ReasoningOpened(0, "r"),
                e.ReasoningOpened(1, "s"),
                e.ThoughtDelta(1, 0, "a"),
                e.SummaryDelta(0, 0, "b"),
                e.SummaryDelta(1, 0, "c"),
                e.ThoughtDelta(1, 0, "d"),
                e.ThoughtDelta(1, 1, "e"),
            )
        )
        self.assertEqual(reply.reasoning, ("ad", "b", "c", "e"))

    def test_annotations_and_log_probabilities_stay_with_their_text_and_actions_with_their_search(
        self,
    ) -> None:
        reply = fold(
            (
                e.Began(),
                e.SearchOpened(0, "ws"),
                e.SearchClosed(0, '{"type":"search"}'),
                e.SearchOpened(1, "cut"),
                e.MessageOpened(2, "m"),
                e.TextDelta(2, "a", '[{"token":"a"}]'),
                e.Annotated(2, '{"n":1}'),
                e.TextDelta(2, "b"),
                e.TextDelta(2, "c", '[{"token":"c"},{"token":""}]'),
                e.Annotated(2, '{"n":2}'),
                e.MessageClosed(2),
            )
        )
        text = TextPart("abc", ('{"n":1}', '{"n":2}'), '[{"token":"a"},{"token":"c"},{"token":""}]')
        searches = (WebSearchCall("ws", '{"type":"search"}'), WebSearchCall("cut", complete=False))
        self.assertEqual(reply.items, (*searches, Message(role="assistant", parts=(text,), id="m")))
        self.assertEqual(reply.text_parts, (text,))

    def test_an_annotated_refusal_has_a_text_part(self) -> None:
        events = (e.Annotated(0, "{}"), e.RefusalDelta(0, "no"))
        reply = fold((e.Began(), e.MessageOpened(0, "m"), *events))
        parts = (TextPart("", ("{}",)), RefusalPart("no"))
        self.assertEqual(reply.items[0], Message(role="assistant", parts=parts, phase=None, id="m", complete=False))

    def test_a_failure_does_not_remove_the_text(self) -> None:
        failure = fault("stream_cut")
        reply = fold((e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a"), e.Failed(failure)))
        self.assertEqual((reply.text, reply.fault, reply.finish), ("a", failure, None))

    @given(sentences() | broken_sentences())
    def test_the_reply_does_not_depend_on_the_deltas_sizes(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(fold(halved(events)), fold(events))

    @given(sentences())
    def test_no_character_is_lost_or_added(self, events: tuple[e.Event, ...]) -> None:
        length = sum(len(event.text) for event in events if isinstance(event, e.Delta))
        reply = fold(events)
        messages = (item for item in reply.items if isinstance(item, Message))
        parts = (part for item in messages for part in item.parts)
        texts = [part.text for part in parts if isinstance(part, TextPart | RefusalPart)]
        kept = [*texts, *reply.reasoning, *(call.arguments for call in reply.calls)]
        self.assertEqual(sum(map(len, kept)), length)

    @given(sentences())
    def test_reasoning_and_the_reasoning_items_have_the_same_parts(self, events: tuple[e.Event, ...]) -> None:
        reply = fold(events)
        reasoning = (item for item in reply.items if isinstance(item, Reasoning))
        kept = [part for item in reasoning for part in (*item.summary, *item.content)]
        self.assertEqual(sorted(reply.reasoning), sorted(kept))

    @given(sentences())
    def test_the_reply_can_be_built_at_any_point(self, events: tuple[e.Event, ...]) -> None:
        folder = Fold()
        for count, event in enumerate(events, 1):
            folder.feed(event)
            self.assertEqual(folder.build_reply(), fold(events[:count]))
