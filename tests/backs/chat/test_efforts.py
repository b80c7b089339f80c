"""Tests of codexd.backs.chat.efforts, with the fields that the client is told about."""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.capabilities import EffortForm, ServerCapabilities
from codexd.backs.chat.efforts import encode_effort
from codexd.backs.chat.request import encode_request
from codexd.backs.chat.tool_names import ToolNames
from codexd.neutral.turn import Message, ReasoningOptions, TextPart, Turn
from codexd.wire import json

TURN = Turn(model="m", items=(Message(role="user", parts=(TextPart("hi"),)),))
ON, OFF = {"enable_thinking": True}, {"enable_thinking": False}
FORMS: dict[EffortForm, tuple[Any, Any]] = {
    "reasoning_effort": ({"reasoning_effort": "low"}, {"reasoning_effort": "none"}),
    "reasoning": ({"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "none"}}),
    "thinking": ({"thinking": {"type": "enabled"}, "reasoning_effort": "low"}, {"thinking": {"type": "disabled"}}),
    "chat_template_kwargs": (
        {"chat_template_kwargs": {**ON, "reasoning_effort": "low"}},
        {"chat_template_kwargs": OFF},
    ),
    "none": ({}, {}),
}


class EffortTests(SynchronousTestCase):
    def test_each_form_has_an_effort_and_no_reasoning(self) -> None:
        for form, (low, none) in FORMS.items():
            capabilities = ServerCapabilities(effort_form=form)
            self.assertEqual(encode_effort("low", capabilities), low)
            self.assertEqual(encode_effort("none", capabilities), none)
            self.assertEqual(encode_effort(None, capabilities), {})

    def test_efforts_have_the_names_of_the_server(self) -> None:
        capabilities = ServerCapabilities(effort_names=(("xhigh", "high"), ("minimal", "")))
        self.assertEqual(encode_effort("xhigh", capabilities), {"reasoning_effort": "high"})
        self.assertEqual(encode_effort("medium", capabilities), {"reasoning_effort": "medium"})
        self.assertEqual(encode_effort("minimal", capabilities), {})

    def test_an_effort_that_is_not_sent_is_reported_as_ignored(self) -> None:
        turn = evolve(TURN, reasoning=ReasoningOptions("low"))
        for capabilities in (ServerCapabilities(effort_form="none"), ServerCapabilities(effort_names=(("low", ""),))):
            asked = encode_request(turn, ToolNames(), capabilities)
            self.assertEqual(asked.ignored, ("reasoning_effort",))
        self.assertEqual(encode_request(turn, ToolNames(), ServerCapabilities()).ignored, ())

    def test_the_clients_own_template_variables_take_precedence(self) -> None:
        variables = {"chat_template_kwargs": {"enable_thinking": True, "tone": "dry"}}
        turn = evolve(TURN, reasoning=ReasoningOptions("none"), extra=json.encode(variables).decode())
        capabilities = ServerCapabilities(effort_form="chat_template_kwargs", pass_unknown=True)
        body = json.decode(encode_request(turn, ToolNames(), capabilities).body)
        self.assertEqual(body["chat_template_kwargs"], {"enable_thinking": True, "tone": "dry"})
