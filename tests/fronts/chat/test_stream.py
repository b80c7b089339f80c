"""Exact chunks of streamed responses."""

from typing import Any

from openai.types.chat import ChatCompletionChunk
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.chat.objects import ChatOutputOptions
from codexd.fronts.chat.stream import ChatEncoder
from codexd.fronts.dialect import Encoder, ResponseIdentity, StreamEvent
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.wire import json
from tests.support.chat_stream import merge, read
from tests.support.completion_bodies import USAGE, USAGE_BODY, StreamEndContract
from tests.support.framing import framed
from tests.support.identities import CHAT_IDENTITY

HEAD = (
    b'{"id":"chatcmpl-00ff","object":"chat.completion.chunk","created":1700000000,'
    b'"model":"some-model","system_fingerprint":null,"choices":[{"index":0,"delta":'
)
TAIL = b',"logprobs":null,"finish_reason":null}]}'
STOP = e.Ended("stop")
ROLE = b'{"role":"assistant","content":""}'


def told(*events: e.Event, output_options: ChatOutputOptions | None = None, choices: int = 1) -> list[StreamEvent]:
    """Return the stream events of these events of the first choice."""
    encoder = ChatEncoder(choices, output_options or ChatOutputOptions(), CHAT_IDENTITY)
    return [one for event in events for one in encoder.feed(event)]


def deltas(*events: e.Event, output_options: ChatOutputOptions | None = None) -> list[dict[str, Any]]:
    """Return the deltas of these events after the one with the role."""
    chunks = read(framed(told(e.Began(), *events, output_options=output_options))).chunks
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]][1:]


class TextTests(SynchronousTestCase):
    def test_the_role_is_sent_first_and_once(self) -> None:
        events = told(e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a"), e.TextDelta(0, "b"))
        self.assertEqual(
            events,
            [
                (b"", HEAD + ROLE + TAIL),
                (b"", HEAD + b'{"content":"a"}' + TAIL),
                (b"", HEAD + b'{"content":"b"}' + TAIL),
            ],
        )

    def test_repetitions_and_special_characters_survive(self) -> None:
        for pieces in (
            ("1", "100"),
            ("ha", "ha", "ha"),
            ("\n", "\n"),
            ("The bo", "ok cost 1", "100 dol", "lars."),
            ("\U0001f469", "\u200d", "\U0001f4bb"),
            ("a\u2028b", "\u2029"),
            ("\0", "\0"),
            ('"', "\\", '\\"'),
            ("data: ", "[DONE]", "\n\n"),
        ):
            said = [e.TextDelta(0, piece) for piece in pieces]
            events = told(e.Began(), e.MessageOpened(0, "m"), *said, e.MessageClosed(0), e.Ended("stop"))
            whole = merge(read(framed(events)).chunks)
            self.assertEqual(whole["choices"][0]["message"]["content"], "".join(pieces))

    def test_an_empty_delta_gives_no_chunk(self) -> None:
        self.assertEqual(deltas(e.MessageOpened(0, "m"), e.TextDelta(0, ""), e.RefusalDelta(0, "")), [])

    def test_a_refusal_has_its_own_member(self) -> None:
        found = deltas(e.MessageOpened(0, "m"), e.TextDelta(0, "a"), e.RefusalDelta(0, "no"))
        self.assertEqual(found, [{"content": "a"}, {"refusal": "no"}])

    def test_log_probabilities_accompany_their_delta(self) -> None:
        events = told(e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a", "[1]"), e.TextDelta(0, "", "[2]"))
        choices = [chunk["choices"][0] for chunk in read(framed(events)).chunks[1:]]
        shown = [(choice["delta"], choice["logprobs"]) for choice in choices]
        expected = [
            ({"content": "a"}, {"content": [1], "refusal": None}),
            ({"content": ""}, {"content": [2], "refusal": None}),
        ]
        self.assertEqual(shown, expected)

    def test_annotations_are_sent_at_the_end_in_chats_form(self) -> None:
        def cited(start: int) -> str:
            return json.encode({"type": "url_citation", "url": "u", "start_index": start, "end_index": 9}).decode()

        other = e.Annotated(0, '{"type":"file_citation","file_id":"f"}')
        first = (e.MessageOpened(0, "m"), e.TextDelta(0, "é1"), e.Annotated(0, cited(0)), other)
        second = (e.MessageOpened(1, "n"), e.TextDelta(1, "b"), e.Annotated(1, cited(1)), e.MessageClosed(1))
        found = deltas(*first, *second, e.MessageClosed(0), e.SearchOpened(2, "s"), e.SearchClosed(2), STOP)
        notes = [
            {"type": "url_citation", "url_citation": {"url": "u", "start_index": start, "end_index": end}}
            for start, end in ((0, 9), (3, 11))
        ]
        self.assertEqual(found, [{"content": "é1"}, {"content": "b"}, {"annotations": notes}, {}])

    def test_a_second_message_waits_until_the_first_is_closed(self) -> None:
        found = deltas(
            e.MessageOpened(0, "m"),
            e.MessageOpened(1, "n"),
            e.TextDelta(1, "later"),
            e.TextDelta(0, "first"),
            e.MessageClosed(0),
            e.TextDelta(1, "now"),
        )
        self.assertEqual([delta["content"] for delta in found], ["first", "later", "now"])

    def test_the_model_name_of_the_client_is_escaped(self) -> None:
        encoder = ChatEncoder(1, ChatOutputOptions(), ResponseIdentity("t", 1, 'a"\0\n'))
        (one,) = encoder.feed(e.Began())
        self.assertEqual(read(framed([one])).chunks[0]["model"], 'a"\0\n')
        encoder.feed(e.MessageOpened(0, "m"))
        (one,) = encoder.feed(e.TextDelta(0, "x"))
        self.assertEqual(read(framed([one])).chunks[0]["model"], 'a"\0\n')


class ReasoningTests(SynchronousTestCase):
    def test_parts_are_joined_by_a_blank_line(self) -> None:
        found = deltas(
            e.ReasoningOpened(0, "r"),
            e.SummaryDelta(0, 0, "a"),
            e.SummaryDelta(0, 0, "b"),
            e.SummaryDelta(0, 1, ""),
            e.SummaryDelta(0, 2, "c"),
            e.ReasoningClosed(0),
            e.ReasoningOpened(1, "s"),
            e.ThoughtDelta(1, 0, "d"),
        )
        self.assertEqual([delta["reasoning_content"] for delta in found], ["a", "b", "\n\nc", "\n\nd"])

    def test_the_current_part_is_streamed_without_delay(self) -> None:
        found = deltas(e.ReasoningOpened(0, "r"), e.ThoughtDelta(0, 0, "live"))
        self.assertEqual(found, [{"reasoning_content": "live"}])

    def test_the_next_part_of_a_kind_ends_the_one_before(self) -> None:
        found = deltas(e.ReasoningOpened(0, "r"), e.SummaryDelta(0, 0, "a"), e.SummaryDelta(0, 1, "b"))
        self.assertEqual([delta["reasoning_content"] for delta in found], ["a", "\n\nb"])

    def test_a_part_that_began_later_waits(self) -> None:
        events = (
            e.ReasoningOpened(0, "r"),
            e.SummaryDelta(0, 0, "a"),
            e.ThoughtDelta(0, 0, "x"),
            e.SummaryDelta(0, 0, "b"),
        )
        self.assertEqual(deltas(*events), [{"reasoning_content": "a"}, {"reasoning_content": "b"}])
        self.assertEqual(deltas(*events, e.ReasoningClosed(0))[2:], [{"reasoning_content": "\n\nx"}])

    def test_reasoning_is_not_shown_if_turned_off(self) -> None:
        events = (e.ReasoningOpened(0, "r"), e.SummaryDelta(0, 0, "a"), e.ReasoningClosed(0))
        self.assertEqual(deltas(*events, output_options=ChatOutputOptions(show_reasoning=False)), [])


class CallTests(SynchronousTestCase):
    EVENTS = (
        e.MessageOpened(0, "m"),
        e.CallOpened(index=1, id="fc_1", call_id="call_1", name="get_weather"),
        e.CallOpened(index=2, id="fc_2", call_id="call_2", name="get_time"),
        e.CallDelta(2, '{"b"'),
        e.CallDelta(1, '{"a"'),
        e.CallDelta(2, ":2}"),
        e.CallDelta(1, ":1}"),
    )

    def test_id_type_and_name_are_sent_once_and_arguments_as_deltas(self) -> None:
        found = [delta["tool_calls"][0] for delta in deltas(*self.EVENTS)]
        self.assertEqual(
            found,
            [
                {
                    "index": 0,
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": ""},
                },
                {
                    "index": 1,
                    "id": "call_2",
                    "type": "function",
                    "function": {"name": "get_time", "arguments": ""},
                },
                {"index": 1, "function": {"arguments": '{"b"'}},
                {"index": 0, "function": {"arguments": '{"a"'}},
                {"index": 1, "function": {"arguments": ":2}"}},
                {"index": 0, "function": {"arguments": ":1}"}},
            ],
        )

    def test_a_custom_call_has_its_raw_input(self) -> None:
        events = (e.CallOpened(index=0, id="i", call_id="c", name="patch", kind="custom"), e.CallDelta(0, "*** Begin"))
        first, second = (delta["tool_calls"][0] for delta in deltas(*events))
        self.assertEqual(first, {"index": 0, "id": "c", "type": "custom", "custom": {"name": "patch", "input": ""}})
        self.assertEqual(second, {"index": 0, "custom": {"input": "*** Begin"}})

    def test_cursor_sees_a_custom_call_as_a_function(self) -> None:
        events = (e.CallOpened(index=0, id="i", call_id="c", name="patch", kind="custom"), e.CallDelta(0, "*** Begin"))
        first, second = (
            delta["tool_calls"][0] for delta in deltas(*events, output_options=ChatOutputOptions(functions_only=True))
        )
        self.assertEqual(first["function"], {"name": "patch", "arguments": ""})
        self.assertEqual(second, {"index": 0, "function": {"arguments": "*** Begin"}})

    def test_a_legacy_call_is_a_function_call_and_the_only_one(self) -> None:
        found = deltas(*self.EVENTS, output_options=ChatOutputOptions(legacy_functions=True))
        self.assertEqual(
            [delta["function_call"] for delta in found],
            [{"name": "get_weather", "arguments": ""}, {"arguments": '{"a"'}, {"arguments": ":1}"}],
        )

    def test_a_legacy_call_finishes_as_function_call(self) -> None:
        ended = (
            e.Began(),
            e.CallOpened(index=0, id="i", call_id="c", name="f"),
            e.CallClosed(0),
            e.Ended("tool_calls"),
        )
        for legacy, finish in ((True, "function_call"), (False, "tool_calls")):
            chunks = read(framed(told(*ended, output_options=ChatOutputOptions(legacy_functions=legacy)))).chunks
            self.assertEqual(chunks[-1]["choices"][0]["finish_reason"], finish)


class EndTests(StreamEndContract, SynchronousTestCase):
    def build_encoder(self, choices: int, include_usage: bool = False) -> Encoder:
        return ChatEncoder(choices, ChatOutputOptions(include_usage=include_usage), CHAT_IDENTITY)

    def test_one_finish_chunk_with_an_empty_delta_is_last(self) -> None:
        events = told(
            e.Began(),
            e.UsageReported(e.Usage(input_tokens=1, cached_tokens=0, cache_write_tokens=0, output_tokens=1)),
            e.Ended("length"),
        )
        finish = TAIL.replace(b'"finish_reason":null', b'"finish_reason":"length"')
        self.assertEqual(events[1:], [(b"", HEAD + b"{}" + finish)])

    def test_usage_comes_in_a_chunk_without_choices_and_is_null_before(self) -> None:
        events = told(
            e.Began(),
            e.UsageReported(USAGE),
            e.Ended("stop"),
            output_options=ChatOutputOptions(include_usage=True),
        )
        seen = read(framed(events))
        *before, last = seen.chunks
        self.assertEqual([chunk["usage"] for chunk in before], [None, None])
        self.assertEqual(last["choices"], [])
        self.assertEqual(last["usage"], USAGE_BODY)

    def test_the_sdk_accepts_every_chunk(self) -> None:
        output_options = ChatOutputOptions(include_usage=True, service_tier="default")
        events = told(e.Began(), *CallTests.EVENTS, e.Failed(fault("stream_cut")), output_options=output_options)
        for chunk in read(framed(events)).chunks:
            read_back = ChatCompletionChunk.model_validate(chunk, strict=True)
            self.assertEqual(read_back.service_tier, "default")

    def test_all_choices_open_together_and_in_order(self) -> None:
        encoder = ChatEncoder(3, ChatOutputOptions(), CHAT_IDENTITY)
        chunks = read(framed(encoder.feed(e.Began(), 2))).chunks
        self.assertEqual([chunk["choices"][0]["index"] for chunk in chunks], [0, 1, 2])
        self.assertEqual(encoder.feed(e.Began(), 0), [])
