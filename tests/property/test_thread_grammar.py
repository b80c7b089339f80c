"""Law 2 (grammar): whatever child and client do, every answer is a sentence of the grammar."""

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.neutral.turn import Tool, ToolChoice, Turn
from tests.support.thread_driver import (
    CURRENT,
    Action,
    SendNotification,
    SendRequest,
    SettleCall,
    Step,
    ThreadDriver,
)
from tests.support.thread_harness import WITH_TOOL

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)
TURN_IDS = st.sampled_from([CURRENT] * 9 + ["turn_0", "auto-compact-0"])
ITEM_IDS = st.sampled_from(["i", "j", "k"])
CALL_IDS = st.sampled_from(["c1", "c2", "c3"])
TEXT = st.text(max_size=3)
PARTS = st.integers(-1, 3)
PHASES = st.sampled_from([None, None, "commentary", "final_answer"])
TOOLS = st.sampled_from(["weather", "weather", "custom", "exec_command"])
USAGE = st.fixed_dictionaries(
    dict.fromkeys(
        ("inputTokens", "cachedInputTokens", "outputTokens", "reasoningOutputTokens", "totalTokens"),
        st.integers(0, 99),
    )
)
FAILURES = st.fixed_dictionaries(
    {
        "message": st.sampled_from(["boom", "x, reason: max_output_tokens", "x, reason: content_filter"]),
        "codexErrorInfo": st.sampled_from(["other", "serverOverloaded", {"httpConnectionFailed": {}}, None]),
    }
)


def notifications(method: str, **params: st.SearchStrategy[object]) -> st.SearchStrategy[SendNotification]:
    here = {"threadId": st.just("thr_1"), "turnId": TURN_IDS}
    return st.builds(SendNotification, st.just(method), st.fixed_dictionaries({**here, **params}))


def items(*kinds: str, **members: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.fixed_dictionaries({"type": st.sampled_from(kinds), "id": ITEM_IDS, **members})


def texts(kind: str) -> st.SearchStrategy[object]:
    return st.lists(st.fixed_dictionaries({"type": st.just(kind), "text": TEXT}), max_size=3)


def content_with_annotations() -> st.SearchStrategy[object]:
    annotations = st.lists(st.just({"type": "url_citation"}) | JSON, max_size=2)
    return st.lists(st.fixed_dictionaries({"type": st.just("output_text"), "annotations": annotations}), max_size=2)


STARTED = ("agentMessage", "reasoning", "webSearch", "commandExecution", "contextCompaction")
ACTIONS = st.sampled_from([None, {"type": "search", "query": "q"}, {"type": "openPage"}, {"type": "other"}])
PLAUSIBLE_NOTIFICATIONS = st.one_of(
    notifications("item/started", item=items(*STARTED)),
    notifications("item/agentMessage/delta", itemId=ITEM_IDS, delta=TEXT),
    notifications("item/agentMessage/delta", itemId=ITEM_IDS, delta=TEXT),
    notifications("item/completed", item=items("agentMessage", text=TEXT, phase=PHASES)),
    notifications("item/completed", item=items("webSearch", query=TEXT, action=ACTIONS)),
    notifications("rawResponseItem/completed", item=items("message", content=content_with_annotations())),
    notifications("item/reasoning/summaryTextDelta", itemId=ITEM_IDS, summaryIndex=PARTS, delta=TEXT),
    notifications("item/reasoning/textDelta", itemId=ITEM_IDS, contentIndex=PARTS, delta=TEXT),
    notifications(
        "rawResponseItem/completed",
        item=items(
            "reasoning",
            summary=texts("summary_text"),
            content=texts("reasoning_text") | st.none(),
            encrypted_content=TEXT | st.none(),
        ),
    ),
    notifications(
        "rawResponseItem/completed", item=items("function_call", call_id=CALL_IDS, name=TOOLS, arguments=TEXT)
    ),
    notifications("rawResponse/completed", usage=USAGE | st.none()),
    notifications("error", error=FAILURES, willRetry=st.sampled_from([True, True, True, False])),
    notifications("turn/started", turn=st.fixed_dictionaries({"id": TURN_IDS})),
    notifications(
        "turn/completed",
        turn=st.fixed_dictionaries(
            {
                "id": TURN_IDS,
                "status": st.sampled_from(["completed", "completed", "interrupted", "failed"]),
                "error": FAILURES | st.none(),
            }
        ),
    ),
    notifications("thread/tokenUsage/updated", tokenUsage=st.fixed_dictionaries({"last": USAGE})),
)
TOOL_CALLS = st.builds(
    SendRequest,
    st.sampled_from([b.TOOL_CALL] * 6 + ["item/fileChange/requestApproval"]),
    st.fixed_dictionaries(
        {
            "threadId": st.just("thr_1"),
            "turnId": TURN_IDS,
            "callId": CALL_IDS,
            "tool": TOOLS,
            "arguments": JSON,
            "namespace": st.sampled_from([None, None, "functions", "web"]),
        }
    ),
)


@st.composite
def corrupted(draw: st.DrawFn, steps: st.SearchStrategy[SendNotification] | st.SearchStrategy[SendRequest]) -> Step:
    """Remove one member of a message, or replace it with any JSON value."""
    step = draw(steps)
    name = draw(st.sampled_from(sorted(step.params)))
    rest = {key: value for key, value in step.params.items() if key != name}
    return evolve(step, params=draw(st.just(rest) | st.builds(lambda value: {**rest, name: value}, JSON)))


GARBAGE = st.one_of(
    corrupted(PLAUSIBLE_NOTIFICATIONS),
    corrupted(TOOL_CALLS),
    st.builds(
        SendNotification,
        st.sampled_from([*b.NOTIFICATIONS, "new/thing"]),
        st.dictionaries(st.sampled_from("ab"), JSON),
    ),
    notifications("thread/closed"),
)
SETTLED = st.builds(
    SettleCall, st.integers(0, 3), st.sampled_from(["accepted"] * 9 + ["malformed", "rejected", "timed out"])
)
ACTS = st.builds(Action, st.sampled_from(["resume"] * 9 + ["extend"] * 9 + ["settle"] * 3 + ["abort", "lose", "fail"]))
STEPS = st.one_of(*[PLAUSIBLE_NOTIFICATIONS] * 6, *[TOOL_CALLS] * 2, *[SETTLED] * 2, *[ACTS] * 2, GARBAGE)
RUNNING = (SettleCall(0, "accepted"),) * 3
CALLED = SendNotification(
    "rawResponseItem/completed",
    {
        "threadId": "thr_1",
        "turnId": CURRENT,
        "item": {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": ""},
    },
)
SUSPENDED = (
    *RUNNING,
    CALLED,
    SendNotification("rawResponse/completed", {"threadId": "thr_1", "turnId": CURRENT}),
)
IDLE = (
    *RUNNING,
    SendNotification("turn/completed", {"threadId": "thr_1", "turn": {"id": CURRENT, "status": "completed"}}),
)
BEGINNINGS = st.sampled_from([(), RUNNING, RUNNING, SUSPENDED, IDLE])
STEP_LISTS = st.sampled_from([0, 5, 10, 20]).flatmap(lambda size: st.lists(STEPS, min_size=size, max_size=2 * size))
TURNS = st.builds(
    lambda parallel, choice: evolve(
        WITH_TOOL,
        tools=(*WITH_TOOL.tools, Tool(name="custom", kind="custom")),
        parallel_tool_calls=parallel,
        tool_choice=ToolChoice(choice),
    ),
    st.booleans(),
    st.sampled_from(["auto", "auto", "auto", "required", "none"]),
)


class ThreadGrammarTests(SynchronousTestCase):
    @settings.get_profile("many")
    @given(TURNS, BEGINNINGS, STEP_LISTS)
    def test_every_answer_is_a_sentence_and_every_request_is_answered(
        self, turn: Turn, beginning: tuple[Step, ...], steps: list[Step]
    ) -> None:
        driver = ThreadDriver(turn=turn)
        driver.start()
        for step in (*beginning, *steps):
            driver.run(step)
        driver.finish()
