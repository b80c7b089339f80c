"""The bindings match the schema of the pinned binary.

A failure names the method and the field that is missing or has another type.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.backs import failures, fixed_replies, profile
from codexd.backs.items import SEARCH_ACTIONS, encode_items, encode_result_content
from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Reasoning,
    ReasoningOptions,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    UserLocation,
    WebSearch,
    WebSearchCall,
)
from codexd.wire import json
from codexd.wire.json import Json
from tests.support.app_server_schema import Schema, Schemas, generate_schemas, mismatches, missing_members
from tests.support.thread_harness import RECORDINGS, THREAD

PARTS = (TextPart("t"), ImagePart("https://a/b.png", "low"), AudioPart("UklGRg==", "wav"))
TURN = Turn(
    model="m1",
    items=(
        Message(role="system", parts=(*PARTS, FilePart("data:text/plain,hi", "f.txt"))),
        Message(role="assistant", parts=(TextPart("t", ('{"type":"url_citation"}',)),), phase="commentary"),
        WebSearchCall("ws", '{"type":"search","query":"q"}'),
        Reasoning(summary=("s",), content=("c",), encrypted="sealed"),
        ToolCall(call_id="c1", name="f", arguments="{}", namespace="n"),
        ToolResult("c1", PARTS),
        ToolCall(call_id="c2", name="g", arguments="raw", kind="custom"),
        ToolResult("c2", (TextPart("t"),), kind="custom"),
    ),
    instructions="Be brief.",
    tools=(
        Tool(name="f", namespace="n", namespace_description="d"),
        Tool(name="g", kind="custom", grammar="g"),
        Tool(name="h", parameters='{"type":"object"}'),
    ),
    reasoning=ReasoningOptions("high", "detailed"),
    format=ResponseFormat(kind="json_schema", schema='{"type":"object"}', name="s"),
    verbosity="low",
    service_tier="flex",
    web_search=WebSearch("low", ("a.org",), UserLocation("NO", "r", "Oslo", "Europe/Oslo")),
)
CALLS = (
    b.Initialize(b.ClientInfo("codexd", "1", "t"), b.Capabilities(True, b.OPTED_OUT_NOTIFICATIONS)),
    b.ConfigRead(),
    b.ModelList("next"),
    b.LoadedThreads(),
    b.AccountRead(),
    b.RateLimitsRead(),
    b.TokenUsageRead(),
    profile.build_thread_start(TURN, profile.Profile(agent=False, cwd="/empty", mcp_servers=("x",))),
    profile.build_thread_start(TURN, profile.Profile(agent=True, cwd="/work", sandbox="workspace-write")),
    b.InjectItems(THREAD, profile.encode_history(TURN, TURN.items)),
    profile.build_turn_start(THREAD, TURN),
    profile.build_turn_start(THREAD, Turn(model="m1", items=())),
    b.TurnInterrupt(THREAD, "turn"),
    b.Unsubscribe(THREAD),
    b.LoginStart("chatgpt"),
    b.LoginStart("chatgptDeviceCode"),
    b.LoginStart("apiKey", "sk-none"),
    b.LoginCancel("login"),
    b.Logout(),
    b.AccountRead(refreshToken=True),
)
RESULTS = {
    "thread/start": b.ThreadStartResult,
    "turn/start": b.TurnStartResult,
    "model/list": b.ModelPage,
}
ACCOUNT_RESULTS = {
    "GetAccountRateLimitsResponse": b.RateLimitsResult,
    "GetAccountTokenUsageResponse": b.TokenUsageResult,
}
# The schema has no method for these two, only their params: experimentalRawEvents enables them.
RAW = {
    "rawResponseItem/completed": "RawResponseItemCompletedNotification",
    "rawResponse/completed": "RawResponseCompletedNotification",
}


@frozen
class AgentMessageFields:
    """The fields read from an `agentMessage` (codexd.backs.translator)."""

    id: str
    text: str
    phase: str | None = None


@frozen
class WebSearchFields:
    """The fields read from a `webSearch`; another test compares the spelling of its actions."""

    id: str
    action: dict[str, Any] | None = None


@frozen
class ItemFields:
    """The field read from any other item."""

    id: str


@frozen
class ReasoningPartFields:
    """The field read from a part of a reasoning item."""

    text: str


@frozen
class RawReasoningFields:
    """The fields read from a raw `reasoning` item."""

    summary: list[ReasoningPartFields]
    id: str | None = None
    content: list[ReasoningPartFields] | None = None
    encrypted_content: str | None = None


@frozen
class AnnotatedPartFields:
    """The field read from a part of a raw `message` item."""

    annotations: list[Any] | None = None


@frozen(kw_only=True)
class FunctionCallFields:
    """The fields read from a raw `function_call` item."""

    call_id: str
    name: str
    arguments: str
    id: str | None = None
    namespace: str | None = None


ITEMS = (
    ("ThreadItem", "agentMessage", AgentMessageFields),
    ("ThreadItem", "reasoning", ItemFields),
    ("ThreadItem", "contextCompaction", ItemFields),
    ("ThreadItem", "webSearch", WebSearchFields),
    ("ResponseItem", "reasoning", RawReasoningFields),
    ("ResponseItem", "function_call", FunctionCallFields),
    ("ContentItem", "output_text", AnnotatedPartFields),
)


class SchemaTestCase(SynchronousTestCase):
    """Provides the schema, generated once for this module."""

    schemas: ClassVar[Schemas]

    def setUp(self) -> None:
        if not hasattr(SchemaTestCase, "schemas"):
            SchemaTestCase.schemas = generate_schemas(Path(self.mktemp()).absolute())

    def assert_matches(self, differences: Iterable[str]) -> None:
        self.assertEqual(list(differences), [])


class MethodTests(SchemaTestCase):
    def test_every_call_is_a_method_of_the_binary_and_fits_its_schema(self) -> None:
        known = self.schemas.methods("ClientRequest")
        self.assertEqual(set(b.METHODS.values()) - set(known), set())
        self.assertEqual({type(call) for call in CALLS}, set(b.METHODS))
        for call in CALLS:
            method = b.METHODS[type(call)]
            params = json.decode(json.encode(b.encode(call)))
            if known[method].node.get("type") == "null":  # the binary accepts an empty object, too
                self.assertEqual(params, {})
                continue
            self.assert_matches(mismatches(params, known[method], method))

    def test_a_web_search_is_configured_as_the_binary_expects(self) -> None:
        asked = profile.build_thread_start(TURN, profile.Profile(agent=False, cwd="/empty")).config
        given = {name.rpartition(".")[2]: value for name, value in asked.items() if ".web_search." in name}
        self.assertEqual(len(given), 3)
        self.assert_matches(mismatches(given, self.schemas.defined("WebSearchToolConfig"), "tools.web_search"))
        for mode in ("disabled", "cached", "live"):
            self.assertIn(mode, self.schemas.defined("WebSearchMode").node["enum"])

    def test_every_item_of_a_history_is_a_response_item(self) -> None:
        known = self.schemas.defined("ResponseItem")
        for raw in json.decode(json.encode(encode_items(TURN.items))):
            self.assert_matches(mismatches(raw, known, f"thread/inject_items {raw['type']}"))

    def test_the_opted_out_notifications_exist_and_none_is_handled(self) -> None:
        self.assertEqual(set(b.OPTED_OUT_NOTIFICATIONS) - set(self.schemas.methods("ServerNotification")), set())
        self.assertEqual(set(b.OPTED_OUT_NOTIFICATIONS) & set(b.NOTIFICATIONS), set())


class NotificationTests(SchemaTestCase):
    def test_every_notification_has_the_fields_read(self) -> None:
        known = self.schemas.methods("ServerNotification")
        known |= {method: self.schemas.document(name) for method, name in RAW.items()}
        self.assertEqual(set(b.NOTIFICATIONS) - set(known), set())
        for method, kind in b.NOTIFICATIONS.items():
            self.assert_matches(missing_members(kind, known[method], method))

    def test_every_item_has_the_fields_read(self) -> None:
        for union, kind, read in ITEMS:
            self.assert_matches(missing_members(read, self.schemas.variant(union, kind), f"{union} {kind}"))

    def test_the_actions_of_a_web_search_are_spelled_as_decoded(self) -> None:
        actions = [way.node["properties"] for way in self.schemas.defined("WebSearchAction").alternatives()]
        kinds = {kind for properties in actions for kind in properties["type"]["enum"]}
        self.assertEqual(kinds, {*SEARCH_ACTIONS, "other"})
        raw = [way.node["properties"] for way in self.schemas.defined("ResponsesApiWebSearchAction").alternatives()]
        kinds = {kind for properties in raw for kind in properties["type"]["enum"]}
        self.assertEqual(kinds, {*SEARCH_ACTIONS.values(), "other"})

    def test_every_result_has_the_fields_read(self) -> None:
        known = self.schemas.methods("ClientRequest")
        for method, kind in RESULTS.items():
            name = known[method].name.replace("Params", "Response")
            self.assert_matches(missing_members(kind, self.schemas.document(name), method))
        for name, kind in ACCOUNT_RESULTS.items():
            self.assert_matches(missing_members(kind, self.schemas.document(name), name))

    def test_every_form_of_an_account_and_of_a_login_has_the_fields_read(self) -> None:
        document = self.schemas.document("GetAccountResponse")
        self.assertEqual(document.node["required"], ["requiresOpenaiAuth"])
        kinds = {"Account": ("type", "email", "planType")}
        for name, expected in kinds.items():
            ways = [way.node["properties"] for way in self.schemas.defined(name).alternatives()]
            self.assertEqual(set(expected) - {field for way in ways for field in way}, set())
        chatgpt, device, key = (
            self.schemas.variant("LoginAccountResponse", kind) for kind in ("chatgpt", "chatgptDeviceCode", "apiKey")
        )
        self.assertEqual(set(chatgpt.node["required"]), {"type", "loginId", "authUrl"})
        self.assertEqual(set(device.node["required"]), {"type", "loginId", "userCode", "verificationUrl"})
        self.assertEqual(set(key.node["required"]), {"type"})

    def test_the_end_of_a_login_has_the_fields_read(self) -> None:
        known = self.schemas.methods("ServerNotification")[b.LOGIN_COMPLETED]
        self.assert_matches(missing_members(b.LoginCompleted, known, b.LOGIN_COMPLETED))

    def test_the_handled_statuses_and_errors_exist(self) -> None:
        statuses = self.schemas.defined("TurnStatus").node["enum"]
        self.assertEqual({"completed", "interrupted", "failed"} - set(statuses), set())
        ways = [way.node for way in self.schemas.defined("CodexErrorInfo").alternatives()]
        named = {name for way in ways for name in way.get("enum", way.get("properties", ()))}
        newer = {"modelNotFound", "policyCapacityUnavailable", "bioPolicy", "inferenceHookDenied"}
        self.assertEqual({*failures.BY_NAME, *failures.WITH_STATUS} - named - newer, set())
        for way in ways:
            for name in {*way.get("properties", {})} & {*failures.WITH_STATUS}:
                self.assertIn("httpStatusCode", way["properties"][name]["properties"])


class ReplyTests(SchemaTestCase):
    def test_a_tool_call_has_the_fields_read_and_its_result_fits(self) -> None:
        call = self.schemas.methods("ServerRequest")[b.TOOL_CALL]
        self.assert_matches(missing_members(b.DynamicToolCall, call, b.TOOL_CALL))
        answer = {"contentItems": encode_result_content(ToolResult("c1", PARTS)), "success": False}
        self.assert_matches(mismatches(answer, self.schemas.document("DynamicToolCallResponse"), b.TOOL_CALL))

    def test_every_fixed_reply_is_to_a_request_of_the_binary_and_fits(self) -> None:
        known = self.schemas.methods("ServerRequest")
        self.assertEqual(set(fixed_replies.FIXED_REPLIES) - set(known), set())
        for method, answer in fixed_replies.FIXED_REPLIES.items():
            name = known[method].name.replace("Params", "Response")
            self.assert_matches(mismatches(answer, self.schemas.document(name), method))


class DifferenceTests(SchemaTestCase):
    """The comparison itself reports every change of the binary."""

    def test_a_missing_or_changed_field_is_reported(self) -> None:
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
            missing_members(b.MessageDelta, Schema(root, root), "delta"),
            [
                "delta.threadId: is integer, not str",
                "delta.turnId: may be null",
                "delta.itemId: may be missing",
                "delta.delta: gone",
            ],
        )

    def test_a_value_that_does_not_fit_is_reported(self) -> None:
        known = self.schemas.methods("ClientRequest")["turn/interrupt"]
        self.assertEqual(
            mismatches({"threadId": 7, "turn": "t"}, known, "turn/interrupt"),
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
    def test_recorded_notifications_can_be_structured(self) -> None:
        read = 0
        for recording in RECORDINGS.glob("*.jsonl"):
            for line in recording.read_bytes().splitlines():
                message = json.decode(line)
                if message.get("method") in b.NOTIFICATIONS:
                    b.structure(message["params"], b.NOTIFICATIONS[message["method"]])
                    read += 1
        self.assertGreater(read, 40)

    def test_none_is_omitted_and_an_empty_text_is_not(self) -> None:
        start = profile.build_thread_start(evolve(TURN, instructions=None), profile.Profile(agent=False, cwd="/empty"))
        params = b.encode(start)
        self.assertEqual((params["baseInstructions"], params["environments"]), ("", ()))
        self.assertNotIn("cursor", b.encode(b.ModelList()))

    def test_a_value_that_is_not_text_is_not_converted_to_text(self) -> None:
        params = {"threadId": "t", "turnId": "u", "itemId": "i", "delta": 7}
        self.assertRaises(b.UnexpectedShapeError, b.structure, params, b.MessageDelta)

    @given(st.sampled_from([*b.NOTIFICATIONS.values(), *RESULTS.values(), b.DynamicToolCall]), st.data())
    def test_any_shape_is_structured_or_raises_unexpected_shape_error(self, kind: type, data: st.DataObject) -> None:
        names = [member.name for member in kind.__attrs_attrs__]  # type: ignore[attr-defined]
        params: Json = data.draw(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON)))
        try:
            b.structure(params, kind)
        except b.UnexpectedShapeError as unexpected:
            self.assertIn(kind.__name__, str(unexpected))
