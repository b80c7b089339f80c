"""Law 2: whatever the child sends and whenever the client acts, every answer is a sentence of the grammar."""

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.neutral.turn import Tool, ToolChoice, Turn
from tests.support.drama import CURRENT, Act, Demand, Drama, Move, Settle, Tell
from tests.support.scene import WITH_TOOL

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


def tells(method: str, **params: st.SearchStrategy[object]) -> st.SearchStrategy[Tell]:
    here = {"threadId": st.just("thr_1"), "turnId": TURN_IDS}
    return st.builds(Tell, st.just(method), st.fixed_dictionaries({**here, **params}))


def items(*kinds: str, **members: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.fixed_dictionaries({"type": st.sampled_from(kinds), "id": ITEM_IDS, **members})


def texts(kind: str) -> st.SearchStrategy[object]:
    return st.lists(st.fixed_dictionaries({"type": st.just(kind), "text": TEXT}), max_size=3)


def noted() -> st.SearchStrategy[object]:
    notes = st.lists(st.just({"type": "url_citation"}) | JSON, max_size=2)
    return st.lists(st.fixed_dictionaries({"type": st.just("output_text"), "annotations": notes}), max_size=2)


STARTED = ("agentMessage", "reasoning", "webSearch", "commandExecution", "contextCompaction")
ACTIONS = st.sampled_from([None, {"type": "search", "query": "q"}, {"type": "openPage"}, {"type": "other"}])
PLAUSIBLE = st.one_of(
    tells("item/started", item=items(*STARTED)),
    tells("item/agentMessage/delta", itemId=ITEM_IDS, delta=TEXT),
    tells("item/agentMessage/delta", itemId=ITEM_IDS, delta=TEXT),
    tells("item/completed", item=items("agentMessage", text=TEXT, phase=PHASES)),
    tells("item/completed", item=items("webSearch", query=TEXT, action=ACTIONS)),
    tells("rawResponseItem/completed", item=items("message", content=noted())),
    tells("item/reasoning/summaryTextDelta", itemId=ITEM_IDS, summaryIndex=PARTS, delta=TEXT),
    tells("item/reasoning/textDelta", itemId=ITEM_IDS, contentIndex=PARTS, delta=TEXT),
    tells(
        "rawResponseItem/completed",
        item=items(
            "reasoning",
            summary=texts("summary_text"),
            content=texts("reasoning_text") | st.none(),
            encrypted_content=TEXT | st.none(),
        ),
    ),
    tells(
        "rawResponseItem/completed", item=items("function_call", call_id=CALL_IDS, name=TOOLS, arguments=TEXT)
    ),
    tells("rawResponse/completed", usage=USAGE | st.none()),
    tells("error", error=FAILURES, willRetry=st.sampled_from([True, True, True, False])),
    tells("turn/started", turn=st.fixed_dictionaries({"id": TURN_IDS})),
    tells(
        "turn/completed",
        turn=st.fixed_dictionaries(
            {
                "id": TURN_IDS,
                "status": st.sampled_from(["completed", "completed", "interrupted", "failed"]),
                "error": FAILURES | st.none(),
            }
        ),
    ),
    tells("thread/tokenUsage/updated", tokenUsage=st.fixed_dictionaries({"last": USAGE})),
)
CALLS = st.builds(
    Demand,
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
def spoiled(draw: st.DrawFn, moves: st.SearchStrategy[Tell] | st.SearchStrategy[Demand]) -> Move:
    """A message with one member gone, or of any shape."""
    move = draw(moves)
    name = draw(st.sampled_from(sorted(move.params)))
    rest = {key: value for key, value in move.params.items() if key != name}
    return evolve(move, params=draw(st.just(rest) | st.builds(lambda value: {**rest, name: value}, JSON)))


GARBAGE = st.one_of(
    spoiled(PLAUSIBLE),
    spoiled(CALLS),
    st.builds(Tell, st.sampled_from([*b.EVENTS, "new/thing"]), st.dictionaries(st.sampled_from("ab"), JSON)),
    tells("thread/closed"),
)
SETTLED = st.builds(Settle, st.integers(0, 3), st.sampled_from(["well"] * 9 + ["oddly", "badly", "never"]))
ACTS = st.builds(
    Act, st.sampled_from(["resume"] * 9 + ["extend"] * 9 + ["settle"] * 3 + ["abort", "lose", "fail"])
)
MOVES = st.one_of(*[PLAUSIBLE] * 6, *[CALLS] * 2, *[SETTLED] * 2, *[ACTS] * 2, GARBAGE)
BEGUN = (Settle(0, "well"),) * 3
CALLED = Tell(
    "rawResponseItem/completed",
    {
        "threadId": "thr_1",
        "turnId": CURRENT,
        "item": {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": ""},
    },
)
SUSPENDED = (*BEGUN, CALLED, Tell("rawResponse/completed", {"threadId": "thr_1", "turnId": CURRENT}))
IDLE = (*BEGUN, Tell("turn/completed", {"threadId": "thr_1", "turn": {"id": CURRENT, "status": "completed"}}))
PROLOGUES = st.sampled_from([(), BEGUN, BEGUN, SUSPENDED, IDLE])
LIVES = st.sampled_from([0, 5, 10, 20]).flatmap(
    lambda size: st.lists(MOVES, min_size=size, max_size=2 * size)
)
TURNS = st.builds(
    lambda parallel, choice: evolve(
        WITH_TOOL,
        tools=(*WITH_TOOL.tools, Tool("custom", kind="custom")),
        parallel_tool_calls=parallel,
        tool_choice=ToolChoice(choice),
    ),
    st.booleans(),
    st.sampled_from(["auto", "auto", "auto", "required", "none"]),
)


class SentenceTests(SynchronousTestCase):
    @settings(max_examples=300)
    @given(TURNS, PROLOGUES, LIVES)
    def test_every_answer_is_a_sentence_and_no_request_is_left_hanging(
        self, turn: Turn, prologue: tuple[Move, ...], moves: list[Move]
    ) -> None:
        drama = Drama(turn)
        drama.start()
        for move in (*prologue, *moves):
            drama.play(move)
        drama.finish()
