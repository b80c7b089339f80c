"""Encoding of a turn as a Chat Completions request."""

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.request import encode_request
from codexd.backs.chat.schemas import repair_parameters
from codexd.backs.chat.tool_names import ToolNames
from codexd.fronts.chat import decode
from codexd.fronts.dialect import RequestOptions
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import Message, ReasoningOptions, ResponseFormat, Sampling, TextPart, Tool, Turn, WebSearch
from codexd.wire import json
from tests.support.chat_turns import turns

TURN = Turn(model="m", items=(Message(role="user", parts=(TextPart("hi"),)),))
OPENAI = ServerCapabilities(
    token_limit="max_completion_tokens",
    developer_role=True,
    custom_tools=True,
    audio=True,
    files=True,
    merge_system=False,
)


def body(turn: Turn, capabilities: ServerCapabilities | None = None) -> dict[str, Any]:
    capabilities = capabilities or ServerCapabilities()
    found: dict[str, Any] = json.decode(encode_request(turn, ToolNames(turn.tools), capabilities).body)
    return found


def spelled_out(tool: Tool) -> Tool:
    """Return a tool as it is sent: with the schema of an object."""
    return evolve(tool, parameters=repair_parameters(tool.parameters)) if tool.kind == "function" else tool


def ignored(turn: Turn, capabilities: ServerCapabilities | None = None) -> tuple[str, ...]:
    return encode_request(turn, ToolNames(turn.tools), capabilities or ServerCapabilities()).ignored


class RequestTests(SynchronousTestCase):
    def test_the_smallest_request_streams_with_usage(self) -> None:
        self.assertEqual(
            body(TURN),
            {
                "model": "m",
                "messages": [{"role": "user", "content": "hi"}],
                "stream": True,
                "stream_options": {"include_usage": True},
            },
        )

    def test_every_parameter_is_sent(self) -> None:
        turn = evolve(
            TURN,
            sampling=Sampling(
                temperature=0.5,
                top_p=0.9,
                presence_penalty=0.1,
                frequency_penalty=-0.1,
                seed=7,
                max_tokens=99,
                stop=("a", "b"),
                logprobs=True,
                top_logprobs=2,
                logit_bias='{"1":-100}',
            ),
            reasoning=ReasoningOptions("low", "auto"),
            verbosity="high",
            service_tier="flex",
            format=ResponseFormat(kind="json_object"),
        )
        expected = {
            "temperature": 0.5,
            "top_p": 0.9,
            "presence_penalty": 0.1,
            "frequency_penalty": -0.1,
            "seed": 7,
            "max_tokens": 99,
            "stop": ["a", "b"],
            "logprobs": True,
            "top_logprobs": 2,
            "logit_bias": {"1": -100},
            "reasoning_effort": "low",
            "verbosity": "high",
            "service_tier": "flex",
            "response_format": {"type": "json_object"},
        }
        self.assertEqual(body(turn) | expected, body(turn))
        self.assertEqual(ignored(turn), ())

    def test_the_token_limit_has_the_servers_name(self) -> None:
        limited = evolve(TURN, sampling=Sampling(max_tokens=9))
        self.assertEqual(body(limited, OPENAI)["max_completion_tokens"], 9)
        self.assertNotIn("max_tokens", body(limited, OPENAI))

    def test_a_schema_is_nested_and_has_a_name(self) -> None:
        turn = evolve(
            TURN,
            format=ResponseFormat(
                kind="json_schema", schema='{"b":1,"a":2}', name=None, strict=True, description="Say."
            ),
        )
        schema = {"name": "answer", "description": "Say.", "schema": {"b": 1, "a": 2}, "strict": True}
        self.assertEqual(body(turn)["response_format"], {"type": "json_schema", "json_schema": schema})

    def test_omitted_fields_are_reported_as_ignored(self) -> None:
        turn = evolve(TURN, sampling=Sampling(seed=7, temperature=1), ignored=("metadata",))
        capabilities = ServerCapabilities(omit=("seed", "stream_options", "top_p"))
        self.assertNotIn("seed", body(turn, capabilities))
        self.assertNotIn("stream_options", body(turn, capabilities))
        self.assertEqual(ignored(turn, capabilities), ("metadata", "seed"))

    def test_unknown_fields_are_sent_to_servers_that_want_them(self) -> None:
        turn = evolve(TURN, extra='{"user":"u","top_k":5,"model":"x","n":2}', ignored=("user", "top_k"))
        self.assertEqual(body(turn)["user"], "u")
        self.assertEqual(ignored(turn), ("top_k",))
        passing = body(turn, ServerCapabilities(pass_unknown=True))
        self.assertEqual((passing["top_k"], passing["model"], "n" in passing), (5, "m", False))
        self.assertEqual(ignored(turn, ServerCapabilities(pass_unknown=True)), ())

    def test_a_web_search_is_sent_to_a_server_that_gets_unknown_fields(self) -> None:
        taking = ServerCapabilities(pass_unknown=True)
        asked = {
            "search_context_size": "low",
            "user_location": {"type": "approximate", "approximate": {"city": "Oslo"}},
        }
        sent = json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}], "web_search_options": asked})
        turn = decode(sent, RequestOptions(principal="p")).turn
        self.assertEqual(body(turn, taking)["web_search_options"], asked)
        self.assertEqual(ignored(turn, taking), ())
        self.assertEqual(body(evolve(TURN, web_search=WebSearch()), taking)["web_search_options"], {})

    def test_a_web_search_that_chat_cannot_express_is_not_sent(self) -> None:
        for search in (WebSearch(domains=("a.org",)), WebSearch(live=False)):
            turn = evolve(TURN, web_search=search)
            self.assertNotIn("web_search_options", body(turn, ServerCapabilities(pass_unknown=True)))
            self.assertEqual(ignored(turn, ServerCapabilities(pass_unknown=True)), ("web_search",))

    def test_a_web_search_that_is_not_sent_is_reported_as_ignored(self) -> None:
        self.assertEqual(ignored(evolve(TURN, web_search=WebSearch())), ("web_search",))

    @settings.get_profile("few")
    @given(turns())
    def test_an_encoded_request_decodes_to_the_same_turn(self, turn: Turn) -> None:
        """Law 5 for everything but the history, which test_messages covers."""
        try:
            asked = encode_request(turn, ToolNames(turn.tools), OPENAI)
        except FaultError as refused:
            self.assertEqual(refused.fault.kind, "unsupported")
            return
        read = decode(asked.body, RequestOptions(principal=turn.principal)).turn
        names = turn.tool_choice.names
        narrowed = len(names) > 1 or (names and turn.tool_choice.mode == "auto")
        offered = tuple(spelled_out(tool) for tool in turn.tools if not narrowed or tool.name in names)
        self.assertEqual(read.tools, offered)
        choice = evolve(turn.tool_choice, names=()) if narrowed else turn.tool_choice
        self.assertEqual(read.tool_choice, choice if offered else evolve(choice, mode="auto"))
        sampling = turn.sampling if turn.sampling.logprobs else evolve(turn.sampling, top_logprobs=None)
        self.assertEqual(read.sampling, sampling)
        self.assertEqual(read.reasoning.effort, turn.reasoning.effort)
        self.assertEqual(read.verbosity, turn.verbosity)
        shape = turn.format
        self.assertEqual(read.format, shape if shape.name else evolve(shape, name=read.format.name))
        self.assertEqual(read.parallel_tool_calls, turn.parallel_tool_calls or not offered)
