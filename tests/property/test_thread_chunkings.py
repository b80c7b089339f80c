"""Law 1: what the pinned binary said, cut anywhere, gives the same events and the same replies to it."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.commands import Output
from codexd.backs.thread import Thread
from codexd.neutral.event import Ended, Event, Failed
from codexd.neutral.grammar import Sentence
from codexd.neutral.reply import fold
from tests.support.chunking import chunkings
from tests.support.scene import ASKED, PLAIN, RECORDINGS, WITH_TOOL, Pipe, is_command, result

RECORDED = {path.stem: path.read_bytes() for path in sorted(RECORDINGS.glob("*.jsonl"))}
SPOKEN = {
    "answer": [("Grüß Gott\n\n🙂", "stop")],
    "codex-search": [("hi", "stop")],
    "failed": [("", None)],
    "interleaved": [("aAbA", "stop")],
    "search": [("hello there", "stop")],
    "tools": [("Let me look.", "tool_calls"), ("Oslo -3, Rome 14.", "stop")],
}


def played(name: str, chunks: list[bytes]) -> list[Output]:
    """Give what a thread does when it hears a recording; its tools answer at once."""
    turn = WITH_TOOL if name == "tools" else ASKED

    def go_on(thread: Thread) -> list[Output]:
        return thread.resume(turn, tuple(result(id, id) for id in sorted(thread.waiting)))

    pipe = Pipe(Thread(PLAIN), go_on)
    pipe.send(pipe.thread.open(turn))
    outputs = [output for chunk in chunks for output in pipe.receive(chunk)]
    assert pipe.thread.unexpected == 0
    return outputs


def answers(outputs: list[Output]) -> list[list[Event]]:
    """Cut what was said into answers; each must be a whole sentence."""
    found: list[list[Event]] = [[]]
    sentence = Sentence()
    for output in outputs:
        if is_command(output):
            continue
        sentence.feed(output)  # type: ignore[arg-type]
        found[-1].append(output)  # type: ignore[arg-type]
        if isinstance(output, Ended | Failed):
            found.append([])
            sentence = Sentence()
    assert found.pop() == []
    return found


class ChunkingTests(SynchronousTestCase):
    def test_every_recording_is_heard_as_what_it_is(self) -> None:
        self.assertEqual(RECORDED.keys(), SPOKEN.keys())
        for name, spoken in SPOKEN.items():
            replies = [fold(answer) for answer in answers(played(name, [RECORDED[name]]))]
            self.assertEqual([(reply.text, reply.finish) for reply in replies], spoken, name)

    @given(st.sampled_from(sorted(RECORDED)), st.data())
    def test_a_split_recording_gives_the_same_events_and_commands(
        self, name: str, data: st.DataObject
    ) -> None:
        chunks = data.draw(chunkings(RECORDED[name]))
        self.assertEqual(played(name, chunks), played(name, [RECORDED[name]]))
