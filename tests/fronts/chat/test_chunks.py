"""codexd.fronts.chat.chunks: what streams of chunks have in common."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.chat.chunks import HOLE, Chunks
from codexd.neutral.event import Usage
from codexd.neutral.fault import fault
from codexd.wire.json import encode
from tests.support.chat_stream import read

TEXT = 'a "b"\n\0'


def chunks(count: int = 1, include_usage: bool = False) -> Chunks:
    return Chunks(count, include_usage, lambda choices: {"choices": choices})


class ChunksTests(SynchronousTestCase):
    def test_a_text_in_the_hole_is_the_chunk_with_the_text(self) -> None:
        before, after = chunks().around([{"index": 0, "text": HOLE}])
        self.assertEqual(before + encode(TEXT) + after, chunks().write([{"index": 0, "text": TEXT}]))

    def test_only_the_last_choice_that_finishes_ends_the_stream(self) -> None:
        stream = chunks(2)
        self.assertEqual((stream.finished(), stream.over), ([], False))
        self.assertEqual((stream.finished(), stream.over), ([b"data: [DONE]\n\n"], True))

    def test_what_all_choices_cost_comes_before_the_end_where_it_is_wanted(self) -> None:
        stream = chunks(1, include_usage=True)
        stream.count(Usage(input_tokens=1))
        stream.count(Usage(input_tokens=2))
        self.assertIn(b'"usage":null', stream.write([]))
        seen = read(b"".join(stream.finished()))
        self.assertEqual((seen.chunks[0]["choices"], seen.chunks[0]["usage"]["prompt_tokens"]), ([], 3))
        self.assertTrue(seen.done)

    def test_a_failure_is_the_last_that_is_said(self) -> None:
        stream = chunks()
        seen = read(b"".join(stream.failed(fault("model_failed"))))
        self.assertTrue(stream.over)
        self.assertEqual((seen.error or {})["message"], fault("model_failed").message)
        self.assertFalse(seen.done)
