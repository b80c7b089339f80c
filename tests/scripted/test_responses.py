"""The Responses dialect, held against the types of OpenAI's own client."""

from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.plan import Frame, Pause
from codexd.scripted.responses import answer
from codexd.wire.json import Json, decode, encode
from tests.scripted.client import events

NOW = 1_700_000_000.5
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
TOOLS = [
    {"type": "function", "name": "f", "parameters": {}, "strict": False},
    {"type": "custom", "name": "raw"},
    {"type": "web_search"},
    {"type": "namespace", "name": "ns", "description": "d", "tools": [{"type": "function", "name": "g"}]},
]
SCRIPTS = st.one_of(
    st.text().map("say: {}".format),
    st.text().map("think: {}".format),
    st.text().map("search: {}".format),
    st.text().map("refuse: {}".format),
    st.text().map("incomplete: content_filter {}".format),
    st.text().map("thinking: hm\npreface: so\ncall: f\ncall: raw {}".format),
    st.sampled_from(
        ["", "fail: rate_limit_exceeded", "shape: empty\nsay: a b", "seen:", "long: 30", "slow: 3"]
    ),
)


TEXTS = ("text", "refusal", "arguments", "input")
"""The members that deltas grow, of an item or its part."""


def body(script: str, **members: Json) -> dict[str, Json]:
    return {"model": "m", "input": script, "tools": TOOLS, "stream": True, **members}


def frames(text: str) -> list[Frame]:
    return list(answer(body(text), NOW).frames())


def spoken(text: str) -> list[Json]:
    return events(b"".join(frame for frame in frames(text) if isinstance(frame, bytes)))


def types(text: str) -> list[str]:
    """The event types without their common prefix, runs of deltas as one."""
    names = [event["type"].removeprefix("response.") for event in spoken(text)]
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


MESSAGE = [
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
]


class SequenceTests(SynchronousTestCase):
    def test_a_message(self) -> None:
        self.assertEqual(types("say: a b"), ["created", "in_progress", *MESSAGE, "completed"])

    def test_a_thought_and_a_message(self) -> None:
        thought = [
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
        ]
        self.assertEqual(types("think: a b"), ["created", "in_progress", *thought, *MESSAGE, "completed"])

    def test_a_search(self) -> None:
        stages = [f"web_search_call.{stage}" for stage in ("in_progress", "searching", "completed")]
        search = ["output_item.added", *stages, "output_item.done"]
        found = [*MESSAGE[:3], "output_text.annotation.added", *MESSAGE[3:]]
        self.assertEqual(types("search: a b"), ["created", "in_progress", *search, *found, "completed"])

    def test_a_refusal(self) -> None:
        part = ["content_part.added", "refusal.delta", "refusal.done", "content_part.done"]
        item = ["output_item.added", *part, "output_item.done"]
        self.assertEqual(types("refuse: a b"), ["created", "in_progress", *item, "completed"])

    def test_parallel_calls(self) -> None:
        def call(kind: str) -> list[str]:
            return ["output_item.added", f"{kind}.delta", f"{kind}.done", "output_item.done"]

        calls = [*call("function_call_arguments"), *call("custom_tool_call_input")]
        self.assertEqual(types("call: f\ncall: raw x"), ["created", "in_progress", *calls, "completed"])

    def test_ends_that_are_not_good(self) -> None:
        self.assertEqual(types("fail: rate_limit_exceeded"), ["created", "in_progress", "failed"])
        text = types("incomplete: content_filter a")
        self.assertEqual(text, ["created", "in_progress", *MESSAGE, "incomplete"])
        self.assertEqual(types("hang:"), ["created"])
        for verb in ("cut", "stall"):
            self.assertEqual(types(f"{verb}: a"), ["created", "in_progress", *MESSAGE[:3]])
            self.assertEqual(types(f"{verb}:"), ["created", "in_progress", *MESSAGE[:2]])

    def test_slow_words_have_pauses_between_them(self) -> None:
        kinds = [isinstance(frame, Pause) for frame in frames("slow: 3")]
        self.assertEqual(kinds, [False] * 5 + [True, False] * 2 + [False] * 4)


class EventTests(SynchronousTestCase):
    @given(SCRIPTS)
    def test_openai_s_client_accepts_every_event(self, text: str) -> None:
        for event in spoken(text):
            EVENT.validate_json(encode(event), strict=True)

    @given(SCRIPTS)
    def test_numbers_rise_by_one_from_zero(self, text: str) -> None:
        numbers = [event["sequence_number"] for event in spoken(text)]
        self.assertEqual(numbers, list(range(len(numbers))))

    @given(SCRIPTS)
    def test_what_the_events_said_is_the_output_of_the_last_one(self, text: str) -> None:
        *said, last = spoken(text)
        done = [event["item"] for event in said if event["type"] == "response.output_item.done"]
        self.assertEqual(last["response"]["output"], done)
        opened = [event["item"] for event in said if event["type"] == "response.output_item.added"]
        self.assertEqual([item["id"] for item in opened], [item["id"] for item in done])
        for item in done:
            deltas = "".join(e["delta"] for e in said if e.get("item_id") == item["id"] and "delta" in e)
            said_in, *_ = item.get("content") or item.get("summary") or [item]
            whole = next((said_in[name] for name in TEXTS if name in said_in), "")
            self.assertEqual(deltas, whole)

    @given(SCRIPTS)
    def test_the_same_request_gives_the_same_bytes(self, text: str) -> None:
        self.assertEqual(frames(text), frames(text))

    def test_items_hold_what_codex_needs(self) -> None:
        *_, last = spoken("thinking: hm\ncall: f {}\ncall: ns.g\ncall: raw x")
        thought, call, inner, raw = last["response"]["output"]
        self.assertEqual(thought["summary"], [{"type": "summary_text", "text": "hm"}])
        self.assertTrue(thought["encrypted_content"])
        self.assertEqual((call["name"], call["arguments"], call["status"]), ("f", "{}", "completed"))
        self.assertNotEqual(call["id"], call["call_id"])
        self.assertNotIn("namespace", call)
        self.assertEqual((inner["namespace"], inner["name"]), ("ns", "g"))
        self.assertEqual((raw["type"], raw["input"]), ("custom_tool_call", "x"))

    def test_a_message_that_was_cut_short_says_so(self) -> None:
        *_, done, last = spoken("incomplete: max_output_tokens a b")
        self.assertEqual(done["item"]["status"], "incomplete")
        self.assertEqual(last["response"]["status"], "incomplete")
        self.assertEqual(last["response"]["incomplete_details"], {"reason": "max_output_tokens"})
        self.assertIsNotNone(last["response"]["usage"])

    def test_a_failure_names_its_code_in_words_codex_reads(self) -> None:
        response = spoken("fail: rate_limit_exceeded")[-1]["response"]
        self.assertEqual(response["error"]["code"], "rate_limit_exceeded")
        self.assertIn("try again in 1s", response["error"]["message"])
        self.assertEqual(spoken("fail: odd_one")[-1]["response"]["error"]["code"], "odd_one")


class WholeTests(SynchronousTestCase):
    @given(SCRIPTS.filter(lambda text: not text.startswith("fail")))
    def test_the_whole_is_the_response_the_stream_ends_with(self, text: str) -> None:
        whole = answer(body(text), NOW).whole()
        self.assertEqual(decode(whole), spoken(text)[-1]["response"])
        Response.model_validate_json(whole, strict=True)

    def test_usage_has_all_its_details(self) -> None:
        response = decode(answer(body("usage: 10,9,8,7\nsay: x"), NOW).whole())
        self.assertEqual(
            response["usage"],
            {
                "input_tokens": 10,
                "input_tokens_details": {"cached_tokens": 9, "cache_write_tokens": 0},
                "output_tokens": 8,
                "output_tokens_details": {"reasoning_tokens": 7},
                "total_tokens": 18,
            },
        )

    def test_the_request_is_echoed(self) -> None:
        members = {
            "store": False,
            "instructions": "i",
            "text": {"verbosity": "low"},
            "reasoning": {"effort": "low"},
        }
        response = decode(answer(body("x", **members), NOW).whole())
        self.assertEqual((response["model"], response["store"], response["tools"]), ("m", False, TOOLS))
        self.assertEqual(response["instructions"], "i")
        self.assertEqual(response["text"], {"format": {"type": "text"}, "verbosity": "low"})
        self.assertEqual(response["reasoning"], {"effort": "low", "summary": None})
        self.assertEqual((response["created_at"], response["completed_at"]), (1_700_000_000, 1_700_000_000))

    def test_an_empty_request_gets_a_full_response(self) -> None:
        whole = answer({}, NOW).whole()
        response = Response.model_validate_json(whole, strict=True)
        self.assertEqual((response.model, response.output_text), ("scripted", "echo: "))
