"""Tests of codexd.backs.chat.finish_reasons."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.finish_reasons import announces_calls, classify, is_reason, later
from codexd.neutral.fault import Fault

FAMILIES = {
    "stop": ("stop", "STOP", "eos", "eos_token", "end_turn", "stop_sequence", "COMPLETE", "tool_calls", "tool_use"),
    "length": ("length", "max_tokens", "MAX_TOKENS", "model_length", "model_context_window_exceeded"),
    "content_filter": ("content_filter", "content-filter", "SAFETY", "FINISH_REASON_RECITATION", "sensitive"),
}
KNOWN = frozenset(word for words in FAMILIES.values() for word in words)


def failure(reason: str, native: str = "") -> Fault:
    found = classify(reason, native)
    assert isinstance(found, Fault), (reason, native, found)
    return found


class FinishReasonTests(SynchronousTestCase):
    def test_the_words_of_one_family_mean_the_same(self) -> None:
        for finish, words in FAMILIES.items():
            for word in words:
                self.assertEqual(classify(word), finish, word)
                self.assertEqual(classify(word.replace("_", "-").title()), finish, word)

    def test_a_word_of_no_family_is_a_failure_that_names_it(self) -> None:
        for word in ("abort", "error", "OTHER", "network_error", "pause_turn", "7", "stopp", "user_cancelled"):
            found = failure(word)
            self.assertEqual((found.kind, found.note), ("model_failed", f"finish_reason={word}"))
            self.assertIn(f"'{word}'", found.message)

    @given(st.text(max_size=99))
    def test_any_word_is_shown_short_and_printable(self, word: str) -> None:
        found = classify(word)
        if isinstance(found, Fault):
            self.assertLess(len(found.note or ""), 80)
            self.assertTrue((found.note or "").isascii() and (found.note or "").isprintable())

    def test_a_server_without_resources_is_overloaded(self) -> None:
        self.assertEqual(failure("insufficient_system_resource").kind, "overloaded")

    def test_a_native_failure_contradicts_a_stop(self) -> None:
        for native in ("network_error", "abort", "MALFORMED_FUNCTION_CALL", "timeout", "insufficient_system_resource"):
            self.assertIn(native, failure("stop", native).note or "")

    def test_a_native_reason_in_the_words_of_any_provider_is_no_failure(self) -> None:
        for native in ("", "stop", "end_turn", "STOP", "completed", "im_end", "whatever"):
            self.assertEqual(classify("stop", native), "stop", native)

    def test_the_native_reason_is_the_more_exact_one(self) -> None:
        self.assertEqual(classify("stop", "MAX_TOKENS"), "length")
        self.assertEqual(classify("length", "STOP"), "length")
        self.assertEqual(classify("stop", "SAFETY"), "content_filter")

    def test_the_word_before_a_colon_counts(self) -> None:
        self.assertEqual(classify("content_filter: RECITATION"), "content_filter")
        self.assertEqual(failure("function_call_filter: MALFORMED_FUNCTION_CALL").kind, "model_failed")

    def test_of_two_finish_reasons_the_cut_counts(self) -> None:
        self.assertEqual(later(None, "stop"), "stop")
        for one, other in (("stop", "length"), ("length", "content_filter"), ("stop", "content_filter")):
            self.assertEqual((later(one, other), later(other, one)), (other, other))  # type: ignore[arg-type]

    def test_other_spellings_of_null_are_no_reasons(self) -> None:
        for word in ("", " ", "null", "None", "FINISH_REASON_UNSPECIFIED"):
            self.assertFalse(is_reason(word), word)
        self.assertTrue(is_reason("stop"))

    def test_the_words_that_announce_calls(self) -> None:
        self.assertTrue(announces_calls("tool_calls") and announces_calls("TOOL_CALL") and announces_calls("tool_use"))
        self.assertFalse(announces_calls("stop"))
