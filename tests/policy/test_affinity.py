"""Tests of the fingerprints of turns and histories."""

from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import (
    AudioPart,
    CompactionRequest,
    FilePart,
    ImagePart,
    Item,
    Message,
    Part,
    Reasoning,
    ReasoningOptions,
    RefusalPart,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    WebSearch,
    WebSearchCall,
)
from codexd.policy.affinity import (
    as_tool_results,
    fingerprint_extended,
    fingerprint_history,
    fingerprint_prefixes,
    fingerprint_turn,
)

WORDS = st.sampled_from(["", "a", "b", "ab", "text", "1:", "é"])
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, WORDS),
    st.builds(ImagePart, WORDS, st.none() | st.just("low")),
    st.builds(FilePart, WORDS, st.none() | st.just("a")),
    st.builds(AudioPart, WORDS, WORDS),
)
MESSAGES = st.builds(
    Message, role=st.sampled_from(["system", "developer", "user"]), parts=st.lists(PARTS, max_size=2).map(tuple)
)
SPOKEN = st.builds(
    Message, role=st.just("assistant"), parts=st.lists(st.builds(TextPart, WORDS), max_size=2).map(tuple)
)
THOUGHTS = st.builds(Reasoning, summary=st.just(("s",)), encrypted=st.none() | WORDS)
CALLS = st.builds(ToolCall, call_id=WORDS, name=WORDS, arguments=WORDS, namespace=st.none() | st.just("n"))
RESULTS = st.builds(ToolResult, WORDS, st.lists(PARTS, max_size=2).map(tuple), success=st.booleans())
RUNS = st.lists(SPOKEN | THOUGHTS | CALLS, max_size=3).map(tuple)
TOLD = st.lists(MESSAGES | RESULTS | CALLS, max_size=3).map(tuple)
HISTORIES = st.lists(MESSAGES | RESULTS | SPOKEN | THOUGHTS | CALLS, max_size=6).map(tuple)

USER = Message(role="user", parts=(TextPart("hi"),))
TURN = Turn(model="m", items=(USER,), tools=(Tool(name="f"),))
# The fields that are set when a thread starts or that persist on it, each with another value.
FIXED: dict[str, object] = {
    "model": "n",
    "instructions": "Be brief.",
    "tools": (Tool(name="f", description="better"),),
    "tool_choice": ToolChoice("none"),
    "parallel_tool_calls": False,
    "verbosity": "low",
    "reasoning": ReasoningOptions("high"),
    "service_tier": "flex",
    "web_search": WebSearch(),
    "principal": "somebody else",
}
# The fields in which another turn on the same thread may differ.
FREE: dict[str, object] = {
    "sampling": Sampling(stop=("x",)),
    "ignored": ("seed",),
    "truncation": "auto",
    "extra": '{"user":"u"}',
    "calls_as_text": True,
    "compaction": CompactionRequest(),
}


def as_resent(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return a run as sent by a client that keeps neither ids nor reasoning and joins all text."""
    run: list[Item] = [item for item in items if not isinstance(item, Reasoning)]
    text = "".join(part.text for item in run if isinstance(item, Message) for part in item.parts)  # type: ignore[union-attr]
    spoken = (Message(role="assistant", parts=(TextPart(text),)),) if text else ()
    return (*spoken, *(item for item in run if isinstance(item, ToolCall)))


LOOK = TextPart("look.", ('{"type":"url_citation"}',), '[{"token":"look."}]')


class FingerprintTurnTests(SynchronousTestCase):
    def test_every_thread_setting_changes_both_fingerprints(self) -> None:
        known = fingerprint_turn(TURN, "plain")
        for name, value in FIXED.items():
            other = fingerprint_turn(evolve(TURN, **{name: value}), "plain")
            self.assertNotEqual(other.thread, known.thread, name)
            self.assertNotEqual(other.turn, known.turn, name)
        self.assertNotEqual(fingerprint_turn(TURN, "agent").thread, known.thread)

    def test_the_response_format_changes_only_the_turns_fingerprint(self) -> None:
        known, other = (
            fingerprint_turn(TURN, "plain"),
            fingerprint_turn(evolve(TURN, format=ResponseFormat(kind="json_object")), "plain"),
        )
        self.assertEqual((other.thread == known.thread, other.turn == known.turn), (True, False))

    def test_other_fields_change_no_fingerprint(self) -> None:
        for name, value in FREE.items():
            self.assertEqual(
                fingerprint_turn(evolve(TURN, **{name: value}), "plain"),
                fingerprint_turn(TURN, "plain"),
                name,
            )

    def test_every_field_of_a_turn_is_covered(self) -> None:
        self.assertEqual({*FIXED, *FREE, "format", "items"}, {field.name for field in fields(Turn)})

    def test_instructions_of_none_differ_from_the_text_none(self) -> None:
        self.assertNotEqual(fingerprint_turn(evolve(TURN, instructions="None"), "p"), fingerprint_turn(TURN, "p"))


class HistoryTests(SynchronousTestCase):
    def test_every_change_of_the_content_changes_the_fingerprint(self) -> None:
        history: tuple[Item, ...] = (
            USER,
            Message(role="assistant", parts=(TextPart("a"),)),
            ToolCall(call_id="c", name="f", arguments="{}"),
            ToolResult("c", (TextPart("r"),)),
        )
        changed: tuple[tuple[int, Item], ...] = (
            (0, Message(role="developer", parts=(TextPart("hi"),))),
            (0, Message(role="user", parts=(TextPart("hi!"),))),
            (0, Message(role="user", parts=(TextPart("hi"), ImagePart("u")))),
            (1, Message(role="assistant", parts=(TextPart("b"),))),
            (2, ToolCall(call_id="d", name="f", arguments="{}")),
            (2, ToolCall(call_id="c", name="g", arguments="{}")),
            (2, ToolCall(call_id="c", name="f", arguments='{"a":1}')),
            (2, ToolCall(call_id="c", name="f", arguments="{}", namespace="n")),
            (3, ToolResult("d", (TextPart("r"),))),
            (3, ToolResult("c", (TextPart("s"),))),
            (3, ToolResult("c", (TextPart("r"),), success=False)),
        )
        found = {fingerprint_history((*history[:at], item, *history[at + 1 :])) for at, item in changed}
        self.assertEqual(len(found | {fingerprint_history(history)}), len(changed) + 1)

    def test_the_spelling_of_a_functions_arguments_does_not_count(self) -> None:
        for spellings in (
            ('{"a":1,"b":"\u00e9"}', '{ "b": "\\u00e9",\n "a": 1 }'),
            ("{}", "{ }", "", " \n"),
            ("not JSON", "not JSON"),
        ):
            calls = [ToolCall(call_id="c", name="f", arguments=text) for text in spellings]
            self.assertEqual(len({fingerprint_history((USER, call)) for call in calls}), 1)

    def test_the_input_of_a_custom_tool_is_exact(self) -> None:
        inputs = ('{"a":1}', '{"a": 1}', "{}", "", " ")
        calls = [ToolCall(call_id="c", name="f", arguments=text, kind="custom") for text in inputs]
        self.assertEqual(len({fingerprint_history((USER, call)) for call in calls}), len(inputs))

    def test_different_parts_have_different_fingerprints(self) -> None:
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
        self.assertEqual(
            len({fingerprint_history((Message(role="user", parts=parts),)) for parts in contents}), len(contents)
        )

    def test_an_empty_history_has_no_prefixes(self) -> None:
        self.assertEqual((fingerprint_prefixes(()), fingerprint_history(())), ((), b""))

    def test_what_clients_lose_is_ignored(self) -> None:
        full = (
            WebSearchCall("ws_1", '{"type":"search"}'),
            Reasoning(summary=("s",), content=(), encrypted="sealed", id="rs_1"),
            Message(role="assistant", parts=(TextPart("Let me "),), phase="commentary", id="msg_1"),
            Message(role="assistant", parts=(LOOK, RefusalPart(" No.")), id="msg_2", complete=False),
            ToolCall(call_id="c", name="f", arguments="{}", id="fc_1"),
        )
        bare = (
            Message(role="assistant", parts=(TextPart("Let me look. No."),)),
            ToolCall(call_id="c", name="f", arguments="{}"),
        )
        self.assertEqual(fingerprint_history((USER, *full)), fingerprint_history((USER, *bare)))

    def test_a_run_without_text_and_calls_is_ignored(self) -> None:
        silent = (Reasoning(summary=("s",)), Message(role="assistant", parts=(TextPart(""),)))
        self.assertEqual(fingerprint_history((USER, *silent, USER)), fingerprint_history((USER, USER)))
        self.assertEqual([prefix.count for prefix in fingerprint_prefixes((USER, *silent, USER))], [1, 3, 4])

    @given(HISTORIES, RUNS, HISTORIES)
    def test_only_the_text_and_calls_of_a_run_count(
        self, before: tuple[Item, ...], run: tuple[Item, ...], after: tuple[Item, ...]
    ) -> None:
        around = ((USER, *before, USER), (USER, *after))
        self.assertEqual(
            fingerprint_history(around[0] + run + around[1]),
            fingerprint_history(around[0] + as_resent(run) + around[1]),
        )

    @given(TOLD, TOLD)
    def test_different_histories_have_different_fingerprints(
        self, one: tuple[Item, ...], other: tuple[Item, ...]
    ) -> None:
        self.assertEqual(fingerprint_history(one) == fingerprint_history(other), one == other)

    @given(HISTORIES, HISTORIES)
    def test_every_prefix_at_the_end_of_a_block_is_found(self, items: tuple[Item, ...], more: tuple[Item, ...]) -> None:
        found = {prefix.count: prefix.digest for prefix in fingerprint_prefixes((*items, USER, *more))}
        self.assertEqual(found[len(items) + 1], fingerprint_history((*items, USER)))
        self.assertEqual(found[max(found)], fingerprint_history((*items, USER, *more)))
        self.assertEqual([*found], sorted(found))
        for count, digest in found.items():
            self.assertEqual(digest, fingerprint_history((*items, USER, *more)[:count]))

    @given(HISTORIES, HISTORIES)
    def test_an_extended_fingerprint_equals_that_of_the_whole_history(
        self, items: tuple[Item, ...], more: tuple[Item, ...]
    ) -> None:
        self.assertEqual(
            fingerprint_extended(fingerprint_prefixes(items), items, more), fingerprint_history(items + more)
        )


class AsToolResultsTests(SynchronousTestCase):
    def test_only_items_that_are_all_results_are_returned(self) -> None:
        one, two = ToolResult("c", ()), ToolResult("d", ())
        self.assertEqual(as_tool_results((two, one)), (two, one))
        self.assertIsNone(as_tool_results((one, USER)))
        self.assertIsNone(as_tool_results(()))
