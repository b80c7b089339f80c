"""Which earlier conversation a request goes on with."""

from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    Format,
    ImagePart,
    Item,
    Message,
    Part,
    Reasoning,
    RefusalPart,
    Sampling,
    Search,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    WebSearch,
)
from codexd.policy.affinity import extended, keys, prefixes, results, whole

WORDS = st.sampled_from(["", "a", "b", "ab", "text", "1:", "é"])
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, WORDS),
    st.builds(ImagePart, WORDS, st.none() | st.just("low")),
    st.builds(FilePart, WORDS, st.none() | st.just("a")),
    st.builds(AudioPart, WORDS, WORDS),
)
MESSAGES = st.builds(
    Message, st.sampled_from(["system", "developer", "user"]), st.lists(PARTS, max_size=2).map(tuple)
)
SPOKEN = st.builds(Message, st.just("assistant"), st.lists(st.builds(TextPart, WORDS), max_size=2).map(tuple))
THOUGHTS = st.builds(Reasoning, st.just(("s",)), encrypted=st.none() | WORDS)
CALLS = st.builds(ToolCall, WORDS, WORDS, WORDS, namespace=st.none() | st.just("n"))
RESULTS = st.builds(ToolResult, WORDS, st.lists(PARTS, max_size=2).map(tuple), success=st.booleans())
RUNS = st.lists(SPOKEN | THOUGHTS | CALLS, max_size=3).map(tuple)
TOLD = st.lists(MESSAGES | RESULTS | CALLS, max_size=3).map(tuple)
HISTORIES = st.lists(MESSAGES | RESULTS | SPOKEN | THOUGHTS | CALLS, max_size=6).map(tuple)

USER = Message("user", (TextPart("hi"),))
TURN = Turn("m", (USER,), tools=(Tool("f"),))
# Whatever is set when a thread starts or stays set on it, and another value of it.
FIXED: dict[str, object] = {
    "model": "n",
    "instructions": "Be brief.",
    "tools": (Tool("f", "better"),),
    "tool_choice": ToolChoice("none"),
    "parallel_tool_calls": False,
    "verbosity": "low",
    "thinking": Thinking("high"),
    "service_tier": "flex",
    "web_search": WebSearch(),
    "principal": "somebody else",
}
# Whatever another answer on the same thread may have otherwise.
FREE: dict[str, object] = {
    "sampling": Sampling(stop=("x",)),
    "ignored": ("seed",),
    "truncation": "auto",
    "extra": '{"user":"u"}',
    "calls_as_text": True,
}


def said(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Give a history as a client sends it that keeps neither ids nor reasoning and joins what was said."""
    run: list[Item] = [item for item in items if not isinstance(item, Reasoning)]
    text = "".join(part.text for item in run if isinstance(item, Message) for part in item.parts)  # type: ignore[union-attr]
    spoken = (Message("assistant", (TextPart(text),)),) if text else ()
    return (*spoken, *(item for item in run if isinstance(item, ToolCall)))


LOOK = TextPart("look.", ('{"type":"url_citation"}',), '[{"token":"look."}]')


class KeysTests(SynchronousTestCase):
    def test_whatever_a_thread_is_set_up_with_tells_it_apart(self) -> None:
        known = keys(TURN, "plain")
        for name, value in FIXED.items():
            other = keys(evolve(TURN, **{name: value}), "plain")
            self.assertNotEqual(other.thread, known.thread, name)
            self.assertNotEqual(other.turn, known.turn, name)
        self.assertNotEqual(keys(TURN, "agent").thread, known.thread)

    def test_the_form_of_the_answer_tells_turns_apart_and_threads_not(self) -> None:
        known, other = keys(TURN, "plain"), keys(evolve(TURN, format=Format("json_object")), "plain")
        self.assertEqual((other.thread == known.thread, other.turn == known.turn), (True, False))

    def test_what_is_kept_here_or_means_nothing_tells_nothing_apart(self) -> None:
        for name, value in FREE.items():
            self.assertEqual(keys(evolve(TURN, **{name: value}), "plain"), keys(TURN, "plain"), name)

    def test_no_field_of_a_turn_is_forgotten(self) -> None:
        self.assertEqual({*FIXED, *FREE, "format", "items"}, {field.name for field in fields(Turn)})

    def test_instructions_are_not_mistaken_for_their_absence(self) -> None:
        self.assertNotEqual(keys(evolve(TURN, instructions="None"), "p"), keys(TURN, "p"))


class HistoryTests(SynchronousTestCase):
    def test_any_change_of_what_was_said_changes_the_fingerprint(self) -> None:
        history: tuple[Item, ...] = (
            USER,
            Message("assistant", (TextPart("a"),)),
            ToolCall("c", "f", "{}"),
            ToolResult("c", (TextPart("r"),)),
        )
        changed: tuple[tuple[int, Item], ...] = (
            (0, Message("developer", (TextPart("hi"),))),
            (0, Message("user", (TextPart("hi!"),))),
            (0, Message("user", (TextPart("hi"), ImagePart("u")))),
            (1, Message("assistant", (TextPart("b"),))),
            (2, ToolCall("d", "f", "{}")),
            (2, ToolCall("c", "g", "{}")),
            (2, ToolCall("c", "f", "{ }")),
            (2, ToolCall("c", "f", "{}", namespace="n")),
            (3, ToolResult("d", (TextPart("r"),))),
            (3, ToolResult("c", (TextPart("s"),))),
            (3, ToolResult("c", (TextPart("r"),), success=False)),
        )
        found = {whole((*history[:at], item, *history[at + 1 :])) for at, item in changed}
        self.assertEqual(len(found | {whole(history)}), len(changed) + 1)

    def test_any_two_different_contents_are_told_apart(self) -> None:
        contents: tuple[tuple[Part, ...], ...] = (
            (),
            (TextPart("a"),),
            (TextPart("a"), TextPart("a")),
            (TextPart("atexta"),),
            (ImagePart("a"),),
            (ImagePart("a", "low"),),
            (FilePart("a"),),
            (FilePart("a", "low"),),
            (AudioPart("a", "wav"),),
            (AudioPart("a", "mp3"),),
        )
        self.assertEqual(len({whole((Message("user", parts),)) for parts in contents}), len(contents))

    def test_an_empty_history_has_no_prefixes(self) -> None:
        self.assertEqual((prefixes(()), whole(())), ((), b""))

    def test_what_clients_lose_does_not_count(self) -> None:
        full = (
            Search("ws_1", '{"type":"search"}'),
            Reasoning(("s",), (), "sealed", "rs_1"),
            Message("assistant", (TextPart("Let me "),), "commentary", "msg_1"),
            Message("assistant", (LOOK, RefusalPart(" No.")), id="msg_2", complete=False),
            ToolCall("c", "f", "{}", id="fc_1"),
        )
        bare = (Message("assistant", (TextPart("Let me look. No."),)), ToolCall("c", "f", "{}"))
        self.assertEqual(whole((USER, *full)), whole((USER, *bare)))

    def test_a_run_that_said_nothing_does_not_count(self) -> None:
        silent = (Reasoning(("s",)), Message("assistant", (TextPart(""),)))
        self.assertEqual(whole((USER, *silent, USER)), whole((USER, USER)))
        self.assertEqual([prefix.count for prefix in prefixes((USER, *silent, USER))], [1, 3, 4])

    @given(HISTORIES, RUNS, HISTORIES)
    def test_a_run_counts_by_its_text_and_its_calls(
        self, before: tuple[Item, ...], run: tuple[Item, ...], after: tuple[Item, ...]
    ) -> None:
        around = ((USER, *before, USER), (USER, *after))
        self.assertEqual(whole(around[0] + run + around[1]), whole(around[0] + said(run) + around[1]))

    @given(TOLD, TOLD)
    def test_different_histories_have_different_fingerprints(
        self, one: tuple[Item, ...], other: tuple[Item, ...]
    ) -> None:
        self.assertEqual(whole(one) == whole(other), one == other)

    @given(HISTORIES, HISTORIES)
    def test_a_prefix_of_a_longer_history_is_found_in_it_wherever_a_block_ends(
        self, items: tuple[Item, ...], more: tuple[Item, ...]
    ) -> None:
        found = {prefix.count: prefix.digest for prefix in prefixes((*items, USER, *more))}
        self.assertEqual(found[len(items) + 1], whole((*items, USER)))
        self.assertEqual(found[max(found)], whole((*items, USER, *more)))
        self.assertEqual([*found], sorted(found))
        for count, digest in found.items():
            self.assertEqual(digest, whole((*items, USER, *more)[:count]))

    @given(HISTORIES, HISTORIES)
    def test_a_history_is_extended_without_reading_it_again(
        self, items: tuple[Item, ...], more: tuple[Item, ...]
    ) -> None:
        self.assertEqual(extended(prefixes(items), items, more), whole(items + more))


class ResultsTests(SynchronousTestCase):
    def test_a_rest_of_results_alone_is_given_as_results(self) -> None:
        one, two = ToolResult("c", ()), ToolResult("d", ())
        self.assertEqual(results((two, one)), (two, one))
        self.assertIsNone(results((one, USER)))
        self.assertIsNone(results(()))
