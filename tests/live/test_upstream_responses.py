"""The Responses API over an upstream that supports only Chat, with the `openai` package."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from codexd.wire.json import Json, decode
from tests.support import responses_stream
from tests.support.live_daemon import RESPONSES
from tests.support.live_upstreams import NEAR, UpstreamTestCase
from tests.support.sdk_values import TWO_CALLS, Sum

EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
RESPONSE: TypeAdapter[Any] = TypeAdapter(Response)

WEATHER: Json = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
TEXT = 'say: book 100 haha\n\n  "quoted" \\n ☃ 🂡 tab\there end'


class ResponsesTests(UpstreamTestCase):
    def shown(self) -> list[Json]:
        """Return the roles and texts of the upstream's last request; calls by name."""
        return [(one["role"], _said(one)) for one in self.upstream_request["messages"]]

    def test_every_event_is_strictly_valid_and_they_merge_to_the_answer(self) -> None:
        for text in (
            TEXT,
            TWO_CALLS,
            f"thinking: aloud\n{TEXT}",
            "refuse: never",
            "incomplete: content_filter x",
        ):
            asked = {"model": NEAR, "input": text, "tools": [WEATHER], "reasoning": {"summary": "auto"}}
            events = []
            for frame in self.daemon.call(RESPONSES, asked | {"stream": True}).frames():
                EVENTS.validate_json(frame.data, strict=True)
                events.append(decode(frame.data))
            responses_stream.check(events)
            whole = self.daemon.post(RESPONSES, asked)
            RESPONSE.validate_json(whole.body, strict=True)
            for name in ("status", "incomplete_details", "usage"):
                self.assertEqual(events[-1]["response"][name], whole.json[name], text)
            self.assertEqual(
                [_plain(item) for item in events[-1]["response"]["output"]],
                [_plain(item) for item in whole.json["output"]],
                text,
            )

    def test_the_stream_helper_ends_with_the_whole_answer(self) -> None:
        with self.daemon.client().responses.stream(model=NEAR, input=TEXT) as stream:
            text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
            final = stream.get_final_response()
        self.assertEqual((text, final.output_text), (TEXT.removeprefix("say: "),) * 2)
        self.assertGreater(final.usage.output_tokens, 0)

    def test_tool_results_continue_a_response_without_repeated_requests(self) -> None:
        called = self.respond(TWO_CALLS, tools=[WEATHER], instructions="Be kind.")
        self.assertEqual(self.shown()[0], ("system", "Be kind."))
        outputs = [
            {"type": "function_call_output", "call_id": call.call_id, "output": said}
            for call, said in zip(called.output, ("cold", "warm"), strict=True)
        ]
        answer = self.respond(outputs[::-1], previous_response_id=called.id)
        self.assertEqual(answer.output_text, "tool said: cold | warm")
        self.assertEqual(
            self.shown(),
            [
                ("user", TWO_CALLS),
                ("assistant", "weather weather"),
                ("tool", "cold"),
                ("tool", "warm"),
            ],
        )
        last = self.respond("say: bye", previous_response_id=answer.id)
        self.assertEqual(
            (last.output_text, self.shown()[-2:]),
            ("bye", [("assistant", answer.output_text), ("user", "say: bye")]),
        )

    def test_reasoning_is_an_item(self) -> None:
        response = self.respond("thinking: a thought\nsay: words", reasoning={"effort": "high", "summary": "auto"})
        self.assertEqual([item.type for item in response.output], ["reasoning", "message"])
        self.assertEqual(self.upstream_request["reasoning_effort"], "high")
        self.assertIn("a thought", response.output[0].to_json())
        again = self.respond("say: more", previous_response_id=response.id)
        self.assertEqual(again.output_text, "more")

    def test_a_structured_answer_is_parsed(self) -> None:
        parsed = self.daemon.client().responses.parse(model=NEAR, input='json: {"a": 1, "b": 41}', text_format=Sum)
        self.assertEqual(parsed.output_parsed, Sum(a=1, b=41))
        self.assertEqual(self.upstream_request["response_format"]["json_schema"]["name"], "Sum")

    def test_settings_reach_the_upstream(self) -> None:
        self.respond("say: hi", temperature=0.5, top_p=0.25, max_output_tokens=50, user="somebody")
        names = ("temperature", "top_p", "max_tokens", "user")
        self.assertEqual([self.upstream_request.get(name) for name in names], [0.5, 0.25, 50, "somebody"])

    def test_a_conversation_has_its_history(self) -> None:
        client = self.daemon.client()
        conversation = client.conversations.create()
        for said in ("one", "two"):
            self.respond(f"say: {said}", conversation=conversation.id)
        self.assertEqual(self.shown(), [("user", "say: one"), ("assistant", "one"), ("user", "say: two")])
        self.assertEqual(len(list(client.conversations.items.list(conversation.id))), 4)

    def test_a_background_response_runs_without_a_client_and_can_be_cancelled(self) -> None:
        queued = self.respond("slow: 4", background=True)
        self.assertEqual(queued.status, "queued")
        *_, final = self.polled(queued.id)
        self.assertEqual((final.status, final.output_text), ("completed", "word1 word2 word3 word4"))
        left = self.outcome_count("near", "cancelled")
        endless = self.respond("hang:", background=True)
        cancelled = self.daemon.client().responses.cancel(endless.id)
        self.assertEqual((cancelled.status, self.outcome_count("near", "cancelled")), ("cancelled", left + 1))

    def polled(self, id: str) -> Iterator[Any]:
        """Retrieve it until it has ended."""
        for _ in count():
            yield (response := self.daemon.client().responses.retrieve(id))
            if response.status not in ("queued", "in_progress"):
                return

    def test_a_failure_mid_stream_is_the_last_event_and_is_stored(self) -> None:
        for said in ("cut: some words", "garble: some words"):
            asked = {"model": NEAR, "input": said, "stream": True}
            events = [decode(frame.data) for frame in self.daemon.call(RESPONSES, asked).frames()]
            ends = [event for event in events if event["type"] in responses_stream.TERMINAL]
            self.assertEqual((ends, ends[0]["type"]), (events[-1:], "response.failed"))
            kept = self.daemon.client().responses.retrieve(ends[0]["response"]["id"])
            self.assertEqual((kept.status, bool(kept.error.message)), ("failed", True))


def _said(message: Json) -> str:
    return message.get("content") or " ".join(call["function"]["name"] for call in message["tool_calls"])


def _plain(item: Json) -> Json:
    """Return a response without what differs between any two."""
    return {name: value for name, value in item.items() if name != "id"}
