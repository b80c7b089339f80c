"""Answers in the shapes that well-known servers give them.

`streams` holds them, written after the servers' documentation and sources: not recorded.
"""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.reply import Reply, fold
from tests.support.chat_upstream import heard
from tests.support.chunking import chunkings

STREAMS = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "streams").glob("*.sse"))}


def calls(reply: Reply) -> list[tuple[str, str, str]]:
    return [(call.call_id, call.name, call.arguments) for call in reply.calls]


class ServerTests(SynchronousTestCase):
    def test_vllm_says_its_reasoning_under_two_names(self) -> None:
        reply = fold(heard(STREAMS["vllm"]))
        self.assertEqual((reply.reasoning, reply.finish), (("Let me",), "tool_calls"))
        self.assertEqual(calls(reply), [("chatcmpl-tool-1", "get_weather", '{"city": "Oslo"}')])
        self.assertEqual(reply.usage, e.Usage(12, output_tokens=8))

    def test_ollama_gives_parallel_calls_one_index_and_stops_as_if_there_were_none(self) -> None:
        reply = fold(heard(STREAMS["ollama"]))
        self.assertEqual((reply.reasoning, reply.finish, reply.text), (("Hm.",), "tool_calls", ""))
        self.assertEqual(
            calls(reply),
            [("call_a1", "get_weather", '{"city":"Oslo"}'), ("call_b2", "get_weather", '{"city":"Rome"}')],
        )

    def test_openrouter_and_deepseek_keep_the_line_warm_and_count_in_their_own_ways(self) -> None:
        for stream in (STREAMS["openrouter"], STREAMS["deepseek"]):
            reply = fold(heard(stream))
            self.assertEqual((reply.reasoning, reply.text, reply.finish), (("Hm.",), "Hello", "stop"))
            self.assertEqual(reply.usage, e.Usage(12, 5, 0, 8, 3))

    def test_azure_begins_with_a_chunk_of_nothing(self) -> None:
        events = heard(STREAMS["azure"])
        self.assertEqual((fold(events).text, events[-1]), ("Hello", e.Ended("content_filter")))

    def test_line_ends_may_be_those_of_windows(self) -> None:
        for stream in STREAMS.values():
            self.assertEqual(heard(stream.replace(b"\n", b"\r\n")), heard(stream))

    @given(st.sampled_from(sorted(STREAMS)), st.data())
    def test_in_any_pieces_they_say_the_same(self, name: str, data: st.DataObject) -> None:
        self.assertEqual(heard(*data.draw(chunkings(STREAMS[name]))), heard(STREAMS[name]))
