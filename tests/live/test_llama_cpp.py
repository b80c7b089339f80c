"""A real llama.cpp behind codexd: what its server sends is what the `openai` package gets.

Skipped where there is no `llama-server`; see docs/servers.md.
"""

from typing import Any

from openai import APIError, BadRequestError, InternalServerError

from codexd.wire.json import Json, decode
from tests.support.babbler import THOUGHT, TIME, WEATHER
from tests.support.live import Daemon, LiveTestCase, Setup, user
from tests.support.llama import KEY, PROGRAM, LlamaServer
from tests.support.loopback import free_port
from tests.support.system import until

_SETTINGS = """\
[codex]
model = "none"
[[upstream]]
name = "llama"
base_url = "http://127.0.0.1:{port}/v1"
key_file = "{folder}/home/key"
reasoning = "reasoning_content"
retries = 0
"""


def tool(name: str, field: str) -> Json:
    """Offer a function of one text."""
    parameters = {"type": "object", "properties": {field: {"type": "string"}}, "required": [field]}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [tool("get_weather", "city"), tool("get_time", "zone")]
ENDLESS = {"</s>": -100, "<|im_end|>": -100}
"""A bias against every end."""


class LlamaCppTests(LiveTestCase):
    skip = None if PROGRAM else "there is no llama-server"

    def setUp(self) -> None:
        self.babbling = self.own(Setup(settings=_SETTINGS.replace("{port}", str(port := free_port()))))
        self.babbling.model = "babbler"
        (self.babbling.folder / "home" / "key").write_text(KEY)
        self.server = LlamaServer(self.babbling.folder, port)
        self.addCleanup(self.server.kill)
        self.babbling.start().await_ready()
        until(lambda: b"babbler" in self.daemon.get("/v1/models").body, "its model is listed")

    @property
    def daemon(self) -> Daemon:
        """The test's own, with the server behind it."""
        return self.babbling

    def ask(self, **more: Any) -> Any:
        asked = {"model": "babbler", "messages": user("hello"), "max_tokens": 60, "seed": 3} | more
        return self.daemon.client().chat.completions.create(**asked)

    def test_an_answer_streamed_or_whole_is_the_same_with_its_thought_and_its_cost(self) -> None:
        whole = self.ask()
        chunks = list(self.ask(stream=True, stream_options={"include_usage": True}))
        deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
        said = "".join(delta.content or "" for delta in deltas)
        thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
        choice = whole.choices[0]
        self.assertEqual((choice.message.content, choice.message.reasoning_content), (said, thought))
        self.assertEqual(thought, THOUGHT)
        self.assertEqual(chunks[-1].usage.completion_tokens, whole.usage.completion_tokens)

    def test_it_keeps_to_what_was_asked_of_it(self) -> None:
        self.assertEqual(self.ask(max_tokens=12).usage.completion_tokens, 12)
        self.assertEqual(self.ask(max_tokens=12).choices[0].finish_reason, "length")
        self.assertEqual(self.ask().choices[0].message.content, self.ask().choices[0].message.content)
        text = self.ask(max_tokens=500, logit_bias=ENDLESS, stop=[" cat"]).choices[0]
        self.assertEqual((text.finish_reason, " cat" in text.message.content), ("stop", False))
        self.assertEqual(len({choice.message.content for choice in self.ask(n=3).choices}), 3)

    def test_log_probabilities_are_those_of_the_text(self) -> None:
        choice = self.ask(logprobs=True, top_logprobs=2).choices[0]
        tokens = [one.token for one in choice.logprobs.content]
        self.assertEqual("".join(tokens), choice.message.content)
        self.assertTrue(all(len(one.top_logprobs) == 2 for one in choice.logprobs.content))

    def test_a_grammar_made_of_a_schema_is_kept_to(self) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
        wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        found = decode(self.ask(response_format=wanted, max_tokens=300).choices[0].message.content)
        self.assertIsInstance(found["a"], int)

    def test_calls_come_through_and_their_results_go_back(self) -> None:
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

    def test_responses_remember_and_call(self) -> None:
        client = self.daemon.client()
        tools: Any = [{"type": "function", "strict": False, **one["function"]} for one in TOOLS]
        with client.responses.stream(model="babbler", input="weather?", tools=tools) as stream:
            first = stream.get_final_response()
        called = [item for item in first.output if item.type == "function_call"]
        results: Any = [
            {"type": "function_call_output", "call_id": call.call_id, "output": "rain"} for call in called
        ]
        second = client.responses.create(model="babbler", input=results, previous_response_id=first.id)
        self.assertEqual([item.type for item in second.output], ["reasoning", "message"])
        listed = [item.type for item in client.responses.input_items.list(second.id, order="asc")]
        self.assertEqual(listed[0], "message")
        self.assertEqual(listed.count("function_call_output"), len(called))

    def test_what_it_refuses_is_told_as_what_it_is(self) -> None:
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
        for code, more in (
            ("context_length_exceeded", {"messages": user("long " * self.server.window)}),
            ("invalid_prompt", {"messages": [{"role": "user", "content": [picture]}]}),
        ):
            error = self.assertRaises(BadRequestError, self.ask, **more)
            self.assertEqual(error.code, code)

    def test_a_client_that_leaves_stops_it(self) -> None:
        call = self.daemon.call(
            "/v1/chat/completions", self.daemon.question("hi", stream=True, logit_bias=ENDLESS)
        )
        next(call.frames())
        self.assertTrue(self.server.busy)
        call.drop()
        until(lambda: not self.server.busy, "it stops", 1.0)

    def test_killed_in_an_answer_the_answer_is_broken_and_the_next_says_why(self) -> None:
        stream = self.ask(stream=True, max_tokens=900, logit_bias=ENDLESS)
        next(iter(stream))
        self.server.kill()
        error = self.assertRaises(APIError, list, stream)
        self.assertEqual(error.code, "stream_cut")
        self.assertEqual(self.assertRaises(InternalServerError, self.ask).code, "unreachable")
