"""What codexd relies on of the app-server's protocol, against the schema of the pinned binary itself.

A failure names the method and the field that is gone or has another type.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.backs import failures, profile, requests
from codexd.backs.items import SEARCH_ACTIONS, content_items, raw_items
from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    Format,
    ImagePart,
    Message,
    Place,
    Reasoning,
    Search,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    WebSearch,
)
from codexd.wire import json
from codexd.wire.json import Json
from tests.support.scene import RECORDINGS, THREAD
from tests.support.schema import Schema, Schemas, gaps, misfits, written_by_the_pinned_binary

PARTS = (TextPart("t"), ImagePart("https://a/b.png", "low"), AudioPart("UklGRg==", "wav"))
TURN = Turn(
    "m1",
    (
        Message("system", (*PARTS, FilePart("data:text/plain,hi", "f.txt"))),
        Message("assistant", (TextPart("t", ('{"type":"url_citation"}',)),), phase="commentary"),
        Search("ws", '{"type":"search","query":"q"}'),
        Reasoning(("s",), ("c",), "sealed"),
        ToolCall("c1", "f", "{}", namespace="n"),
        ToolResult("c1", PARTS),
        ToolCall("c2", "g", "raw", kind="custom"),
        ToolResult("c2", (TextPart("t"),), kind="custom"),
    ),
    instructions="Be brief.",
    tools=(
        Tool("f", namespace="n", namespace_description="d"),
        Tool("g", kind="custom", grammar="g"),
        Tool("h", parameters='{"type":"object"}'),
    ),
    thinking=Thinking("high", "detailed"),
    format=Format("json_schema", '{"type":"object"}', "s"),
    verbosity="low",
    service_tier="flex",
    web_search=WebSearch("low", ("a.org",), Place("NO", "r", "Oslo", "Europe/Oslo")),
)
CALLS = (
    b.Initialize(b.ClientInfo("codexd", "1", "t"), b.Capabilities(True, b.SILENCED)),
    b.ConfigRead(),
    b.ModelList("next"),
    profile.thread_start(TURN, profile.Profile(False, "/empty", mcp_servers=("x",))),
    profile.thread_start(TURN, profile.Profile(True, "/work", "workspace-write")),
    b.InjectItems(THREAD, profile.shown(TURN, TURN.items)),
    profile.turn_start(THREAD, TURN),
    profile.turn_start(THREAD, Turn("m1", ())),
    b.TurnInterrupt(THREAD, "turn"),
    b.Unsubscribe(THREAD),
)
RESULTS = {"thread/start": b.ThreadStarted, "turn/start": b.TurnAccepted, "model/list": b.ModelPage}
# The binary writes no method for these two, only their params: they are opted into by experimentalRawEvents.
RAW = {
    "rawResponseItem/completed": "RawResponseItemCompletedNotification",
    "rawResponse/completed": "RawResponseCompletedNotification",
}


@frozen
class ReadMessage:
    """What is read of an `agentMessage` (codexd.backs.telling)."""

    id: str
    text: str
    phase: str | None = None


@frozen
class ReadSearch:
    """What is read of a `webSearch`; how its actions are spelled is tested beside."""

    id: str
    action: dict[str, Any] | None = None


@frozen
class ReadItem:
    """What is read of any other item."""

    id: str


@frozen
class ReadText:
    """What is read of a reasoning item's part."""

    text: str


@frozen
class ReadThought:
    """What is read of a raw `reasoning` item."""

    summary: list[ReadText]
    id: str | None = None
    content: list[ReadText] | None = None
    encrypted_content: str | None = None


@frozen
class ReadNoted:
    """What is read of a raw `message` item's part."""

    annotations: list[Any] | None = None


@frozen
class ReadCall:
    """What is read of a raw `function_call` item."""

    call_id: str
    name: str
    arguments: str
    id: str | None = None
    namespace: str | None = None


ITEMS = (
    ("ThreadItem", "agentMessage", ReadMessage),
    ("ThreadItem", "reasoning", ReadItem),
    ("ThreadItem", "contextCompaction", ReadItem),
    ("ThreadItem", "webSearch", ReadSearch),
    ("ResponseItem", "reasoning", ReadThought),
    ("ResponseItem", "function_call", ReadCall),
    ("ContentItem", "output_text", ReadNoted),
)


class Case(SynchronousTestCase):
    """Has the schema, written once for this module."""

    schemas: ClassVar[Schemas]

    def setUp(self) -> None:
        if not hasattr(Case, "schemas"):
            Case.schemas = written_by_the_pinned_binary(Path(self.mktemp()).absolute())

    def agrees(self, complaints: Iterable[str]) -> None:
        self.assertEqual(list(complaints), [])


class AskingTests(Case):
    def test_every_call_is_a_method_of_the_binary_and_fits_its_params(self) -> None:
        known = self.schemas.methods("ClientRequest")
        self.assertEqual(set(b.METHODS.values()) - set(known), set())
        self.assertEqual({type(call) for call in CALLS}, set(b.METHODS))
        for call in CALLS:
            method = b.METHODS[type(call)]
            params = json.decode(json.encode(b.encode(call)))
            self.agrees(misfits(params, known[method], method))

    def test_a_web_search_is_configured_in_words_of_the_binary(self) -> None:
        asked = profile.thread_start(TURN, profile.Profile(False, "/empty")).config
        given = {name.rpartition(".")[2]: value for name, value in asked.items() if ".web_search." in name}
        self.assertEqual(len(given), 3)
        self.agrees(misfits(given, self.schemas.defined("WebSearchToolConfig"), "tools.web_search"))
        for mode in ("disabled", "cached", "live"):
            self.assertIn(mode, self.schemas.defined("WebSearchMode").node["enum"])

    def test_every_item_of_a_history_is_a_response_item(self) -> None:
        known = self.schemas.defined("ResponseItem")
        for raw in json.decode(json.encode(raw_items(TURN.items))):
            self.agrees(misfits(raw, known, f"thread/inject_items {raw['type']}"))

    def test_the_messages_asked_not_to_be_sent_exist_and_none_is_one_we_read(self) -> None:
        self.assertEqual(set(b.SILENCED) - set(self.schemas.methods("ServerNotification")), set())
        self.assertEqual(set(b.SILENCED) & set(b.EVENTS), set())


class ReadingTests(Case):
    def test_every_event_has_what_is_read_of_it(self) -> None:
        known = self.schemas.methods("ServerNotification")
        known |= {method: self.schemas.document(name) for method, name in RAW.items()}
        self.assertEqual(set(b.EVENTS) - set(known), set())
        for method, kind in b.EVENTS.items():
            self.agrees(gaps(kind, known[method], method))

    def test_every_item_has_what_is_read_of_it(self) -> None:
        for union, kind, read in ITEMS:
            self.agrees(gaps(read, self.schemas.variant(union, kind), f"{union} {kind}"))

    def test_what_a_web_search_does_is_spelled_as_it_is_read(self) -> None:
        told = [way.node["properties"] for way in self.schemas.defined("WebSearchAction").ways()]
        kinds = {kind for properties in told for kind in properties["type"]["enum"]}
        self.assertEqual(kinds, {*SEARCH_ACTIONS, "other"})
        raw = [way.node["properties"] for way in self.schemas.defined("ResponsesApiWebSearchAction").ways()]
        kinds = {kind for properties in raw for kind in properties["type"]["enum"]}
        self.assertEqual(kinds, {*SEARCH_ACTIONS.values(), "other"})

    def test_every_result_has_what_is_read_of_it(self) -> None:
        known = self.schemas.methods("ClientRequest")
        for method, kind in RESULTS.items():
            name = known[method].name.replace("Params", "Response")
            self.agrees(gaps(kind, self.schemas.document(name), method))

    def test_the_statuses_and_failures_that_are_told_apart_exist(self) -> None:
        statuses = self.schemas.defined("TurnStatus").node["enum"]
        self.assertEqual({"completed", "interrupted", "failed"} - set(statuses), set())
        ways = [way.node for way in self.schemas.defined("CodexErrorInfo").ways()]
        named = {name for way in ways for name in way.get("enum", way.get("properties", ()))}
        self.assertEqual({*failures.BY_NAME, *failures.WITH_STATUS} - named, set())
        for way in ways:
            for name in {*way.get("properties", {})} & {*failures.WITH_STATUS}:
                self.assertIn("httpStatusCode", way["properties"][name]["properties"])


class AnsweringTests(Case):
    def test_a_tool_call_has_what_is_read_of_it_and_its_answer_fits(self) -> None:
        call = self.schemas.methods("ServerRequest")[b.TOOL_CALL]
        self.agrees(gaps(b.DynamicToolCall, call, b.TOOL_CALL))
        answer = {"contentItems": content_items(ToolResult("c1", PARTS)), "success": False}
        self.agrees(misfits(answer, self.schemas.document("DynamicToolCallResponse"), b.TOOL_CALL))

    def test_every_fixed_answer_is_to_a_request_of_the_binary_and_fits(self) -> None:
        known = self.schemas.methods("ServerRequest")
        self.assertEqual(set(requests.ANSWERS) - set(known), set())
        for method, answer in requests.ANSWERS.items():
            name = known[method].name.replace("Params", "Response")
            self.agrees(misfits(answer, self.schemas.document(name), method))


class ComplaintTests(Case):
    """The judge itself: a change of the binary's would not go unseen."""

    def test_a_field_that_is_gone_or_changed_is_named(self) -> None:
        root = {
            "type": "object",
            "properties": {
                "threadId": {"type": "integer"},
                "turnId": {"type": ["string", "null"]},
                "itemId": {"type": "string"},
            },
            "required": ["threadId", "turnId"],
        }
        self.assertEqual(
            gaps(b.MessageDelta, Schema(root, root), "delta"),
            [
                "delta.threadId: is integer, not str",
                "delta.turnId: may be null",
                "delta.itemId: may be missing",
                "delta.delta: gone",
            ],
        )

    def test_a_value_that_does_not_fit_is_named(self) -> None:
        known = self.schemas.methods("ClientRequest")["turn/interrupt"]
        self.assertEqual(
            misfits({"threadId": 7, "turn": "t"}, known, "turn/interrupt"),
            [
                "turn/interrupt.turnId: missing",
                "turn/interrupt.threadId: int for string",
                "turn/interrupt.turn: gone",
            ],
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)


class StructureTests(SynchronousTestCase):
    def test_what_the_binary_said_reads_as_what_it_is(self) -> None:
        read = 0
        for recording in RECORDINGS.glob("*.jsonl"):
            for line in recording.read_bytes().splitlines():
                message = json.decode(line)
                if message.get("method") in b.EVENTS:
                    b.structure(message["params"], b.EVENTS[message["method"]])
                    read += 1
        self.assertGreater(read, 40)

    def test_what_is_none_is_left_out_and_an_empty_text_is_not(self) -> None:
        start = profile.thread_start(evolve(TURN, instructions=None), profile.Profile(False, "/empty"))
        params = b.encode(start)
        self.assertEqual((params["baseInstructions"], params["environments"]), ("", ()))
        self.assertNotIn("cursor", b.encode(b.ModelList()))

    def test_text_that_is_no_text_is_not_made_one(self) -> None:
        params = {"threadId": "t", "turnId": "u", "itemId": "i", "delta": 7}
        self.assertRaises(b.Unexpected, b.structure, params, b.MessageDelta)

    @given(st.sampled_from([*b.EVENTS.values(), *RESULTS.values(), b.DynamicToolCall]), st.data())
    def test_any_shape_is_read_or_unexpected_and_never_another_error(
        self, kind: type, data: st.DataObject
    ) -> None:
        names = [member.name for member in kind.__attrs_attrs__]  # type: ignore[attr-defined]
        params: Json = data.draw(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON)))
        try:
            b.structure(params, kind)
        except b.Unexpected as unexpected:
            self.assertIn(kind.__name__, str(unexpected))
