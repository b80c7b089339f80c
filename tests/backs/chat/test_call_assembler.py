"""Any fragmentation of tool calls gives the same calls."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.neutral import event as e
from codexd.neutral.reply import fold
from codexd.neutral.turn import ToolCall
from tests.support.call_habits import habitual_calls
from tests.support.chat_chunks import (
    DONE,
    TOKEN,
    Chunk,
    ModelCall,
    calls,
    chunk,
    fragments,
    frames,
    repeated,
    translate,
)


def answer(
    *chunks: list[Chunk], last: list[Chunk] | None = None, capabilities: ServerCapabilities | None = None
) -> list[e.Event]:
    """Return the events of a response with these fragments."""
    stream = [chunk({"tool_calls": entries}) for entries in chunks]
    end = chunk({"tool_calls": last} if last else {}, "tool_calls")
    return translate(frames(*stream, end) + DONE, dialect=capabilities or ServerCapabilities())


def made(events: list[e.Event]) -> list[tuple[str | None, str, str, str]]:
    """Return the calls of a response."""
    return [(one.namespace, one.name, one.arguments, one.call_id) for one in fold(events).calls]


def expected(spoken: list[ModelCall]) -> list[tuple[str | None, str, str, str]]:
    return [(*place(call.name), call.arguments, call.id or f"call_{TOKEN}{at:04x}") for at, call in enumerate(spoken)]


def place(name: str) -> tuple[str | None, str]:
    return ("files", "read") if name in ("read", "files__read") else (None, name)


def entry(index: int | None = None, id: str | None = None, **body: object) -> Chunk:
    found: Chunk = {"function": body} if body else {}
    found |= {} if index is None else {"index": index}
    return found | ({} if id is None else {"id": id})


class FragmentTests(SynchronousTestCase):
    @settings.get_profile("many")
    @given(st.booleans().flatmap(calls), st.data())
    def test_any_fragmentation_gives_the_same_calls(self, spoken: list[ModelCall], data: st.DataObject) -> None:
        chunks = data.draw(fragments(spoken))
        last = repeated(spoken) if data.draw(st.booleans()) else None
        events = answer(*chunks, last=last)
        self.assertEqual(made(events), expected(spoken))
        self.assertEqual(events[-1], e.Ended("tool_calls"))
        ids = [event.id for event in events if isinstance(event, e.CallOpened)]
        self.assertEqual(ids, [f"fc_{TOKEN}{at:04x}" for at in range(len(spoken))])

    @settings.get_profile("many")
    @given(habitual_calls())
    def test_any_habit_gives_the_same_calls(self, habitual: tuple[list[ModelCall], list[Chunk]]) -> None:
        spoken, chunks = habitual
        events = translate(frames(*chunks, chunk({}, "tool_calls")) + DONE)
        self.assertEqual(made(events), expected(spoken))
        self.assertEqual(events[-1], e.Ended("tool_calls"))

    def test_arguments_are_streamed_once_name_and_id_are_known(self) -> None:
        events = answer(
            [entry(0, "c", name="get_weather", arguments="")],
            [entry(0, arguments='{"a"')],
            [entry(0, arguments=":1}")],
        )
        deltas = [event.text for event in events if isinstance(event, e.CallDelta)]
        self.assertEqual(deltas, ['{"a"', ":1}"])

    def test_arguments_before_the_name_are_buffered(self) -> None:
        events = answer(
            [entry(0, "c")],
            [entry(0, arguments='{"a":1')],
            [entry(0, name="haha")],
            [entry(0, arguments="}")],
        )
        self.assertEqual(made(events), [(None, "haha", '{"a":1}', "c")])

    def test_a_name_that_is_a_prefix_of_another_waits_for_more(self) -> None:
        longer = answer([entry(0, "c", name="get")], [entry(0, name="_weather")], [entry(0, arguments="{}")])
        self.assertEqual(made(longer), [(None, "get_weather", "{}", "c")])
        shorter = answer([entry(0, "c", name="get")], [entry(0, arguments="{}")])
        self.assertEqual(made(shorter), [(None, "get", "{}", "c")])

    def test_a_name_repeated_in_every_chunk_counts_once(self) -> None:
        twice = [entry(0, "c", name="ha", arguments="{")], [entry(0, "c", name="ha", arguments="}")]
        self.assertEqual(made(answer(*twice)), [(None, "ha", "{}", "c")])

    def test_calls_with_one_index_are_distinguished_by_their_ids(self) -> None:
        events = answer(
            [entry(0, "a", name="get", arguments="{}")],
            [entry(0, "b", name="get", arguments="{}")],
        )
        self.assertEqual(made(events), [(None, "get", "{}", "a"), (None, "get", "{}", "b")])

    def test_calls_without_arguments_ids_and_indexes_are_distinguished_by_their_names(self) -> None:
        events = answer([entry(name="ha", arguments=""), entry(name="haha", arguments="")])
        self.assertEqual([name for _, name, _, _ in made(events)], ["ha", "haha"])

    def test_two_equal_calls_are_two_calls(self) -> None:
        both = [entry(name="get", arguments="{}"), entry(name="get", arguments="{}")]
        self.assertEqual(len(made(answer(last=both))), 2)

    def test_a_duplicate_id_belongs_to_the_first_call(self) -> None:
        events = answer(
            [entry(0, "get", name="get", arguments="{}")], [entry(1, "get", name="get", arguments='{"a":1}')]
        )
        self.assertEqual([id for *_, id in made(events)], ["get", f"call_{TOKEN}0001"])

    def test_two_names_with_one_index_and_equal_arguments_are_two_calls(self) -> None:
        both = [entry(0, name="get", arguments="{}")], [entry(0, name="invented", arguments="{}")]
        self.assertEqual([name for _, name, _, _ in made(answer(*both))], ["get", "invented"])

    def test_equal_argument_fragments_are_no_repetition(self) -> None:
        events = answer(
            [entry(0, "c", name="get", arguments='{"a":')],
            *([entry(0, arguments=text)] for text in ('{"b":', "{}", "}", "}")),
        )
        self.assertEqual(made(events), [(None, "get", '{"a":{"b":{}}}', "c")])

    def test_a_repeated_call_may_be_formatted_differently(self) -> None:
        streamed = [entry(0, "c", name="get", arguments='{"a": 1,')], [entry(0, arguments=' "b": 2}')]
        events = answer(*streamed, last=[entry(0, "c", name="get", arguments='{"b":2,"a":1}')])
        self.assertEqual(made(events), [(None, "get", '{"a": 1, "b": 2}', "c")])

    def test_the_deprecated_function_call_is_a_call(self) -> None:
        first = chunk({"function_call": {"name": "get_weather", "arguments": '{"a"'}})
        second = chunk({"function_call": {"arguments": ":1}"}})
        events = translate(frames(first, second, chunk({}, "function_call")) + DONE)
        self.assertEqual(made(events), [(None, "get_weather", '{"a":1}', f"call_{TOKEN}0000")])
        self.assertEqual(events[-1], e.Ended("tool_calls"))

    def test_a_call_without_a_name_is_a_failure(self) -> None:
        events = answer([entry(0, "c", arguments="{}")])
        self.assertEqual(events[-1].fault.kind, "model_failed")  # type: ignore[union-attr]

    def test_a_call_that_was_cut_is_incomplete(self) -> None:
        stream = frames(
            chunk({"tool_calls": [entry(0, "a", name="ha", arguments="{}")]}),
            chunk({"tool_calls": [entry(1, "b", name="ha", arguments='{"x":')]}),
            chunk({}, "length"),
        )
        self.assertEqual([call.complete for call in fold(translate(stream + DONE)).calls], [True, False])


class CustomTests(SynchronousTestCase):
    def test_a_custom_tool_sent_as_a_function_gets_its_raw_input_back(self) -> None:
        pieces = '{"inp', 'ut":"*** Begin\\n', 'Patch"}'
        events = answer([entry(0, "c", name="patch")], *([entry(0, arguments=piece)] for piece in pieces))
        self.assertEqual(
            fold(events).calls,
            (
                ToolCall(
                    call_id="c",
                    name="patch",
                    arguments="*** Begin\nPatch",
                    kind="custom",
                    namespace=None,
                    id=f"fc_{TOKEN}0000",
                ),
            ),
        )

    def test_a_native_custom_tool_call_is_streamed_raw_and_once(self) -> None:
        native = [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "patch", "input": ""}}]
        more = [[{"index": 0, "custom": {"input": piece}}] for piece in ("a{", "}b")]
        whole = [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "patch", "input": "a{}b"}}]
        events = answer(native, *more, last=whole, capabilities=ServerCapabilities(custom_tools=True))
        self.assertEqual(fold(events).calls[0].arguments, "a{}b")
        self.assertEqual([event.text for event in events if isinstance(event, e.CallDelta)], ["a{", "}b"])
