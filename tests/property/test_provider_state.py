"""The opaque state of a model: what an upstream sends comes back to it, over every door, streamed or not.

An upstream in memory sends an answer with a call and with state in random places. The client sends the answer back
with the result of the call, in its history or by `previous_response_id`, and the upstream's second request must
contain the state unchanged.
"""

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming._deltas import accumulate_delta
from openai.types.chat import ChatCompletion
from openai.types.responses import Response as ResponseObject
from twisted.trial.unittest import SynchronousTestCase

from codexd.interfaces import IModelBackend
from codexd.routing.tool_backends import ToolTextBackend
from codexd.settings import Tools
from tests.support import chat_stream
from tests.support.chat_chunks import DONE, chunk, frames
from tests.support.fake_backend import FakeBackend
from tests.support.fake_upstream import SETTINGS, FakeConnection, UpstreamHarness
from tests.support.in_memory_server import Connection, InMemoryServer

TOOL = {"name": "f", "parameters": {"type": "object", "properties": {}}}
values = st.recursive(
    st.booleans() | st.integers(1, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
signatures = st.builds(lambda text: {"google": {"thought_signature": text}}, st.text(min_size=1, max_size=9))
details = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "reasoning.text", "text": text, "signature": "s"}, st.text(min_size=1)),
        st.builds(lambda text: {"type": "reasoning.summary", "summary": text}, st.text(min_size=1)),
        st.builds(
            lambda data, id: {"type": "reasoning.encrypted", "data": data, "id": id}, st.text(), st.text(min_size=1)
        ),
    ),
    min_size=1,
    max_size=3,
)
messages = st.fixed_dictionaries(
    {}, optional={"extra_content": signatures, "reasoning_details": details, "reasoning_opaque": st.text(min_size=1)}
)
calls = st.fixed_dictionaries({}, optional={"extra_content": signatures, "thought_signature": values.filter(bool)})


class Exchange:
    """A client, codexd and an upstream."""

    def __init__(self) -> None:
        self.upstream = UpstreamHarness(evolve(SETTINGS, retries=0))
        self.server = InMemoryServer(wrap_backend=self._wrap)

    def _wrap(self, fake: FakeBackend) -> IModelBackend:
        return ToolTextBackend(self.upstream.backend, Tools(), self.upstream.metrics.count)

    def ask(self, path: str, body: Any) -> tuple[Connection, FakeConnection]:
        """Send a request; return the client's connection and the upstream's."""
        for connection in self.upstream.connections:
            connection.clear()
        client = self.server.connect()
        client.request("POST", path, {"model": "m", **body})
        self.upstream.clock.advance(0)
        return client, self.upstream.accept()


def sent_state(connection: FakeConnection) -> tuple[Any, Any]:
    """Return the assistant message of an upstream's request, without what the API defines, and its calls."""
    (message,) = (one for one in connection.request_json["messages"] if one["role"] == "assistant")
    known = ("role", "content", "tool_calls")
    shown = [
        {name: value for name, value in call.items() if name not in ("id", "type", "function")}
        for call in message["tool_calls"]
    ]
    return {name: value for name, value in message.items() if name not in known}, shown


def answer(message: Any, states: list[Any], late: bool) -> bytes:
    """Build the upstream's stream: calls with their state, at once or in a later chunk."""
    chunks = [chunk({"content": "hm"}), chunk(message)]
    for index, state in enumerate(states):
        call = {"index": index, "id": f"c{index}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        chunks += [chunk({"tool_calls": [call | ({} if late else state)]})]
        chunks += [chunk({"tool_calls": [{"index": index, **state}]})] if late and state else []
    return frames(*chunks, chunk({}, "tool_calls")) + DONE


class ProviderStateTests(SynchronousTestCase):
    def run_chat(self, message: Any, states: list[Any], stream: bool, late: bool, **more: Any) -> None:
        exchange = Exchange()
        tools = {"tools": [{"type": "function", "function": TOOL}], **more}
        asked = [{"role": "user", "content": "hi"}]
        client, server = exchange.ask("/v1/chat/completions", {"messages": asked, "stream": stream, **tools})
        server.send_response(answer(message, states, late))
        states = states[:1] if more else states
        if stream:
            shown: dict[Any, Any] = {}
            for one in chat_stream.read(client.response.body).chunks:
                accumulate_delta(shown, one["choices"][0]["delta"])
        else:
            parsed = ChatCompletion.model_validate(client.response.json)
            shown = parsed.choices[0].message.model_dump(exclude_none=True)
        for name, value in message.items():
            self.assertEqual(shown[name], value)
        self.assertEqual(
            [{name: call[name] for name in state} for call, state in zip(shown["tool_calls"], states, strict=True)],
            states,
        )
        results = [{"role": "tool", "tool_call_id": f"c{index}", "content": "ok"} for index in range(len(states))]
        shown.pop("refusal", None)
        _, server = exchange.ask("/v1/chat/completions", {"messages": [*asked, shown, *results], **tools})
        self.assertEqual(sent_state(server), (message, states))

    def run_responses(
        self, message: Any, states: list[Any], stream: bool, late: bool, stored: bool, **more: Any
    ) -> None:
        exchange = Exchange()
        tools = {"tools": [{"type": "function", **TOOL}], **more}
        client, server = exchange.ask("/v1/responses", {"input": "hi", "stream": stream, "store": stored, **tools})
        server.send_response(answer(message, states, late))
        states = states[:1] if more else states
        body = client.response.events[-1]["response"] if stream else client.response.json
        ResponseObject.model_validate(body)
        results = [{"type": "function_call_output", "call_id": f"c{at}", "output": "ok"} for at in range(len(states))]
        if stored:
            asked: dict[str, Any] = {"previous_response_id": body["id"], "input": results}
            read = exchange.server.request("GET", f"/v1/responses/{body['id']}").json
            self.assertEqual(read["output"], body["output"])
        else:
            output = [one.model_dump(exclude_none=True) for one in ResponseObject.model_validate(body).output]
            asked = {"input": [{"role": "user", "content": "hi"}, *output, *results]}
        _, server = exchange.ask("/v1/responses", {**asked, **tools})
        self.assertEqual(sent_state(server), (message, states))

    def test_state_comes_back_whether_it_was_sent_with_its_call_or_after_it(self) -> None:
        summary = {"type": "reasoning.summary", "summary": "hm", "index": 0}
        encrypted = {"type": "reasoning.encrypted", "data": "gAAA", "id": "c1", "format": "x", "index": 1}
        message = {"reasoning_details": [summary, encrypted]}
        states: list[Any] = [{"extra_content": {"google": {"thought_signature": "s"}}}, {}]
        for stream in (False, True):
            for late in (False, True):
                self.run_chat(message, states, stream, late)
                for stored in (False, True):
                    self.run_responses(message, states, stream, late, stored)

    def test_state_stays_if_a_limit_drops_further_calls(self) -> None:
        states: list[Any] = [{"extra_content": {"google": {"thought_signature": "s"}}}, {}]
        for stream in (False, True):
            for late in (False, True):
                self.run_chat({}, states, stream, late, parallel_tool_calls=False)
                for stored in (False, True):
                    self.run_responses({}, states, stream, late, stored, parallel_tool_calls=False)

    def test_entries_with_equal_indexes_stay_apart_in_a_client_that_merges_by_index(self) -> None:
        text, encrypted = {"type": "reasoning.text", "text": "hm"}, {"type": "reasoning.encrypted", "data": "gAAA"}
        for indexes in ((0, 0), (1, 2), (None, 0)):
            entries = [
                one if index is None else one | {"index": index}
                for one, index in zip((text, encrypted), indexes, strict=True)
            ]
            exchange = Exchange()
            asked = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
            client, server = exchange.ask("/v1/chat/completions", asked)
            server.send_response(answer({"reasoning_details": entries}, [], False))
            shown: dict[Any, Any] = {}
            for one in chat_stream.read(client.response.body).chunks:
                accumulate_delta(shown, one["choices"][0]["delta"])
            self.assertEqual(shown["reasoning_details"], [text, encrypted])

    @settings.get_profile("few")
    @given(messages, st.lists(calls, min_size=1, max_size=3), st.booleans(), st.booleans())
    def test_chat(self, message: Any, states: list[Any], stream: bool, late: bool) -> None:
        self.run_chat(message, states, stream, late)

    @settings.get_profile("few")
    @given(messages, st.lists(calls, min_size=1, max_size=3), st.booleans(), st.booleans(), st.booleans())
    def test_responses(self, message: Any, states: list[Any], stream: bool, late: bool, stored: bool) -> None:
        self.run_responses(message, states, stream, late, stored)

    def test_a_text_answer_keeps_its_state(self) -> None:
        signature = {"extra_content": {"google": {"thought_signature": "s"}}}
        exchange = Exchange()
        _client, server = exchange.ask("/v1/responses", {"input": "hi"})
        server.send_response(frames(chunk({"content": "yes", **signature}), chunk({}, "stop")) + DONE)
        body = _client.response.json
        _, server = exchange.ask("/v1/responses", {"previous_response_id": body["id"], "input": "why?"})
        expected = {"role": "assistant", "content": "yes", **signature}
        self.assertIn(expected, server.request_json["messages"])

    def finish_call(self, *chunks: bytes) -> tuple[Any, Any]:
        """Answer with a stream that calls `f`; return the state in the message and in the call that come back."""
        exchange = Exchange()
        asked: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
        tools = {"tools": [{"type": "function", "function": TOOL}]}
        client, server = exchange.ask("/v1/chat/completions", asked | tools)
        server.send_response(b"".join(b"data: " + one + b"\n\n" for one in chunks) + DONE)
        shown = client.response.json["choices"][0]["message"]
        (call,) = shown["tool_calls"]
        result = {"role": "tool", "tool_call_id": call["id"], "content": "ok"}
        _, server = exchange.ask("/v1/chat/completions", {"messages": [*asked["messages"], shown, result], **tools})
        message, (state,) = sent_state(server)
        return message, state

    def test_characters_that_a_server_cuts_in_half_are_whole_in_the_state(self) -> None:
        message, state = self.finish_call(
            rb'{"choices":[{"delta":{"content":"a\ud83d","reasoning_details":[{"type":"t","text":"b\ud83d"}]}}]}',
            rb'{"choices":[{"delta":{"content":"\ude00","reasoning_details":[{"type":"t","text":"\ude00"}]}}]}',
            rb'{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c0","function":{"name":"f","arguments":"{}"},'
            rb'"extra_content":{"a":"\ud83d"}}]},"finish_reason":"tool_calls"}]}',
        )
        self.assertEqual(message, {"reasoning_details": [{"type": "t", "text": "b\U0001f600"}]})
        self.assertEqual(state, {"extra_content": {"a": "\ufffd"}})

    def test_a_state_beside_a_half_character_does_not_end_the_text(self) -> None:
        exchange = Exchange()
        client, server = exchange.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]})
        server.send_response(
            rb'data: {"choices":[{"delta":{"content":"a\ud83d","reasoning_opaque":"s"}}]}' + b"\n\n"
            rb'data: {"choices":[{"delta":{"content":"\ude00"},"finish_reason":"stop"}]}' + b"\n\n" + DONE
        )
        self.assertEqual(client.response.json["choices"][0]["message"]["content"], "a\U0001f600")

    def test_the_state_of_a_call_that_is_repeated_at_the_end_is_kept(self) -> None:
        call = b'{"index":0,"id":"c0","type":"function","function":{"name":"f","arguments":"{}"}%b}'
        _, state = self.finish_call(
            b'{"choices":[{"delta":{"tool_calls":[' + call % b"" + b"]}}]}",
            b'{"choices":[{"message":{"content":null,"tool_calls":['
            + call % b',"thought_signature":"s"'
            + b']},"finish_reason":"tool_calls"}]}',
        )
        self.assertEqual(state, {"thought_signature": "s"})

    def test_the_state_of_a_fragment_with_an_id_of_its_own_belongs_to_its_call(self) -> None:
        _, state = self.finish_call(
            b'{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c0","function":{"name":"f","arguments":""}}]}}]}',
            b'{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{}"},"thought_signature":"s"}]}}]}',
            b'{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}',
        )
        self.assertEqual(state, {"thought_signature": "s"})

    def test_the_states_of_several_choices_are_joined(self) -> None:
        message, _ = self.finish_call(
            b'{"choices":[{"index":0,"message":{"content":"hm","reasoning_details":[{"text":"a"}]}},'
            b'{"index":1,"message":{"content":null,"reasoning_details":[{"data":"b"}],"tool_calls":'
            b'[{"id":"c0","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}',
        )
        self.assertEqual(message, {"reasoning_details": [{"text": "a"}, {"data": "b"}]})

    def test_a_state_that_was_changed_is_refused(self) -> None:
        exchange = Exchange()
        for text in ("codexd-state:", "codexd-state:{", "codexd-state:[]", 'codexd-state:{"message":1,"calls":{}}'):
            items = [{"type": "reasoning", "summary": [], "encrypted_content": text}, {"role": "user", "content": "hi"}]
            refused = exchange.server.request("POST", "/v1/responses", {"model": "m", "input": items})
            self.assertEqual((refused.status, refused.error["param"]), (400, "input[0].encrypted_content"))

    def test_state_of_other_fields_is_neither_shown_nor_sent(self) -> None:
        exchange = Exchange()
        client, server = exchange.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]})
        server.send_response(frames(chunk({"content": "yes", "matched_stop": 2}), chunk({}, "stop")) + DONE)
        self.assertNotIn("matched_stop", client.response.json["choices"][0]["message"])
        asked = [{"role": "assistant", "content": "yes", "matched_stop": 2}, {"role": "user", "content": "why?"}]
        _, server = exchange.ask("/v1/chat/completions", {"messages": asked})
        self.assertEqual(server.request_json["messages"][0], {"role": "assistant", "content": "yes"})

    def test_a_state_that_is_too_large_is_dropped_and_the_answer_is_complete(self) -> None:
        exchange = Exchange()
        client, server = exchange.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]})
        details = [{"type": "reasoning.encrypted", "data": "x" * 2**20}]
        server.send_response(frames(chunk({"content": "yes", "reasoning_details": details}), chunk({}, "stop")) + DONE)
        self.assertEqual(
            client.response.json["choices"][0]["message"], {"role": "assistant", "content": "yes", "refusal": None}
        )

    def test_a_state_that_nests_too_deep_is_dropped_and_the_answer_is_complete(self) -> None:
        exchange = Exchange()
        client, server = exchange.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]})
        deep = b'{"a":' * 300 + b"1" + b"}" * 300
        data = b'data: {"choices":[{"index":0,"delta":{"content":"yes","extra_content":%b}}]}\n\n' % deep
        server.send_response(data + frames(chunk({}, "stop")) + DONE)
        self.assertEqual(client.response.json["choices"][0]["message"]["content"], "yes")
