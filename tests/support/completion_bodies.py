"""What the Chat and legacy Completions encoders share: values of their bodies, and tests of the ends of streams."""

from collections.abc import Callable
from typing import Any, Final

from codexd.fronts.dialect import Encoder
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.turn import Message, TextPart
from tests.support.chat_stream import read
from tests.support.framing import framed

USAGE: Final = e.Usage(input_tokens=10, cached_tokens=4, cache_write_tokens=3, output_tokens=6, reasoning_tokens=2)
USAGE_BODY: Final[dict[str, Any]] = {
    "prompt_tokens": 10,
    "completion_tokens": 6,
    "total_tokens": 16,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0, "cache_write_tokens": 3},
    "completion_tokens_details": {
        "reasoning_tokens": 2,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
"""The usage as both dialects show it."""


def assistant_messages(*texts: str) -> tuple[Message, ...]:
    """Build an assistant message of each text."""
    return tuple(Message(role="assistant", parts=(TextPart(text),)) for text in texts)


class StreamEndContract:
    """Tests of the end of a stream, which is the same in both dialects."""

    build_encoder: Callable[..., Encoder]
    """Builds the encoder for `choices`, with `include_usage` for a stream that reports its usage."""

    def test_usage_comes_after_the_last_choice_and_is_of_all(self) -> None:
        encoder = self.build_encoder(2, include_usage=True)
        for choice in (0, 1):
            encoder.feed(e.Began(), choice)
            encoder.feed(
                e.UsageReported(e.Usage(input_tokens=5, cached_tokens=0, cache_write_tokens=0, output_tokens=2)), choice
            )
        self.assertEqual(len(encoder.feed(e.Ended("stop"), 1)), 1)
        seen = read(framed(encoder.feed(e.Ended("length"), 0)))
        self.assertEqual(seen.chunks[-1]["usage"]["total_tokens"], 14)

    def test_a_failure_is_an_error_and_the_last_event(self) -> None:
        encoder = self.build_encoder(2)
        encoder.feed(e.Began(), 0)
        error = b'{"error":{"message":"Cut.","type":"server_error","param":null,"code":"stream_cut"}}'
        self.assertEqual(encoder.feed(e.Failed(fault("stream_cut", "Cut.")), 0), [(b"", error)])
        for event in (e.Began(), e.Ended("stop"), e.Failed(fault("internal"))):
            self.assertEqual(encoder.feed(event, 1), [])

    def test_it_has_no_keep_alive_event(self) -> None:
        self.assertIsNone(self.build_encoder(1).keep_alive())
