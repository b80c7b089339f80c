"""Tests of the presets of upstreams, from the configuration file to the request."""

from typing import Any, get_args

from attrs import fields_dict
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.request import encode_request
from codexd.backs.chat.tool_names import ToolNames
from codexd.configuration import ConfigurationError, load
from codexd.configuration.reference import render_effective
from codexd.configuration.rules import find_problems
from codexd.neutral.turn import (
    Message,
    Reasoning,
    ReasoningOptions,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from codexd.settings import Settings, Upstream
from codexd.settings.upstream import Kind
from codexd.settings.upstream_presets import PRESETS
from codexd.upstream.backend import build_capabilities
from codexd.wire import json

TOOL = Tool(name="f", parameters='{"type":"object","properties":{}}', strict=True)


def text(role: Any, content: str) -> Message:
    return Message(role=role, parts=(TextPart(content),))


TURN = Turn(
    model="m",
    instructions="be",
    items=(
        text("user", "a"),
        Reasoning(content=("hm",)),
        ToolCall(call_id="call_1", name="f", arguments="{}"),
        ToolResult("call_1", (TextPart("ok"),)),
        text("developer", "brief"),
        text("user", "b"),
        text("user", "c"),
    ),
    tools=(TOOL,),
    parallel_tool_calls=False,
    sampling=Sampling(max_tokens=9, seed=7),
    reasoning=ReasoningOptions("xhigh"),
)


def upstream(kind: str, more: str = "") -> Upstream:
    """Load an upstream of a kind from TOML."""
    table = f'[[upstream]]\nname = "a"\nbase_url = "http://a/v1"\nkind = "{kind}"\n{more}'
    return load(config="f", read=lambda path: table).settings.upstream[0]


def request(kind: str, more: str = "", turn: Turn = TURN) -> dict[str, Any]:
    """Return the body that a server of a kind gets."""
    encoded = encode_request(turn, ToolNames(turn.tools), build_capabilities(upstream(kind, more)))
    body: dict[str, Any] = json.decode(encoded.body)
    return body


def roles(body: dict[str, Any]) -> list[str]:
    return [message["role"] for message in body["messages"]]


class PresetTests(SynchronousTestCase):
    def test_every_kind_has_a_preset_of_known_settings_with_valid_values(self) -> None:
        self.assertEqual(set(PRESETS), set(get_args(Kind)))
        for kind, preset in PRESETS.items():
            self.assertLessEqual(set(preset), set(fields_dict(Upstream)))
            found = upstream(kind)
            self.assertEqual(find_problems(Settings(upstream=(found,))), ())
            for name, value in preset.items():
                self.assertEqual(getattr(found, name), tuple(value) if isinstance(value, list) else value)
                self.assertNotEqual(getattr(found, name), fields_dict(Upstream)[name].default, f"{kind}: {name}")

    def test_a_setting_of_the_table_takes_precedence(self) -> None:
        found = upstream("mistral", 'tool_call_ids = "any"\nomit_fields = []\n')
        self.assertEqual((found.tool_call_ids, found.omit_fields, found.merge_messages), ("any", (), True))

    def test_images_can_be_off_for_a_kind_that_gets_them_inline(self) -> None:
        found = upstream("ollama", "images = false\n")
        self.assertEqual((found.images, found.inline_images), (False, True))
        self.assertEqual(find_problems(Settings(upstream=(found,))), ())

    def test_an_unknown_kind_is_reported(self) -> None:
        refused = self.assertRaises(ConfigurationError, upstream, "olama")
        self.assertIn("upstream[0].kind: must be one of other, ollama", refused.problems[0])

    def test_the_settings_in_effect_contain_the_values_of_the_preset(self) -> None:
        table = '[[upstream]]\nname = "a"\nbase_url = "http://a/v1"\nkind = "azure"\n'
        shown = render_effective(load(config="f", read=lambda path: table))
        self.assertIn('key_header = "api-key"', shown)
        self.assertIn('effort_names = ["max=xhigh", "ultra=xhigh"]', shown)

    def test_without_a_kind_the_request_is_conservative(self) -> None:
        body = request("other")
        self.assertEqual(roles(body), ["system", "user", "assistant", "tool", "user", "user"])
        self.assertEqual(body["messages"][0]["content"], "be\n\nbrief")
        self.assertEqual((body["max_tokens"], body["seed"], body["reasoning_effort"]), (9, 7, "xhigh"))
        self.assertEqual((body["parallel_tool_calls"], body["tools"][0]["function"]["strict"]), (False, True))


class RequestTests(SynchronousTestCase):
    """What each server gets for the same turn."""

    def test_openai_and_azure(self) -> None:
        for kind in ("openai", "azure"):
            body = request(kind)
            self.assertEqual(roles(body), ["developer", "user", "assistant", "tool", "developer", "user", "user"])
            self.assertEqual((body["max_completion_tokens"], body["reasoning_effort"]), (9, "xhigh"))
            self.assertNotIn("max_tokens", body)

    def test_ollama(self) -> None:
        body = request("ollama")
        self.assertEqual((body["max_tokens"], body["reasoning_effort"]), (9, "high"))
        self.assertEqual(body["messages"][2]["reasoning"], "hm")
        self.assertNotIn("parallel_tool_calls", body)
        self.assertNotIn("strict", body["tools"][0]["function"])

    def test_vllm(self) -> None:
        body = request("vllm")
        self.assertEqual((body["max_completion_tokens"], body["reasoning_effort"]), (9, "xhigh"))
        self.assertEqual(body["messages"][2]["reasoning"], "hm")

    def test_llama_cpp(self) -> None:
        body = request("llama.cpp")
        self.assertEqual(body["chat_template_kwargs"], {"enable_thinking": True, "reasoning_effort": "xhigh"})
        self.assertEqual(body["messages"][2]["reasoning_content"], "hm")
        self.assertNotIn("reasoning_effort", body)

    def test_deepseek(self) -> None:
        body = request("deepseek")
        self.assertEqual((body["thinking"], body["reasoning_effort"]), ({"type": "enabled"}, "high"))
        self.assertEqual(body["messages"][2]["reasoning_content"], "hm")
        self.assertNotIn("seed", body)

    def test_openrouter(self) -> None:
        body = request("openrouter")
        self.assertEqual(body["reasoning"], {"effort": "xhigh"})
        self.assertEqual(request("openrouter", "effort_names = []\n")["reasoning"], {"effort": "xhigh"})
        self.assertNotIn("reasoning_effort", body)

    def test_mistral(self) -> None:
        body = request("mistral")
        self.assertEqual(roles(body), ["system", "user", "assistant", "tool", "user"])
        self.assertEqual(body["messages"][4]["content"], "b\n\nc")
        self.assertEqual((body["random_seed"], body["max_tokens"], body["reasoning_effort"]), (7, 9, "high"))
        self.assertTrue(body.keys().isdisjoint(("seed", "stream_options")))
        self.assertRegex(body["messages"][3]["tool_call_id"], r"\A[A-Za-z0-9]{9}\Z")
        self.assertEqual(body["messages"][2]["content"][0]["type"], "thinking")

    def test_gemini(self) -> None:
        body = request("gemini")
        self.assertEqual(body["reasoning_effort"], "high")
        self.assertTrue(body.keys().isdisjoint(("seed", "parallel_tool_calls")))


class RuleTests(SynchronousTestCase):
    def test_malformed_entries_are_reported(self) -> None:
        for line, problem in (
            ('rename_fields = ["seed"]', "rename_fields[0] must be name=upstream-name"),
            ('effort_names = ["low=low", "high"]', "effort_names[1] must be effort=upstream-name"),
            ('api_version = "a&b"', "api_version may contain only letters"),
        ):
            refused = self.assertRaises(ConfigurationError, upstream, "other", line + "\n")
            self.assertIn(problem, refused.problems[0])
