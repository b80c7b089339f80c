from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.answer_plan import (
    CompletedEnding,
    DisconnectedEnding,
    IncompleteEnding,
    ScriptedCall,
    ScriptedMessage,
    ScriptedReasoning,
)
from codexd.scripted.output_limits import PlannedOutput, apply_stop_sequences, apply_token_limit

OUTPUT: PlannedOutput = (
    (
        ScriptedReasoning(("hm ", "hm")),
        ScriptedMessage(("one ", "two ", "", "three")),
        ScriptedCall("f", ("{}",)),
    ),
    DisconnectedEnding(),
)
PIECES = st.lists(st.text("abEN", max_size=3), max_size=6).map(tuple)


def texts(output: PlannedOutput) -> list[str]:
    return [item.text for item in output[0] if isinstance(item, ScriptedMessage | ScriptedReasoning)]


class StopTests(SynchronousTestCase):
    def test_the_answer_ends_normally_before_the_first_stop_sequence(self) -> None:
        self.assertEqual(
            apply_stop_sequences(OUTPUT, ("three", "o t")),
            ((ScriptedReasoning(("hm ", "hm")), ScriptedMessage(("one ", "tw"))), CompletedEnding()),
        )

    def test_reasoning_and_calls_are_not_searched(self) -> None:
        self.assertEqual(apply_stop_sequences(OUTPUT, ("hm", "{}", "four")), OUTPUT)

    @given(PIECES, st.text("abEN", min_size=1, max_size=2))
    def test_the_text_before_the_stop_sequence_remains(self, deltas: tuple[str, ...], stop: str) -> None:
        left = apply_stop_sequences(((ScriptedMessage(deltas),), CompletedEnding()), (stop,))
        self.assertEqual(texts(left), ["".join(deltas).partition(stop)[0]])


class TokenTests(SynchronousTestCase):
    def test_non_empty_deltas_of_all_items_are_counted(self) -> None:
        cut = (ScriptedReasoning(("hm ", "hm")), ScriptedMessage(("one ", "two ")))
        self.assertEqual(apply_token_limit(OUTPUT, 4), (cut, IncompleteEnding("max_output_tokens")))
        self.assertEqual(
            apply_token_limit(OUTPUT, 1),
            ((ScriptedReasoning(("hm ",)),), IncompleteEnding("max_output_tokens")),
        )

    def test_an_answer_within_the_limit_is_unchanged(self) -> None:
        for limit in (5, 6, None):
            self.assertIs(apply_token_limit(OUTPUT, limit), OUTPUT)
