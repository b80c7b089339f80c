"""Stop sequences and the token limit are exact, however the text is split into deltas."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.output_limiter import OutputLimiter
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import GrammarChecker
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Sampling
from tests.support.sentences import broken_sentences, sentences

LETTERS = st.sampled_from(["a", "b", "ab", "é", "\U0001f600", "\n", " "])
TEXTS = st.lists(LETTERS, max_size=16).map("".join)
STOPS = st.lists(st.lists(LETTERS, min_size=1, max_size=4).map("".join), max_size=4).map(tuple)
SAMPLINGS = st.builds(Sampling, max_tokens=st.none() | st.integers(1, 6), stop=STOPS)

TIGHT = st.builds(
    Sampling,
    max_tokens=st.none() | st.integers(1, 3),
    stop=st.lists(st.sampled_from(["100", "1100", "haha", "\n\n\n", "aé", "{}", "a"]), max_size=2).map(tuple),
)


def usage(size_bytes: int) -> e.Usage:
    return e.Usage(output_tokens=size_bytes, estimated=True)


def limited(sampling: Sampling, *events: e.Event) -> list[e.Event]:
    limits = OutputLimiter(sampling, usage)
    return [passed for event in events for passed in limits.feed(event)]


def message(*pieces: str) -> tuple[e.Event, ...]:
    deltas = [e.TextDelta(0, piece) for piece in pieces]
    return (e.Began(), e.MessageOpened(0, "m"), *deltas, e.MessageClosed(0), e.Ended("stop"))


def answer(sampling: Sampling, *pieces: str) -> Reply:
    return fold(limited(sampling, *message(*pieces)))


def stopped(text: str, stops: tuple[str, ...]) -> str:
    """Return the text before its first stop sequence, found character by character."""
    for end in range(1, len(text) + 1):
        complete = [len(stop) for stop in stops if text[:end].endswith(stop)]
        if complete:
            return text[: end - max(complete)]
    return text


@st.composite
def splits(draw: st.DrawFn, text: str) -> list[str]:
    borders = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[a:b] for a, b in zip([0, *borders], [*borders, len(text)], strict=True)]


class StopTests(SynchronousTestCase):
    def test_the_response_ends_before_the_stop_sequence(self) -> None:
        sampling = Sampling(stop=("END",))
        self.assertEqual(
            limited(sampling, *message("one E", "N", "D two")),
            [
                e.Began(),
                e.MessageOpened(0, "m"),
                e.TextDelta(0, "one "),
                e.MessageClosed(0),
                e.UsageReported(usage(4)),
                e.Ended("stop"),
            ],
        )

    def test_the_beginning_of_a_stop_sequence_alone_is_emitted(self) -> None:
        for pieces in (("E", "N", "d"), ("EN",), ("EE", "N")):
            self.assertEqual(answer(Sampling(stop=("END",)), *pieces).text, "".join(pieces))

    def test_annotations_and_log_probabilities_are_passed_on_with_the_text(self) -> None:
        said = (e.TextDelta(0, "one E", '[{"token":"one E"}]'), e.Annotated(0, "{}"))
        passed = limited(Sampling(stop=("END",)), *message()[:2], *said, e.MessageClosed(0))
        expected = [e.TextDelta(0, "one ", '[{"token":"one E"}]'), e.Annotated(0, "{}"), e.TextDelta(0, "E")]
        self.assertEqual(passed[2:-1], expected)

    def test_an_open_search_is_closed_by_the_limit(self) -> None:
        opened = (e.Began(), e.MessageOpened(0, "m"), e.SearchOpened(1, "ws"))
        passed = limited(Sampling(max_tokens=1), *opened, e.TextDelta(0, "a" * 9))
        self.assertIn(e.SearchClosed(1, None, complete=False), passed)

    def test_of_two_stop_sequences_the_one_complete_first_counts(self) -> None:
        for pieces in (("abcd",), ("abc", "d"), ("a", "b", "c", "d")):
            self.assertEqual(answer(Sampling(stop=("abcd", "bc")), *pieces).text, "a")
            self.assertEqual(answer(Sampling(stop=("c", "abc")), *pieces).text, "")

    def test_a_stop_sequence_does_not_span_two_messages(self) -> None:
        events = (*message("E")[:-1], e.MessageOpened(1, "n"), e.TextDelta(1, "ND"), e.MessageClosed(1))
        self.assertEqual(fold(limited(Sampling(stop=("END",)), *events)).text, "END")

    def test_open_messages_have_separate_stop_sequences(self) -> None:
        events = (e.Began(), e.MessageOpened(0, "m"), e.MessageOpened(1, "n"))
        said = (e.TextDelta(0, "E"), e.TextDelta(1, "ND."), e.TextDelta(0, "N"), e.TextDelta(1, "END"))
        reply = fold(limited(Sampling(stop=("END",)), *events, *said))
        self.assertEqual((reply.text, reply.finish), ("ENND.", "stop"))

    def test_held_back_text_is_emitted_before_a_refusal_and_a_failure(self) -> None:
        begun = message("E")[:3]
        for last in (e.RefusalDelta(0, "no"), e.Failed(fault("stream_cut"))):
            passed = limited(Sampling(stop=("END",)), *begun, last)
            self.assertEqual(passed[-2:], [e.TextDelta(0, "E"), last])

    @given(st.data(), TEXTS, STOPS)
    def test_any_split_of_any_text_ends_before_its_first_stop_exactly(
        self, data: st.DataObject, text: str, stops: tuple[str, ...]
    ) -> None:
        reply = answer(Sampling(stop=stops), *data.draw(splits(text)))
        self.assertEqual((reply.text, reply.finish), (stopped(text, stops), "stop"))


class TokenLimitTests(SynchronousTestCase):
    def test_a_token_is_four_bytes(self) -> None:
        self.assertEqual(answer(Sampling(max_tokens=1), "abcd").finish, "stop")
        reply = answer(Sampling(max_tokens=1), "ab", "cde")
        self.assertEqual((reply.text, reply.finish, reply.usage), ("abcd", "length", usage(4)))
        self.assertEqual([item.complete for item in reply.items], [False])

    def test_reasoning_counts_and_calls_do_not(self) -> None:
        thought = (e.ReasoningOpened(0, "r"), e.SummaryDelta(0, 0, "ab"), e.ThoughtDelta(0, 0, "cde"))
        reply = fold(limited(Sampling(max_tokens=1), e.Began(), *thought))
        self.assertEqual((reply.reasoning, reply.finish), (("ab", "cd"), "length"))
        call = (
            e.CallOpened(index=0, id="f", call_id="c", name="n"),
            e.CallDelta(0, "abcdefgh"),
            e.CallClosed(0),
            e.Ended("tool_calls"),
        )
        self.assertEqual(fold(limited(Sampling(max_tokens=1), e.Began(), *call)).finish, "tool_calls")

    def test_held_back_text_may_exceed_the_limit(self) -> None:
        cut = (
            e.TextDelta(0, "abcd"),
            e.MessageClosed(0, False),
            e.UsageReported(usage(4)),
            e.Ended("length"),
        )
        for pieces in (("abcd", "E"), ("abcdefEND",), ("abcdeE", "ND")):
            passed = limited(Sampling(max_tokens=1, stop=("END",)), *message(*pieces))
            self.assertEqual(passed[2:], [*cut])

    @given(st.data(), TEXTS, SAMPLINGS)
    def test_any_split_gives_the_same_reply_and_splits_no_character(
        self, data: st.DataObject, text: str, sampling: Sampling
    ) -> None:
        reply = answer(sampling, *data.draw(splits(text)))
        self.assertEqual(reply, answer(sampling, text))
        wanted = stopped(text, sampling.stop)
        self.assertTrue(wanted.startswith(reply.text))
        if reply.finish == "length":
            assert sampling.max_tokens is not None
            next_letter = wanted[len(reply.text) : len(reply.text) + 1]
            room = 4 * sampling.max_tokens - len(reply.text.encode())
            self.assertTrue(0 <= room < len(next_letter.encode()), room)
        else:
            self.assertEqual(reply.text, wanted)


class GrammarTests(SynchronousTestCase):
    @settings.get_profile("many")
    @given(sentences() | broken_sentences(begun=True), TIGHT)
    def test_limited_events_are_grammatical(self, events: tuple[e.Event, ...], sampling: Sampling) -> None:
        checker = GrammarChecker()
        for event in limited(sampling, *events):
            checker.feed(event)
        self.assertEqual(checker.state, "over")

    @given(sentences() | broken_sentences(begun=True))
    def test_events_within_the_limits_are_unchanged(self, events: tuple[e.Event, ...]) -> None:
        sampling = Sampling(max_tokens=10**6, stop=("never said", "a\n\n\n\n", "100100100100"))
        self.assertEqual(fold(limited(sampling, *events)), fold(events))

    def test_no_limiter_is_needed_without_limits(self) -> None:
        self.assertFalse(OutputLimiter.is_needed(Sampling(temperature=1.0)))
        self.assertTrue(
            OutputLimiter.is_needed(Sampling(stop=("x",))) and OutputLimiter.is_needed(Sampling(max_tokens=1))
        )
