"""Law 1 (chunking): a recording of the pinned binary, split anywhere, gives the same events and commands."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.commands import Output
from codexd.backs.thread import Thread
from codexd.neutral.event import Ended, Event, Failed
from codexd.neutral.grammar import GrammarChecker
from codexd.neutral.reply import fold
from tests.support.chunking import chunkings
from tests.support.thread_harness import ASKED, PLAIN, RECORDINGS, WITH_TOOL, ThreadPipe, is_command, result

RECORDED = {path.stem: path.read_bytes() for path in sorted(RECORDINGS.glob("*.jsonl"))}
EXPECTED = {
    "answer": [("Grüß Gott\n\n🙂", "stop")],
    "codex-search": [("hi", "stop")],
    "failed": [("", None)],
    "interleaved": [("aAbA", "stop")],
    "search": [("hello there", "stop")],
    "tools": [("Let me look.", "tool_calls"), ("Oslo -3, Rome 14.", "stop")],
}


def replay(name: str, chunks: list[bytes]) -> list[Output]:
    """Return the outputs of a thread that receives a recording; its tools answer at once."""
    turn = WITH_TOOL if name == "tools" else ASKED

    def resume(thread: Thread) -> list[Output]:
        return thread.resume(turn, tuple(result(id, id) for id in sorted(thread.pending_call_ids)))

    pipe = ThreadPipe(Thread(PLAIN), resume)
    pipe.send(pipe.thread.open(turn))
    outputs = [output for chunk in chunks for output in pipe.receive(chunk)]
    assert pipe.thread.malformed_count == 0
    return outputs


def answers(outputs: list[Output]) -> list[list[Event]]:
    """Split the events into answers and check that each is a whole sentence."""
    found: list[list[Event]] = [[]]
    checker = GrammarChecker()
    for output in outputs:
        if is_command(output):
            continue
        checker.feed(output)  # type: ignore[arg-type]
        found[-1].append(output)  # type: ignore[arg-type]
        if isinstance(output, Ended | Failed):
            found.append([])
            checker = GrammarChecker()
    assert found.pop() == []
    return found


class ChunkingTests(SynchronousTestCase):
    def test_every_recording_gives_the_expected_answers(self) -> None:
        self.assertEqual(RECORDED.keys(), EXPECTED.keys())
        for name, expected in EXPECTED.items():
            replies = [fold(answer) for answer in answers(replay(name, [RECORDED[name]]))]
            self.assertEqual([(reply.text, reply.finish) for reply in replies], expected, name)

    @given(st.sampled_from(sorted(RECORDED)), st.data())
    def test_a_split_recording_gives_the_same_events_and_commands(self, name: str, data: st.DataObject) -> None:
        chunks = data.draw(chunkings(RECORDED[name]))
        self.assertEqual(replay(name, chunks), replay(name, [RECORDED[name]]))
