"""A real llama.cpp server behind codexd: its answers reach the `openai` package unchanged.

Skipped where there is no `llama-server`; see docs/servers.md.
"""

from typing import Any

from openai import APIError, BadRequestError, InternalServerError

from codexd.wire.json import Json, decode
from tests.support.http_client import free_port
from tests.support.live_daemon import Daemon, DaemonSetup, LiveTestCase, user
from tests.support.llama_server import KEY, PROGRAM, LlamaServer
from tests.support.processes import wait_until
from tests.support.tiny_model import THOUGHT, TIME, WEATHER

_SETTINGS = """\
[codex]
model = "none"
[[upstream]]
name = "llama"
base_url = "http://127.0.0.1:{port}/v1"
key_file = "{folder}/home/key"
reasoning_field = "reasoning_content"
retries = 0
"""


def tool(name: str, field: str) -> Json:
    """Build a function tool with one string parameter."""
    parameters = {"type": "object", "properties": {field: {"type": "string"}}, "required": [field]}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [tool("get_weather", "city"), tool("get_time", "zone")]
ENDLESS = {"</s>": -100, "<|im_end|>": -100}
"""A bias against every end."""


class LlamaCppTests(LiveTestCase):
    skip = None if PROGRAM else "there is no llama-server"

    def setUp(self) -> None:
        self.llama_daemon = self.new_daemon(DaemonSetup(settings=_SETTINGS.replace("{port}", str(port := free_port()))))
        self.llama_daemon.model = "tiny-model"
        (self.llama_daemon.folder / "home" / "key").write_text(KEY)
        self.server = LlamaServer(self.llama_daemon.folder, port)
        self.addCleanup(self.server.kill)
        self.llama_daemon.start().await_ready()
        wait_until(lambda: b"tiny-model" in self.daemon.get("/v1/models").body, "its model is listed")

    @property
    def daemon(self) -> Daemon:
        """The daemon of this test, with the llama.cpp server as its upstream."""
        return self.llama_daemon

    def ask(self, **more: Any) -> Any:
        asked = {"model": "tiny-model", "messages": user("hello"), "max_tokens": 60, "seed": 3} | more
        return self.daemon.client().chat.completions.create(**asked)

    def test_stream_and_json_answers_are_equal_with_reasoning_and_usage(self) -> None:
        whole = self.ask()
        chunks = list(self.ask(stream=True, stream_options={"include_usage": True}))
        deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
        said = "".join(delta.content or "" for delta in deltas)
        thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
        choice = whole.choices[0]
        self.assertEqual((choice.message.content, choice.message.reasoning_content), (said, thought))
        self.assertEqual(thought, THOUGHT)
        self.assertEqual(chunks[-1].usage.completion_tokens, whole.usage.completion_tokens)

    def test_request_parameters_take_effect(self) -> None:
        self.assertEqual(self.ask(max_tokens=12).usage.completion_tokens, 12)
        self.assertEqual(self.ask(max_tokens=12).choices[0].finish_reason, "length")
        self.assertEqual(self.ask().choices[0].message.content, self.ask().choices[0].message.content)
        text = self.ask(max_tokens=500, logit_bias=ENDLESS, stop=[" cat"]).choices[0]
        self.assertEqual((text.finish_reason, " cat" in text.message.content), ("stop", False))
        self.assertEqual(len({choice.message.content for choice in self.ask(n=3).choices}), 3)

    def test_log_probabilities_match_the_text(self) -> None:
        choice = self.ask(logprobs=True, top_logprobs=2).choices[0]
        tokens = [one.token for one in choice.logprobs.content]
        self.assertEqual("".join(tokens), choice.message.content)
        self.assertTrue(all(len(one.top_logprobs) == 2 for one in choice.logprobs.content))

    def test_a_json_schema_constrains_the_answer(self) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
        wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        found = decode(self.ask(response_format=wanted, max_tokens=300).choices[0].message.content)
        self.assertIsInstance(found["a"], int)

    def test_calls_and_their_results_pass_through(self) -> None:
        asked = {"tools": TOOLS, "parallel_tool_calls": True, "max_tokens": 200}
        seen = set()
        for seed in range(6):
            choice = self.ask(seed=seed, **asked).choices[0]
            self.assertEqual(choice.finish_reason, "tool_calls")
            calls = choice.message.tool_calls
            self.assertEqual(len({call.id for call in calls}), len(calls))
            seen |= {(call.function.name, call.function.arguments) for call in calls}
        self.assertEqual(seen, {WEATHER, TIME})
        results = [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in calls]
        answered = self.ask(messages=[*user("weather?"), choice.message, *results], tools=TOOLS).choices[0]
        self.assertEqual((answered.finish_reason, answered.message.tool_calls), ("stop", None))

    def test_responses_continue_and_call_tools(self) -> None:
        client = self.daemon.client()
        tools: Any = [{"type": "function", "strict": False, **one["function"]} for one in TOOLS]
        with client.responses.stream(model="tiny-model", input="weather?", tools=tools) as stream:
            first = stream.get_final_response()
        called = [item for item in first.output if item.type == "function_call"]
        results: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"} for call in called]
        second = client.responses.create(model="tiny-model", input=results, previous_response_id=first.id)
        self.assertEqual([item.type for item in second.output], ["reasoning", "message"])
        listed = [item.type for item in client.responses.input_items.list(second.id, order="asc")]
        self.assertEqual(listed[0], "message")
        self.assertEqual(listed.count("function_call_output"), len(called))

    def test_rejected_requests_report_the_reason(self) -> None:
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
        for code, more in (
            ("context_length_exceeded", {"messages": user("long " * self.server.window)}),
            ("invalid_prompt", {"messages": [{"role": "user", "content": [picture]}]}),
        ):
            error = self.assertRaises(BadRequestError, self.ask, **more)
            self.assertEqual(error.code, code)

    def test_a_disconnect_stops_the_server(self) -> None:
        call = self.daemon.call("/v1/chat/completions", self.daemon.chat_body("hi", stream=True, logit_bias=ENDLESS))
        next(call.frames())
        self.assertTrue(self.server.busy)
        call.disconnect()
        wait_until(lambda: not self.server.busy, "it stops", 1.0)

    def test_a_killed_server_fails_the_running_answer_and_the_next_request(self) -> None:
        stream = self.ask(stream=True, max_tokens=900, logit_bias=ENDLESS)
        next(iter(stream))
        self.server.kill()
        error = self.assertRaises(APIError, list, stream)
        self.assertEqual(error.code, "stream_cut")
        self.assertEqual(self.assertRaises(InternalServerError, self.ask).code, "unreachable")
