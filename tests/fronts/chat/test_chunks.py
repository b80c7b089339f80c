"""codexd.fronts.chat.chunks: chunks of a stream."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.chat.chunks import PLACEHOLDER, ChunkEncoder
from codexd.neutral.event import Usage
from codexd.neutral.fault import fault
from codexd.wire.json import encode
from tests.support.chat_stream import read
from tests.support.framing import framed

TEXT = 'a "b"\n\0'


def chunks(count: int = 1, include_usage: bool = False) -> ChunkEncoder:
    return ChunkEncoder(count, include_usage, lambda choices: {"choices": choices})


class ChunkEncoderTests(SynchronousTestCase):
    def test_a_text_in_place_of_the_placeholder_gives_the_chunk_of_that_text(self) -> None:
        head, tail = chunks().split_template([{"index": 0, "text": PLACEHOLDER}])
        self.assertEqual((b"", head + encode(TEXT) + tail), chunks().encode([{"index": 0, "text": TEXT}]))

    def test_only_the_last_choice_that_finishes_ends_the_stream(self) -> None:
        stream = chunks(2)
        self.assertEqual((stream.finish_choice(), stream.ended), ([], False))
        self.assertEqual((stream.finish_choice(), stream.ended), ([], True))

    def test_usage_of_all_choices_precedes_the_end_if_requested(self) -> None:
        stream = chunks(1, include_usage=True)
        stream.add_usage(Usage(input_tokens=1))
        stream.add_usage(Usage(input_tokens=2))
        self.assertIn(b'"usage":null', stream.encode([])[1])
        seen = read(framed(stream.finish_choice()))
        self.assertEqual((seen.chunks[0]["choices"], seen.chunks[0]["usage"]["prompt_tokens"]), ([], 3))

    def test_nothing_follows_a_failure(self) -> None:
        stream = chunks()
        seen = read(framed(stream.fail(fault("model_failed"))))
        self.assertTrue(stream.ended)
        self.assertEqual((seen.error or {})["message"], fault("model_failed").message)
