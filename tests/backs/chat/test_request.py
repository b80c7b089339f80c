"""A turn as a Chat Completions request."""

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.dialect import Dialect
from codexd.backs.chat.names import Names
from codexd.backs.chat.request import write
from codexd.fronts.chat import decode
from codexd.fronts.exchange import Terms
from codexd.neutral.fault import Refused
from codexd.neutral.turn import Format, Message, Sampling, TextPart, Thinking, Tool, Turn, WebSearch
from codexd.wire import json
from tests.support.chat_turns import turns

TURN = Turn("m", (Message("user", (TextPart("hi"),)),))
OPENAI = Dialect("max_completion_tokens", True, True, "none", True, True, True)


def body(turn: Turn, dialect: Dialect | None = None) -> dict[str, Any]:
    dialect = dialect or Dialect()
    found: dict[str, Any] = json.decode(write(turn, Names(turn.tools), dialect).body)
    return found


def spelled_out(tool: Tool) -> Tool:
    """Give a tool as it goes out: many servers want at least an empty object."""
    bare = tool.kind == "function" and tool.parameters == "{}"
    return evolve(tool, parameters='{"type":"object","properties":{}}') if bare else tool


def ignored(turn: Turn, dialect: Dialect | None = None) -> tuple[str, ...]:
    return write(turn, Names(turn.tools), dialect or Dialect()).ignored


class RequestTests(SynchronousTestCase):
    def test_the_least_request_streams_with_usage_and_says_nothing_else(self) -> None:
        self.assertEqual(
            body(TURN),
            {
                "model": "m",
                "messages": [{"role": "user", "content": "hi"}],
                "stream": True,
                "stream_options": {"include_usage": True},
            },
        )

    def test_every_parameter_goes_on(self) -> None:
        turn = evolve(
            TURN,
            sampling=Sampling(0.5, 0.9, 0.1, -0.1, 7, 99, ("a", "b"), True, 2, '{"1":-100}'),
            thinking=Thinking("low", "auto"),
            verbosity="high",
            service_tier="flex",
            format=Format("json_object"),
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

    def test_the_limit_has_the_name_the_server_knows(self) -> None:
        limited = evolve(TURN, sampling=Sampling(max_tokens=9))
        self.assertEqual(body(limited, OPENAI)["max_completion_tokens"], 9)
        self.assertNotIn("max_tokens", body(limited, OPENAI))

    def test_a_schema_is_nested_and_has_a_name(self) -> None:
        turn = evolve(TURN, format=Format("json_schema", '{"b":1,"a":2}', None, True, "Say."))
        schema = {"name": "answer", "description": "Say.", "schema": {"b": 1, "a": 2}, "strict": True}
        self.assertEqual(body(turn)["response_format"], {"type": "json_schema", "json_schema": schema})

    def test_what_the_server_cannot_take_is_left_out_and_named(self) -> None:
        turn = evolve(TURN, sampling=Sampling(seed=7, temperature=1), ignored=("metadata",))
        dialect = Dialect(omit=("seed", "stream_options", "top_p"))
        self.assertNotIn("seed", body(turn, dialect))
        self.assertNotIn("stream_options", body(turn, dialect))
        self.assertEqual(ignored(turn, dialect), ("metadata", "seed"))

    def test_unknown_fields_go_where_they_are_wanted(self) -> None:
        turn = evolve(TURN, extra='{"user":"u","top_k":5,"model":"x","n":2}', ignored=("user", "top_k"))
        self.assertEqual(body(turn)["user"], "u")
        self.assertEqual(ignored(turn), ("top_k",))
        passing = body(turn, Dialect(pass_unknown=True))
        self.assertEqual((passing["top_k"], passing["model"], "n" in passing), (5, "m", False))
        self.assertEqual(ignored(turn, Dialect(pass_unknown=True)), ())

    def test_a_web_search_goes_on_to_a_server_that_is_sent_what_others_do_not_know(self) -> None:
        taking = Dialect(pass_unknown=True)
        asked = {
            "search_context_size": "low",
            "user_location": {"type": "approximate", "approximate": {"city": "Oslo"}},
        }
        sent = json.encode(
            {"model": "m", "messages": [{"role": "user", "content": "hi"}], "web_search_options": asked}
        )
        turn = decode(sent, Terms("p")).turn
        self.assertEqual(body(turn, taking)["web_search_options"], asked)
        self.assertEqual(ignored(turn, taking), ())
        self.assertEqual(body(evolve(TURN, web_search=WebSearch()), taking)["web_search_options"], {})

    def test_a_web_search_that_chat_has_no_words_for_is_not_made_another_one(self) -> None:
        for search in (WebSearch(domains=("a.org",)), WebSearch(live=False)):
            turn = evolve(TURN, web_search=search)
            self.assertNotIn("web_search_options", body(turn, Dialect(pass_unknown=True)))
            self.assertEqual(ignored(turn, Dialect(pass_unknown=True)), ("web_search",))

    def test_a_web_search_it_cannot_be_offered_is_named(self) -> None:
        self.assertEqual(ignored(evolve(TURN, web_search=WebSearch())), ("web_search",))

    @settings(max_examples=60)
    @given(turns())
    def test_what_goes_out_asks_for_what_came_in(self, turn: Turn) -> None:
        """Law 5, for all but the history, whose form is this room's (test_messages)."""
        try:
            asked = write(turn, Names(turn.tools), OPENAI)
        except Refused as refused:
            self.assertEqual(refused.fault.kind, "unsupported")
            return
        read = decode(asked.body, Terms(turn.principal)).turn
        names = turn.tool_choice.names
        narrowed = len(names) > 1 or (names and turn.tool_choice.mode == "auto")
        offered = tuple(spelled_out(tool) for tool in turn.tools if not narrowed or tool.name in names)
        self.assertEqual(read.tools, offered)
        choice = evolve(turn.tool_choice, names=()) if narrowed else turn.tool_choice
        self.assertEqual(read.tool_choice, choice if offered else evolve(choice, mode="auto"))
        sampling = turn.sampling if turn.sampling.logprobs else evolve(turn.sampling, top_logprobs=None)
        self.assertEqual(read.sampling, sampling)
        self.assertEqual(read.thinking.effort, turn.thinking.effort)
        self.assertEqual(read.verbosity, turn.verbosity)
        shape = turn.format
        self.assertEqual(read.format, shape if shape.name else evolve(shape, name=read.format.name))
        self.assertEqual(read.parallel_tool_calls, turn.parallel_tool_calls or not offered)
