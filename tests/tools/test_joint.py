"""The joints: inward for clients with tools, outward for those that read text."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import Sentence
from codexd.neutral.reply import fold
from codexd.neutral.turn import ToolChoice, Turn
from codexd.observe.metrics import COUNTERS
from codexd.tools.canon import lay_out, write
from codexd.tools.gates import Gates
from codexd.tools.joint import Inward, Outward
from codexd.tools.scanner import ABORTED, FLUSHED, STARTED, Scanning
from codexd.tools.use import read
from tests.support.blocks import (
    BOTH,
    CLOSE,
    FIND,
    FOUND,
    GATES,
    OPEN,
    TOOL,
    answer,
    blocky_sentences,
    recut,
    without_logprobs,
)
from tests.support.sentences import broken_sentences, pieces
from tests.support.unfolded import unfolded

TURN = Turn("m", (), tools=(TOOL,))
NEAT = write("find", FOUND)
MADE = [e.CallOpened(0, "fc", "c", "find"), e.CallDelta(0, FOUND), e.CallClosed(0)]


def through(joint: Inward | Outward, events: Iterable[e.Event]) -> list[e.Event]:
    """Give the new sentence, and check that it is one."""
    sentence = Sentence()
    said = [new for event in events for new in joint.feed(event)]
    for event in said:
        sentence.feed(event)
    return said


def inward(events: Iterable[e.Event], turn: Turn = TURN, **options: Any) -> list[e.Event]:
    return through(Inward(turn, "abc", **options), events)


def outward(events: Iterable[e.Event], turn: Turn = TURN, **options: Any) -> list[e.Event]:
    return through(Outward(turn, "abc", **options), events)


class LawTests(SynchronousTestCase):
    @given(blocky_sentences() | broken_sentences(), GATES)
    def test_a_sentence_becomes_a_sentence(self, events: tuple[e.Event, ...], gates: Gates) -> None:
        for way in (inward, outward):
            said = way(events, gates=gates, scanning=Scanning(BOTH, 40))
            self.assertIsInstance(said[-1], e.Ended | e.Failed)

    @given(GATES, st.data())
    def test_the_fold_does_not_depend_on_the_pieces(self, gates: Gates, data: st.DataObject) -> None:
        whole = unfolded(fold([without_logprobs(event) for event in data.draw(blocky_sentences())]))
        for way in (inward, outward):
            self.assertEqual(fold(way(data.draw(recut(whole)), gates=gates)), fold(way(whole, gates=gates)))

    @given(blocky_sentences())
    def test_a_client_that_reads_text_sees_no_calls_but_every_block_whole(
        self, events: tuple[e.Event, ...]
    ) -> None:
        said = outward(events)
        self.assertEqual(fold(said).calls, ())
        for event in said:
            if isinstance(event, e.TextDelta) and "<use_tool>\n  <name>" in event.text:
                self.assertIsNotNone(read(event.text.strip()), event.text)

    @given(blocky_sentences())
    def test_what_was_shown_as_text_is_found_as_text_again(self, events: tuple[e.Event, ...]) -> None:
        """A daemon behind a daemon: what outward wrote, inward reads."""
        turn = evolve(TURN, tools=())
        calls = [call for call in fold(inward(events)).calls if call.complete and call.name == "find"]
        again = fold(inward(outward(events, turn))).calls
        self.assertEqual([call.arguments for call in again], [call.arguments for call in calls])


class InwardTests(SynchronousTestCase):
    def test_a_call_that_was_written_comes_out_as_one_that_was_made(self) -> None:
        reply = fold(inward(answer("Let me look.\n", *FIND)))
        self.assertEqual((reply.text, reply.finish), ("Let me look.\n", "tool_calls"))
        self.assertEqual([(call.name, call.arguments) for call in reply.calls], [("find", FOUND)])

    def test_no_tools_are_called_where_the_client_wants_none(self) -> None:
        none = evolve(TURN, tool_choice=ToolChoice("none"))
        self.assertEqual(fold(inward(answer(FIND), none)).text, FIND)

    def test_one_call_at_a_time_is_one_call(self) -> None:
        single = evolve(TURN, parallel_tool_calls=False)
        self.assertEqual(len(fold(inward(answer(FIND, FIND, "tail"), single)).items), 1)

    def test_a_call_that_was_required_and_did_not_come_is_an_honest_failure(self) -> None:
        required = evolve(TURN, tool_choice=ToolChoice("required"))
        self.assertEqual(inward(answer("no"), required)[-1], e.Failed(fault("tool_choice_unmet")))
        self.assertEqual(inward(answer(FIND), required)[-1], e.Ended("tool_calls"))
        self.assertEqual(inward(answer("no", finish="length"), required)[-1], e.Ended("length"))

    def test_a_registered_pattern_calls_as_well(self) -> None:
        reply = fold(inward(answer('<call:{"query":"x"}:call>'), scanning=Scanning(BOTH)))
        self.assertEqual([call.arguments for call in reply.calls], ['{"query":"x"}'])

    def test_choices_do_not_know_of_each_other(self) -> None:
        choices = [Inward(TURN, token) for token in ("a", "b")]
        said: list[list[e.Event]] = [[], []]
        for event in answer(*FIND):
            for joint, heard in zip(choices, said, strict=True):
                heard += joint.feed(event)
        ids = [call.call_id for heard in said for call in fold(heard).calls]
        self.assertEqual(ids, ["call_a0000", "call_b0000"])

    def test_a_satisfied_joint_can_be_ended(self) -> None:
        joint, events = Inward(TURN, "abc", Gates(stop_after="first")), answer("a", FIND, "b")
        said = [new for event in events[:4] for new in joint.feed(event)]
        self.assertTrue(joint.satisfied)
        self.assertEqual((fold([*said, *joint.end()]).finish, joint.calls), ("tool_calls", 1))


class OutwardTests(SynchronousTestCase):
    def test_a_call_that_was_made_is_a_block_and_the_finish_stays(self) -> None:
        reply = fold(outward([e.Began(), *MADE, e.Ended("tool_calls")]))
        self.assertEqual((reply.text, reply.finish), (NEAT, "tool_calls"))

    def test_a_block_that_was_written_is_laid_out_and_comes_in_one_piece(self) -> None:
        said = outward(answer("Look: ", *FIND, "\n", *FIND, " done"))
        self.assertEqual(
            [event.text for event in said if isinstance(event, e.TextDelta)],
            ["Look: ", f"\n\n{NEAT}", f"\n\n{NEAT}", "\n\n done"],
        )
        self.assertEqual(said[-1], e.Ended("tool_calls"))

    def test_a_block_that_is_also_made_is_shown_once(self) -> None:
        moved = [evolve(event, index=1) for event in MADE]
        said = outward([e.Began(), *answer(FIND)[1:-1], *moved, e.Ended("tool_calls")])
        self.assertEqual(fold(said).text, NEAT)

    def test_markdown_that_a_model_wrote_in_a_block_is_not_escaped(self) -> None:
        source = (
            f"{OPEN}<name>writeToFile</name><path>a</path><content>> [!note] R&D\n<b>x</b></content>{CLOSE}"
        )
        use = read(source)
        assert use is not None
        self.assertEqual(fold(outward(answer(source))).text, lay_out(use))
        self.assertIn("> [!note] R&D\n<b>x</b>", lay_out(use))

    def test_broken_and_unfinished_blocks_are_shown_as_they_are(self) -> None:
        for text in (f"a {OPEN}x{CLOSE} b", f"a{OPEN}<name>find", f"{OPEN}{OPEN}"):
            self.assertEqual(fold(outward(answer(*text))).text, text)

    def test_an_answer_that_ends_after_its_first_call_shows_nothing_more(self) -> None:
        joint = Outward(TURN, "abc", Gates(stop_after="first"))
        said = through(joint, answer("a\n", FIND, "b", FIND))
        self.assertEqual((fold(said).text, said[-1]), (f"a\n{NEAT}", e.Ended("tool_calls")))
        self.assertTrue(joint.satisfied)

    def test_the_tail_is_left_out(self) -> None:
        said = outward(answer(FIND, "between", FIND, "tail"), gates=Gates(suppress_tail=True))
        self.assertEqual(fold(said).text, f"{NEAT}\n\nbetween\n\n{NEAT}")

    def test_a_delimiter_of_ones_own(self) -> None:
        said = through(Outward(TURN, "abc", delimiter="\n---\n"), answer(FIND, FIND))
        self.assertEqual(fold(said).text, f"{NEAT}\n---\n{NEAT}")


class CountTests(SynchronousTestCase):
    def test_blocks_are_counted_under_names_that_the_metrics_have(self) -> None:
        counted: Counter[str] = Counter()
        scanning = Scanning(count=lambda name: counted.update([name]))
        outward(answer(FIND, f"{OPEN}x{CLOSE}", OPEN), scanning=scanning)
        self.assertEqual(counted, {STARTED: 3, FLUSHED: 1, ABORTED: 2})
        self.assertLessEqual(counted.keys(), COUNTERS.keys())


class RegressionTests(SynchronousTestCase):
    """The predecessor took a piece that repeated the end of the text for a repetition, and dropped it."""

    def test_the_predecessors_lost_characters_are_all_here(self) -> None:
        for said in (["The bo", "ok cost 1", "100 dol", "lars."], ["ha", "ha", "ha"], ["\n", "\n"]):
            for way in (inward, outward):
                self.assertEqual(fold(way(answer(*said))).text, "".join(said))

    @given(pieces(8))
    def test_no_repeated_piece_is_lost(self, said: list[str]) -> None:
        for way in (inward, outward):
            self.assertEqual(fold(way(answer(*said))).text, "".join(said))

    def test_a_fragmented_opening_tag_keeps_its_letters(self) -> None:
        self.assertEqual(
            fold(outward(answer("<use_to", "ol><name>find</name>", "<query>R&amp;D</query>", CLOSE))).text,
            NEAT,
        )
