"""Tests of codexd.fronts.limits, in all dialects."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import chat, completions, conversations, responses
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.embeddings import decode as decode_embeddings
from codexd.fronts.forwarding import decode as decode_forwarded
from codexd.fronts.limits import RequestLimits, check_history
from codexd.fronts.openai import CHAT
from codexd.neutral.fault import Fault
from codexd.wire import json
from tests.fronts.test_json_fields import refusal

LIMITS = RequestLimits(json_values=100, items=5, content_parts=7, tools=3)
OPTIONS = RequestOptions(principal="p", limits=LIMITS)
HI = {"role": "user", "content": "hi"}


def tool(number: int) -> dict[str, Any]:
    return {"type": "function", "name": f"t{number}"}


def parts(kind: str, count: int) -> list[dict[str, str]]:
    return [{"type": kind, "text": "a"}] * count


def ask_chat(**fields: Any) -> Any:
    return chat.decode(json.encode({"model": "m", "messages": [HI]} | fields), OPTIONS)


def ask_responses(**fields: Any) -> Any:
    return responses.decode_stateless(json.encode({"model": "m", "input": [HI]} | fields), OPTIONS)


class LimitTests(SynchronousTestCase):
    def assert_too_long(self, found: Fault, param: str, setting: str) -> None:
        self.assertEqual((found.status, found.code, found.param), (400, "array_above_max_length", param))
        self.assertIn(f"http.{setting}", found.message)

    def test_messages_and_items(self) -> None:
        for ask, name in ((ask_chat, "messages"), (ask_responses, "input")):
            ask(**{name: [HI] * 5})
            found = refusal(lambda ask=ask, name=name: ask(**{name: [HI] * 6}))  # type: ignore[misc]
            self.assert_too_long(found, name, "max_items")

    def test_content_parts_of_all_messages_together(self) -> None:
        for ask, name, kind in ((ask_chat, "messages", "text"), (ask_responses, "input", "input_text")):
            ask(**{name: [HI | {"content": parts(kind, 4)}, HI | {"content": parts(kind, 3)}]})
            many = [HI | {"content": parts(kind, 4)}, HI | {"content": parts(kind, 4)}]
            found = refusal(lambda ask=ask, name=name, many=many: ask(**{name: many}))  # type: ignore[misc]
            self.assert_too_long(found, f"{name}[1].content", "max_content_parts")

    def test_parts_of_tool_outputs(self) -> None:
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
        output = {"type": "function_call_output", "call_id": "c", "output": parts("input_text", 8)}
        found = refusal(lambda: ask_responses(input=[call, output]))
        self.assert_too_long(found, "input[1].output", "max_content_parts")

    def test_tools_also_those_in_namespaces_and_items(self) -> None:
        ask_chat(tools=[tool(number) for number in range(3)])
        for ask in (ask_chat, ask_responses):
            found = refusal(lambda ask=ask: ask(tools=[tool(number) for number in range(4)]))  # type: ignore[misc]
            self.assert_too_long(found, "tools", "max_tools")
        group = {"type": "namespace", "name": "n", "tools": [tool(number) for number in range(4)]}
        self.assert_too_long(refusal(lambda: ask_responses(tools=[group])), "tools[0].tools", "max_tools")
        item = {"type": "additional_tools", "tools": group["tools"]}
        self.assert_too_long(refusal(lambda: ask_responses(input=[HI, item])), "input[1].tools", "max_tools")
        functions = [{"name": f"t{number}"} for number in range(4)]
        self.assert_too_long(refusal(lambda: ask_chat(functions=functions)), "functions", "max_tools")

    def test_json_values_of_every_body(self) -> None:
        many: dict[str, Any] = {"model": "m", "metadata": [0] * 101}
        data, shaped = json.encode(many), json.encode(many | {"input": "hi"})
        for decode in (
            lambda: chat.decode(data, OPTIONS),
            lambda: CHAT.decode(shaped, OPTIONS),
            lambda: completions.decode(data, OPTIONS),
            lambda: responses.decode_pending(data, OPTIONS),
            lambda: responses.decode_for_counting(data, OPTIONS),
            lambda: responses.decode_compact_request(data, OPTIONS),
            lambda: conversations.decode_new_conversation(data, OPTIONS, "5eed", 0),
            lambda: conversations.decode_new_items(data, OPTIONS, "5eed", ()),
            lambda: decode_embeddings(data, LIMITS),
            lambda: decode_forwarded("moderations", b"application/json", None, data, LIMITS),
        ):
            found = refusal(decode)
            self.assertEqual((found.kind, found.status, found.code), ("too_many_values", 413, "request_too_large"))
            self.assertIn("http.max_json_values", found.message)

    def test_commas_and_brackets_in_a_text_are_no_values(self) -> None:
        text = 'a, b {c} [d] "e", \\' * 1000
        (item,) = ask_chat(messages=[HI | {"content": text}]).turn.items
        self.assertEqual(item.parts[0].text, text)

    def test_a_stored_history(self) -> None:
        check_history(5, LIMITS)
        found = refusal(lambda: check_history(6, LIMITS))
        self.assertEqual((found.kind, found.status), ("history_too_large", 400))
        self.assertIn("http.max_items", found.message)

    def test_a_long_session_of_a_coding_agent_is_far_below_the_defaults(self) -> None:
        round = [
            {"type": "message", "role": "user", "content": parts("input_text", 2)},
            {"type": "reasoning", "summary": parts("summary_text", 1), "encrypted_content": "a", "id": "rs_1"},
            {"type": "function_call", "call_id": "c", "name": "shell", "arguments": '{"command": ["ls", "-l"]}'},
            {"type": "function_call_output", "call_id": "c", "output": "a, b, c"},
        ]
        body = json.encode({"model": "m", "input": round * 1250, "tools": [tool(number) for number in range(200)]})
        asked = responses.decode_stateless(body, RequestOptions(principal="p"))
        self.assertEqual(len(asked.turn.items), 5000)
