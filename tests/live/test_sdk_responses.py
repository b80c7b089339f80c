"""The Responses API end to end with the `openai` package."""

from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from codexd.wire.json import Json, decode, encode
from tests.support import responses_stream
from tests.support.live_daemon import RESPONSES, LiveTestCase
from tests.support.sdk_values import TWO_CALLS, Sum

EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
RESPONSE: TypeAdapter[Any] = TypeAdapter(Response)

WEATHER: Json = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
FAULTY = 'say: book 100 haha\n\n  "quoted" \\n ☃ 🂡 tab\there \u0000 end'
OWN = ("id", "item_id", "created_at", "completed_at")


def outputs(response: Any, *texts: str) -> list[Json]:
    """Build the items that follow a response with calls: its output and a result for each call."""
    calls = [item for item in response.output if item.type == "function_call"]
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": text}
        for call, text in zip(calls, texts, strict=True)
    ]
    return [*(item.model_dump(exclude_none=True) for item in response.output), *results]


def nameless(value: Json) -> Json:
    """Return a response without ids and times, which differ between any two."""
    if isinstance(value, dict):
        return {name: nameless(inner) for name, inner in value.items() if name not in OWN}
    return [nameless(inner) for inner in value] if isinstance(value, list) else value


class ResponsesTests(LiveTestCase):
    def ask(self, said: Any, **more: Any) -> Any:
        return self.daemon.client().responses.create(model="scripted", input=said, store=False, **more)

    def events(self, said: Any, **more: Any) -> list[Json]:
        """Create a streamed response and check the types and the order of its events."""
        body = {"model": "scripted", "input": said, "stream": True, "store": False} | more
        events = []
        for frame in self.daemon.call(RESPONSES, body).frames():
            EVENTS.validate_json(frame.data, strict=True)
            events.append(decode(frame.data))
            self.assertEqual(frame.event, events[-1]["type"].encode())
        responses_stream.check(events)
        return events

    def test_a_json_answer_to_a_string_and_to_items(self) -> None:
        parts = [{"role": "user", "content": [{"type": "input_text", "text": FAULTY}]}]
        for said in (FAULTY, [{"role": "user", "content": FAULTY}], parts):
            response = self.ask(said, instructions="Be exact.")
            self.assertEqual(response.output_text, FAULTY.removeprefix("say: "))
            self.assertEqual((response.status, response.store), ("completed", False))
            self.assertEqual(response.instructions, "Be exact.")
            usage = response.usage
            self.assertEqual(usage.total_tokens, usage.input_tokens + usage.output_tokens)
            self.assertTrue(response._request_id)

    def test_every_event_is_valid_in_order_and_they_merge_to_the_json_answer(self) -> None:
        asked = ("say: one two", "think: aloud", TWO_CALLS, f"preface: so\n{TWO_CALLS}", FAULTY)
        for said in (*asked, "incomplete: max_output_tokens cut off", "incomplete: content_filter no"):
            events = self.events(said, tools=[WEATHER])
            body = {"model": "scripted", "input": said, "tools": [WEATHER], "store": False}
            whole = self.daemon.post(RESPONSES, body)
            RESPONSE.validate_json(whole.body, strict=True)
            self.assertEqual(nameless(events[-1]["response"]), nameless(whole.json))
            added_up = responses_stream.accumulate(events)
            self.assertEqual(nameless(added_up["output"]), nameless(whole.json["output"]))

    def test_the_stream_helper_ends_with_the_whole_answer(self) -> None:
        client = self.daemon.client()
        for said in ("thinking: a thought\nsay: one two three", TWO_CALLS):
            asked = {"model": "scripted", "input": said, "tools": [WEATHER]}
            with client.responses.stream(**asked) as stream:
                kinds = [event.type for event in stream]
                final = stream.get_final_response()
            self.assertEqual((kinds[0], kinds[-1]), ("response.created", "response.completed"))
            whole = client.responses.create(**asked)
            self.assertEqual(final.output_text, whole.output_text)
            self.assertEqual([item.type for item in final.output], [item.type for item in whole.output])

    def test_calls_and_their_results_in_any_order(self) -> None:
        for order in (slice(None), slice(None, None, -1)):
            called = self.ask(TWO_CALLS, tools=[WEATHER])
            self.assertEqual([item.type for item in called.output], ["function_call"] * 2)
            self.assertEqual(called.status, "completed")
            first, second, *results = outputs(called, "cold", "warm")
            history = [{"role": "user", "content": TWO_CALLS}, first, second, *results[order]]
            reply = self.ask(history, tools=[WEATHER])
            self.assertEqual(reply.output_text, "tool said: cold | warm")

    def test_several_rounds_of_calls_with_reasoning_between(self) -> None:
        said = (
            'thinking: which\ncall: weather {"city":"Oslo"}\nthen: thinking: and\n'
            'call: weather {"city":"Rome"}\nthen: say: both'
        )
        history: list[Json] = [{"role": "user", "content": said}]
        for city in ("Oslo", "Rome"):
            called = self.ask(history, tools=[WEATHER], include=["reasoning.encrypted_content"])
            (call,) = (item for item in called.output if item.type == "function_call")
            self.assertEqual(decode(call.arguments), {"city": city})
            self.assertTrue(called.output[0].encrypted_content)
            history += outputs(called, "rain")
        self.assertEqual(self.ask(history, tools=[WEATHER]).output_text, "both")

    def test_a_failed_tool_and_a_result_of_parts_go_through(self) -> None:
        called = self.ask('call: weather {"city":"Oslo"}', tools=[WEATHER])
        said, result = outputs(called, "")
        result["output"] = [{"type": "input_text", "text": "no"}, {"type": "input_text", "text": "net"}]
        history = [{"role": "user", "content": 'call: weather {"city":"Oslo"}'}, said, result]
        self.assertEqual(self.ask(history, tools=[WEATHER]).output_text, "tool said: no\nnet")

    def test_a_structured_answer_is_parsed(self) -> None:
        response = self.daemon.client().responses.parse(
            model="scripted", input='json: {"a": 1, "b": 41}', text_format=Sum
        )
        self.assertEqual(response.output_parsed, Sum(a=1, b=41))

    def test_reasoning_is_an_item_with_a_summary(self) -> None:
        response = self.ask("think: deep water", reasoning={"effort": "high", "summary": "auto"})
        thought, said = response.output
        self.assertEqual([part.text for part in thought.summary], ["deep water"])
        self.assertEqual((said.type, response.output_text), ("message", "deep water"))
        self.assertGreater(response.usage.output_tokens_details.reasoning_tokens, 0)

    def test_a_limit_makes_it_incomplete_with_the_reason(self) -> None:
        response = self.ask("long: 400", max_output_tokens=16)
        self.assertEqual((response.status, response.incomplete_details.reason), ("incomplete", "max_output_tokens"))
        self.assertEqual(len(response.output_text), 64)
        self.assertEqual(self.events("long: 400", max_output_tokens=16)[-1]["type"], "response.incomplete")

    def test_an_unknown_previous_response_is_rejected(self) -> None:
        answer = self.daemon.post(RESPONSES, {"model": "scripted", "input": "hi", "previous_response_id": "resp_1"})
        self.assertEqual((answer.status, answer.json["error"]["param"]), (400, "previous_response_id"))

    def test_a_custom_tool_takes_free_text(self) -> None:
        shout = {"type": "custom", "name": "shout", "description": "Says it aloud."}
        called = self.ask('call: shout {"input": "a \\"free\\"\\ntext"}', tools=[shout])
        (call,) = called.output
        self.assertEqual((call.type, call.name, call.input), ("custom_tool_call", "shout", 'a "free"\ntext'))
        history = [
            {"role": "user", "content": 'call: shout {"input": "a \\"free\\"\\ntext"}'},
            call.model_dump(exclude_none=True),
            {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "heard"},
        ]
        self.assertEqual(self.ask(history, tools=[shout]).output_text, "tool said: heard")

    def test_a_responses_body_at_the_chat_endpoint_is_answered_as_chat(self) -> None:
        body = {"model": "scripted", "input": [{"role": "user", "content": "say: cursor"}]}
        answer = self.daemon.post("/v1/chat/completions", encode(body))
        self.assertEqual(answer.json["choices"][0]["message"]["content"], "cursor")
