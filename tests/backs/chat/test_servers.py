"""Responses in the forms of well-known servers.

The files in `streams` are written after the servers' documentation and sources; they are not recorded.
"""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.reply import Reply, fold
from tests.support.chat_chunks import translate
from tests.support.chunking import chunkings

STREAMS = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "streams").glob("*.sse"))}


def calls(reply: Reply) -> list[tuple[str, str, str]]:
    return [(call.call_id, call.name, call.arguments) for call in reply.calls]


class ServerTests(SynchronousTestCase):
    def test_vllm_sends_its_reasoning_in_two_fields(self) -> None:
        reply = fold(translate(STREAMS["vllm"]))
        self.assertEqual((reply.reasoning, reply.finish), (("Let me",), "tool_calls"))
        self.assertEqual(calls(reply), [("chatcmpl-tool-1", "get_weather", '{"city": "Oslo"}')])
        self.assertEqual(reply.usage, e.Usage(input_tokens=12, output_tokens=8))

    def test_ollama_gives_parallel_calls_one_index_and_stops_as_if_there_were_none(self) -> None:
        reply = fold(translate(STREAMS["ollama"]))
        self.assertEqual((reply.reasoning, reply.finish, reply.text), (("Hm.",), "tool_calls", ""))
        self.assertEqual(
            calls(reply),
            [("call_a1", "get_weather", '{"city":"Oslo"}'), ("call_b2", "get_weather", '{"city":"Rome"}')],
        )

    def test_keep_alive_comments_and_usage_of_openrouter_and_deepseek(self) -> None:
        for stream in (STREAMS["openrouter"], STREAMS["deepseek"]):
            reply = fold(translate(stream))
            self.assertEqual((reply.reasoning, reply.text, reply.finish), (("Hm.",), "Hello", "stop"))
            self.assertEqual(
                reply.usage,
                e.Usage(input_tokens=12, cached_tokens=5, cache_write_tokens=0, output_tokens=8, reasoning_tokens=3),
            )

    def test_azure_begins_with_an_empty_chunk(self) -> None:
        events = translate(STREAMS["azure"])
        self.assertEqual((fold(events).text, events[-1]), ("Hello", e.Ended("content_filter")))

    def test_lines_may_end_with_crlf(self) -> None:
        for stream in STREAMS.values():
            self.assertEqual(translate(stream.replace(b"\n", b"\r\n")), translate(stream))

    @given(st.sampled_from(sorted(STREAMS)), st.data())
    def test_any_chunking_gives_the_same_events(self, name: str, data: st.DataObject) -> None:
        self.assertEqual(translate(*data.draw(chunkings(STREAMS[name]))), translate(STREAMS[name]))
