"""The opaque state of an upstream's model, sent back by the `openai` package and by the store."""

from typing import Any

from codexd.wire.json import Json, decode
from tests.support.faulty_upstream import DETAILS, SIGNED
from tests.support.live_daemon import user
from tests.support.live_upstreams import FAULTY, UpstreamTestCase

MODEL = FAULTY + "signed"
CLOCK: Json = {"name": "clock", "parameters": {"type": "object", "properties": {}}}
CHAT_TOOLS: Any = [{"type": "function", "function": CLOCK}]
TOOLS: Any = [{"type": "function", **CLOCK}]
RESULT: Any = {"type": "function_call_output", "call_id": "c1", "output": "noon"}
STATE = {"reasoning_details": DETAILS, **SIGNED}


class StateTests(UpstreamTestCase):
    def test_chat_shows_it_and_sends_it_back(self) -> None:
        said = self.ask("hi", MODEL, tools=CHAT_TOOLS).choices[0].message
        self.assertEqual((said.reasoning_details, said.tool_calls[0].extra_content), (DETAILS, SIGNED["extra_content"]))
        result = {"role": "tool", "tool_call_id": "c1", "content": "noon"}
        history = [*user("hi"), said.model_dump(exclude_none=True), result]
        self.assertEqual(decode(self.ask(history, MODEL, tools=CHAT_TOOLS).choices[0].message.content), STATE)

    def test_the_stream_helper_of_the_package_sends_it_back(self) -> None:
        client = self.daemon.client()
        with client.chat.completions.stream(model=MODEL, messages=user("hi"), tools=CHAT_TOOLS) as stream:
            said = stream.get_final_completion().choices[0].message
        result = {"role": "tool", "tool_call_id": "c1", "content": "noon"}
        history = [*user("hi"), said.to_dict(exclude_none=True), result]
        self.assertEqual(decode(self.ask(history, MODEL, tools=CHAT_TOOLS).choices[0].message.content), STATE)

    def test_responses_send_it_back_by_id_and_in_the_history(self) -> None:
        response = self.respond("hi", MODEL, tools=TOOLS)
        output = [item.to_dict() for item in response.output]
        self.assertEqual([item["type"] for item in output], ["function_call", "reasoning"])
        by_id = self.respond([RESULT], MODEL, tools=TOOLS, previous_response_id=response.id)
        self.assertEqual(decode(by_id.output_text), STATE)
        by_history = self.respond([*user("hi"), *output, RESULT], MODEL, tools=TOOLS, store=False)
        self.assertEqual(decode(by_history.output_text), STATE)

    def test_it_is_never_sent_to_codex(self) -> None:
        response = self.respond("hi", MODEL, tools=TOOLS)
        answer = self.respond([RESULT, *user("say: fine")], "scripted", tools=TOOLS, previous_response_id=response.id)
        self.assertEqual(answer.output_text, "fine")
