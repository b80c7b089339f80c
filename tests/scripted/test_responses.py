"""Tests of the Responses dialect, with the types of OpenAI's client."""

from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.answer_plan import Pause, ScriptedFrame
from codexd.scripted.responses import build_answer
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
    st.sampled_from(["", "fail: rate_limit_exceeded", "shape: empty\nsay: a b", "seen:", "long: 30", "slow: 3"]),
)


TEXTS = ("text", "refusal", "arguments", "input")
"""The members of an item or a part that deltas extend."""


def body(script: str, **members: Json) -> dict[str, Json]:
    return {"model": "m", "input": script, "tools": TOOLS, "stream": True, **members}


def frames(text: str) -> list[ScriptedFrame]:
    return list(build_answer(body(text), NOW).frames())


def events_of(text: str) -> list[Json]:
    return events(b"".join(frame for frame in frames(text) if isinstance(frame, bytes)))


def types(text: str) -> list[str]:
    """Return the event types without their common prefix, repeated deltas as one."""
    names = [event["type"].removeprefix("response.") for event in events_of(text)]
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

    def test_a_reasoning_item_and_a_message(self) -> None:
        reasoning = [
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
        ]
        self.assertEqual(types("think: a b"), ["created", "in_progress", *reasoning, *MESSAGE, "completed"])

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

    def test_other_endings(self) -> None:
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
        for event in events_of(text):
            EVENT.validate_json(encode(event), strict=True)

    @given(SCRIPTS)
    def test_sequence_numbers_count_from_zero(self, text: str) -> None:
        numbers = [event["sequence_number"] for event in events_of(text)]
        self.assertEqual(numbers, list(range(len(numbers))))

    @given(SCRIPTS)
    def test_the_output_of_the_last_event_is_that_of_the_others(self, text: str) -> None:
        *others, last = events_of(text)
        done = [event["item"] for event in others if event["type"] == "response.output_item.done"]
        self.assertEqual(last["response"]["output"], done)
        opened = [event["item"] for event in others if event["type"] == "response.output_item.added"]
        self.assertEqual([item["id"] for item in opened], [item["id"] for item in done])
        for item in done:
            deltas = "".join(e["delta"] for e in others if e.get("item_id") == item["id"] and "delta" in e)
            part, *_ = item.get("content") or item.get("summary") or [item]
            whole = next((part[name] for name in TEXTS if name in part), "")
            self.assertEqual(deltas, whole)

    @given(SCRIPTS)
    def test_the_same_request_has_the_same_frames(self, text: str) -> None:
        self.assertEqual(frames(text), frames(text))

    def test_items_have_the_members_that_codex_needs(self) -> None:
        *_, last = events_of("thinking: hm\ncall: f {}\ncall: ns.g\ncall: raw x")
        reasoning, call, inner, raw = last["response"]["output"]
        self.assertEqual(reasoning["summary"], [{"type": "summary_text", "text": "hm"}])
        self.assertTrue(reasoning["encrypted_content"])
        self.assertEqual((call["name"], call["arguments"], call["status"]), ("f", "{}", "completed"))
        self.assertNotEqual(call["id"], call["call_id"])
        self.assertNotIn("namespace", call)
        self.assertEqual((inner["namespace"], inner["name"]), ("ns", "g"))
        self.assertEqual((raw["type"], raw["input"]), ("custom_tool_call", "x"))

    def test_a_truncated_message_is_incomplete(self) -> None:
        *_, done, last = events_of("incomplete: max_output_tokens a b")
        self.assertEqual(done["item"]["status"], "incomplete")
        self.assertEqual(last["response"]["status"], "incomplete")
        self.assertEqual(last["response"]["incomplete_details"], {"reason": "max_output_tokens"})
        self.assertIsNotNone(last["response"]["usage"])

    def test_a_failure_has_the_code_and_message_that_codex_parses(self) -> None:
        response = events_of("fail: rate_limit_exceeded")[-1]["response"]
        self.assertEqual(response["error"]["code"], "rate_limit_exceeded")
        self.assertIn("try again in 1s", response["error"]["message"])
        self.assertEqual(events_of("fail: odd_one")[-1]["response"]["error"]["code"], "odd_one")


class WholeTests(SynchronousTestCase):
    @given(SCRIPTS.filter(lambda text: not text.startswith("fail")))
    def test_the_body_is_the_response_at_the_end_of_the_stream(self, text: str) -> None:
        whole = build_answer(body(text), NOW).render()
        self.assertEqual(decode(whole), events_of(text)[-1]["response"])
        Response.model_validate_json(whole, strict=True)

    def test_usage_has_all_its_details(self) -> None:
        response = decode(build_answer(body("usage: 10,9,8,7\nsay: x"), NOW).render())
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
        response = decode(build_answer(body("x", **members), NOW).render())
        self.assertEqual((response["model"], response["store"], response["tools"]), ("m", False, TOOLS))
        self.assertEqual(response["instructions"], "i")
        self.assertEqual(response["text"], {"format": {"type": "text"}, "verbosity": "low"})
        self.assertEqual(response["reasoning"], {"effort": "low", "summary": None})
        self.assertEqual((response["created_at"], response["completed_at"]), (1_700_000_000, 1_700_000_000))

    def test_an_empty_request_gets_a_full_response(self) -> None:
        whole = build_answer({}, NOW).render()
        response = Response.model_validate_json(whole, strict=True)
        self.assertEqual((response.model, response.output_text), ("scripted", "echo: "))
