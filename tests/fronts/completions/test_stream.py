"""Exact chunks of streamed legacy responses."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.completions.objects import CompletionsOutputOptions
from codexd.fronts.completions.stream import CompletionsEncoder
from codexd.fronts.dialect import Encoder, StreamEvent
from codexd.neutral import event as e
from tests.support.chat_stream import read
from tests.support.completion_bodies import USAGE, StreamEndContract
from tests.support.framing import framed
from tests.support.identities import CHAT_IDENTITY

HEAD = (
    b'{"id":"cmpl-00ff","object":"text_completion","created":1700000000,'
    b'"model":"some-model","system_fingerprint":null,"choices":[{"text":'
)
TAIL = b',"index":0,"logprobs":null,"finish_reason":null}]}'
PLAIN = CompletionsOutputOptions(("",))


def told(*events: e.Event, output_options: CompletionsOutputOptions = PLAIN) -> list[StreamEvent]:
    """Return the stream events of these events of the first choice."""
    encoder = CompletionsEncoder(output_options, CHAT_IDENTITY)
    return [one for event in events for one in encoder.feed(event)]


def pieces(*events: e.Event, output_options: CompletionsOutputOptions = PLAIN) -> list[str]:
    """Return the texts of these events after the beginning."""
    chunks = read(framed(told(e.Began(), *events, output_options=output_options))).chunks
    return [choice["text"] for chunk in chunks for choice in chunk["choices"]]


class TextTests(SynchronousTestCase):
    def test_a_piece_of_text_is_one_chunk(self) -> None:
        events = told(e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a"), e.TextDelta(0, '"\0\n'))
        self.assertEqual(events, [(b"", HEAD + b'"a"' + TAIL), (b"", HEAD + b'"\\"\\u0000\\n"' + TAIL)])

    def test_the_echoed_prompt_is_sent_first(self) -> None:
        said = (e.MessageOpened(0, "m"), e.TextDelta(0, "b"))
        self.assertEqual(pieces(*said, output_options=CompletionsOutputOptions(("a",))), ["a", "b"])

    def test_an_empty_delta_gives_no_chunk(self) -> None:
        self.assertEqual(pieces(e.MessageOpened(0, "m"), e.TextDelta(0, ""), e.RefusalDelta(0, "")), [])

    def test_a_refusal_is_text(self) -> None:
        said = (e.MessageOpened(0, "m"), e.TextDelta(0, "a"), e.RefusalDelta(0, "no"))
        self.assertEqual(pieces(*said), ["a", "no"])

    def test_reasoning_and_calls_are_not_shown(self) -> None:
        unsaid = (
            e.ReasoningOpened(0, "r"),
            e.SummaryDelta(0, 0, "a"),
            e.ThoughtDelta(0, 0, "b"),
            e.ReasoningClosed(0),
            e.CallOpened(index=1, id="i", call_id="c", name="f"),
            e.CallDelta(1, "{}"),
            e.CallClosed(1),
        )
        self.assertEqual(pieces(*unsaid), [])

    def test_a_second_message_waits_until_the_first_is_closed(self) -> None:
        found = pieces(
            e.MessageOpened(0, "m"),
            e.MessageOpened(1, "n"),
            e.TextDelta(1, "later"),
            e.RefusalDelta(1, "no"),
            e.TextDelta(0, "first"),
            e.MessageClosed(0),
            e.TextDelta(1, "now"),
        )
        self.assertEqual(found, ["first", "later", "no", "now"])

    def test_a_delta_with_logprobs_has_its_tokens_and_continuing_offsets(self) -> None:
        weighed = [f'[{{"token":"{text}","logprob":-1.0,"top_logprobs":[]}}]' for text in ("bc", "d")]
        said = (e.TextDelta(0, "bc", weighed[0]), e.TextDelta(0, "", weighed[1]))
        chunks = read(
            framed(told(e.Began(), e.MessageOpened(0, "m"), *said, output_options=CompletionsOutputOptions(("a",))))
        ).chunks
        found = [(choice["text"], choice["logprobs"]) for chunk in chunks for choice in chunk["choices"]]
        self.assertEqual([text for text, _ in found], ["a", "bc", ""])
        self.assertIsNone(found[0][1])
        self.assertEqual([logprobs["text_offset"] for _, logprobs in found[1:]], [[1], [3]])

    def test_each_choice_has_its_own_index_and_prompt(self) -> None:
        encoder = CompletionsEncoder(CompletionsOutputOptions(("a", "b")), CHAT_IDENTITY)
        chunks = read(framed([*encoder.feed(e.Began(), 1), *encoder.feed(e.Began(), 0)])).chunks
        told = [(choice["index"], choice["text"]) for chunk in chunks for choice in chunk["choices"]]
        self.assertEqual(told, [(1, "b"), (0, "a")])


class EndTests(StreamEndContract, SynchronousTestCase):
    def build_encoder(self, choices: int, include_usage: bool = False) -> Encoder:
        return CompletionsEncoder(CompletionsOutputOptions(("",) * choices, include_usage), CHAT_IDENTITY)

    def test_one_finish_chunk_without_text_is_last(self) -> None:
        events = told(
            e.Began(),
            e.UsageReported(e.Usage(input_tokens=1, cached_tokens=0, cache_write_tokens=0, output_tokens=1)),
            e.Ended("length"),
        )
        finish = TAIL.replace(b'"finish_reason":null', b'"finish_reason":"length"')
        self.assertEqual(events, [(b"", HEAD + b'""' + finish)])

    def test_usage_comes_in_a_chunk_without_choices_and_is_null_before(self) -> None:
        said = (e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a"), e.MessageClosed(0))
        counted = e.UsageReported(USAGE)
        seen = read(framed(told(*said, counted, e.Ended("stop"), output_options=CompletionsOutputOptions(("",), True))))
        *before, last = seen.chunks
        self.assertEqual([chunk["usage"] for chunk in before], [None, None])
        self.assertEqual((last["choices"], last["usage"]["total_tokens"]), ([], 16))

    def test_usage_is_absent_unless_requested(self) -> None:
        chunks = read(framed(told(e.Began(), e.UsageReported(e.Usage(input_tokens=1)), e.Ended("stop")))).chunks
        self.assertEqual([chunk for chunk in chunks if "usage" in chunk], [])
