"""codexd.fronts.responses.objects and echo: the whole Response object."""

from typing import Any

from attrs import evolve
from openai.types.responses import Response
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.responses import objects
from codexd.neutral import event as e
from codexd.neutral.fault import fault, kinds
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Message, Reasoning, RefusalPart, TextPart, ToolCall
from codexd.wire.json import Json, decode
from tests.support.identities import RESPONSES_IDENTITY
from tests.support.responses_requests import decode_request

USAGE = e.Usage(input_tokens=10, cached_tokens=4, cache_write_tokens=3, output_tokens=20, reasoning_tokens=5)
STOPPED = Reply(
    items=(Message(role="assistant", parts=(TextPart("hi"),), phase=None, id="msg_1"),), finish="stop", usage=USAGE
)

NUMBER = (int, float)
NONE = type(None)

# Open Responses' ResponseResource: every member is required; None only where the schema says so.
REQUIRED: dict[str, Any] = {
    "id": str,
    "object": str,
    "created_at": int,
    "completed_at": (int, NONE),
    "status": str,
    "incomplete_details": (dict, NONE),
    "model": str,
    "previous_response_id": (str, NONE),
    "instructions": (str, NONE),
    "output": list,
    "error": (dict, NONE),
    "tools": list,
    "tool_choice": (str, dict),
    "truncation": str,
    "parallel_tool_calls": bool,
    "text": dict,
    "top_p": NUMBER,
    "presence_penalty": NUMBER,
    "frequency_penalty": NUMBER,
    "top_logprobs": int,
    "temperature": NUMBER,
    "reasoning": (dict, NONE),
    "usage": (dict, NONE),
    "max_output_tokens": (int, NONE),
    "max_tool_calls": (int, NONE),
    "store": bool,
    "background": bool,
    "service_tier": str,
    "metadata": dict,
    "safety_identifier": (str, NONE),
    "prompt_cache_key": (str, NONE),
}


def rendered(reply: Reply, **fields: Any) -> Json:
    """Return the Response object of a reply to a request with these fields."""
    return decode(decode_request(**fields).render((reply,), RESPONSES_IDENTITY))


class ResponseTests(SynchronousTestCase):
    """The Response object is complete and correct."""

    everything: dict[str, Any] = {
        "instructions": "be brief",
        "tools": [
            {
                "type": "function",
                "name": "f",
                "description": "d",
                "parameters": {"type": "object"},
                "strict": True,
            },
            {"type": "function", "name": "g"},
            {"type": "web_search"},
        ],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.25,
        "presence_penalty": 1,
        "frequency_penalty": -1,
        "max_output_tokens": 99,
        "max_tool_calls": 3,
        "top_logprobs": 2,
        "truncation": "auto",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"a": 1}}, "verbosity": "low"},
        "reasoning": {"effort": "high", "summary": "detailed"},
        "service_tier": "flex",
        "metadata": {"k": "v"},
        "safety_identifier": "s",
        "prompt_cache_key": "c",
        "user": "u",
        "store": False,
    }

    def test_every_required_member_is_there_with_its_type_whatever_was_asked(self) -> None:
        failed = evolve(STOPPED, finish=None, fault=fault("internal"))
        for fields in ({}, self.everything):
            for reply in (Reply(), STOPPED, evolve(STOPPED, finish="length"), failed):
                shown = rendered(reply, **fields)
                for member, types in REQUIRED.items():
                    self.assertIn(member, shown)
                    self.assertIsInstance(shown[member], types, member)
                Response.model_validate(shown, strict=True)

    def test_absent_fields_show_the_defaults(self) -> None:
        shown = rendered(STOPPED)
        del shown["output"], shown["usage"]
        self.assertEqual(
            shown,
            {
                "id": "resp_5eed",
                "object": "response",
                "created_at": 1700000000,
                "completed_at": 1700000007,
                "status": "completed",
                "error": None,
                "incomplete_details": None,
                "model": "gpt-5",
                "instructions": None,
                "tools": [],
                "tool_choice": "auto",
                "parallel_tool_calls": True,
                "text": {"format": {"type": "text"}},
                "reasoning": {"effort": None, "summary": None},
                "temperature": 1.0,
                "top_p": 1.0,
                "presence_penalty": 0.0,
                "frequency_penalty": 0.0,
                "max_output_tokens": None,
                "service_tier": "default",
                "metadata": {},
                "truncation": "disabled",
                "top_logprobs": 0,
                "max_tool_calls": None,
                "safety_identifier": None,
                "prompt_cache_key": None,
                "user": None,
                "store": True,
                "background": False,
                "previous_response_id": None,
                "conversation": None,
            },
        )

    def test_the_request_is_repeated_without_dropped_hosted_tools(self) -> None:
        shown = rendered(STOPPED, **self.everything)
        asked = dict(self.everything)
        asked["text"] = {
            "format": {
                "type": "json_schema",
                "name": "n",
                "description": None,
                "schema": {"a": 1},
                "strict": False,
            },
            "verbosity": "low",
        }
        empty = {"type": "function", "name": "g", "description": None, "parameters": {}, "strict": None}
        asked["tools"] = [self.everything["tools"][0], empty]
        self.assertEqual({name: shown[name] for name in asked}, asked)

    def test_namespaces_custom_tools_and_choices_come_back_in_request_shape(self) -> None:
        grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
        inner = {"type": "function", "name": "f", "description": "d", "parameters": {"b": 1}, "strict": None}
        custom = {"type": "custom", "name": "g", "description": "e", "format": grammar}
        space = {"type": "namespace", "name": "n", "description": "x", "tools": [inner]}
        free = {"type": "custom", "name": "h", "description": None, "format": {"type": "text"}}
        named = [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]
        allowed = {"type": "allowed_tools", "mode": "auto", "tools": named}
        shown = rendered(STOPPED, tools=[custom, space, free], tool_choice=allowed)
        self.assertEqual(shown["tools"], [custom, space, free])
        self.assertEqual(shown["tool_choice"], allowed)
        Response.model_validate(shown, strict=True)

    def test_a_web_search_comes_back_in_request_shape(self) -> None:
        place = {"type": "approximate", "country": "NO", "region": None, "city": "Tromsø", "timezone": None}
        whole = {
            "type": "web_search",
            "filters": {"allowed_domains": ["a.org"]},
            "search_context_size": "high",
            "user_location": place,
            "external_web_access": False,
        }
        plain = {"filters": None, "search_context_size": "medium", "user_location": None}
        for asked, repeated in (
            (whole, whole),
            ({"type": "web_search_preview"}, {"type": "web_search", **plain}),
        ):
            shown = rendered(STOPPED, tools=[asked])
            self.assertEqual(shown["tools"], [repeated])
            Response.model_validate(shown, strict=True)

    def test_several_required_tools_stay_several(self) -> None:
        tools = [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]
        choice = {"type": "allowed_tools", "mode": "required", "tools": tools}
        self.assertEqual(rendered(STOPPED, tools=tools, tool_choice=choice)["tool_choice"], choice)

    def test_the_tier_is_never_auto(self) -> None:
        self.assertEqual(rendered(STOPPED, service_tier="auto")["service_tier"], "default")

    def test_each_end_has_its_status_and_reason(self) -> None:
        ends: tuple[tuple[e.Finish | None, str, Any], ...] = (
            ("stop", "completed", None),
            ("tool_calls", "completed", None),
            ("length", "incomplete", {"reason": "max_output_tokens"}),
            ("content_filter", "incomplete", {"reason": "content_filter"}),
            (None, "in_progress", None),
        )
        for finish, status, details in ends:
            shown = rendered(evolve(STOPPED, finish=finish))
            self.assertEqual((shown["status"], shown["incomplete_details"]), (status, details))
            self.assertEqual(shown["completed_at"] is not None, status == "completed")


class UsageTests(SynchronousTestCase):
    """Usage is exact or marked as estimated."""

    def test_every_detail_is_shown(self) -> None:
        self.assertEqual(
            rendered(STOPPED)["usage"],
            {
                "input_tokens": 10,
                "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
                "output_tokens": 20,
                "output_tokens_details": {"reasoning_tokens": 5},
                "total_tokens": 30,
            },
        )

    def test_an_estimate_is_marked(self) -> None:
        shown = rendered(evolve(STOPPED, usage=evolve(USAGE, estimated=True)))["usage"]
        self.assertEqual((shown["estimated"], shown["total_tokens"]), (True, 30))

    def test_uncounted_usage_is_estimated_zeros_at_the_end_and_null_before(self) -> None:
        shown = rendered(evolve(STOPPED, usage=None))["usage"]
        self.assertEqual((shown["estimated"], shown["total_tokens"]), (True, 0))
        self.assertIsNone(rendered(Reply())["usage"])
        self.assertIsNone(rendered(Reply(fault=fault("internal")))["usage"])


class ItemTests(SynchronousTestCase):
    """Output items in OpenAI's shape."""

    def test_each_kind(self) -> None:
        message = Message(
            role="assistant", parts=(TextPart("a"), RefusalPart("b")), phase="final_answer", id="msg_1", complete=False
        )
        text = {"type": "output_text", "text": "a", "annotations": [], "logprobs": []}
        shown = {
            "id": "msg_1",
            "type": "message",
            "status": "incomplete",
            "role": "assistant",
            "content": [text, {"type": "refusal", "refusal": "b"}],
            "phase": "final_answer",
        }
        self.assertEqual(objects.build_item(message, False), shown)
        call = ToolCall(call_id="call_1", name="f", arguments="{}", kind="function", namespace="n", id="fc_1")
        shown = {
            "id": "fc_1",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "f",
            "arguments": "{}",
            "namespace": "n",
        }
        self.assertEqual(objects.build_item(call, False), shown)
        custom = ToolCall(call_id="call_1", name="f", arguments="raw", kind="custom", namespace=None, id="ctc_1")
        shown = {
            "id": "ctc_1",
            "type": "custom_tool_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "f",
            "input": "raw",
        }
        self.assertEqual(objects.build_item(custom, False), shown)

    def test_encrypted_reasoning_is_shown_only_on_request(self) -> None:
        reply = Reply(
            items=(Reasoning(summary=("a",), content=("b",), encrypted="sealed", id="rs_1"),),
            finish="stop",
            usage=USAGE,
        )
        (hidden,) = rendered(reply)["output"]
        (shown,) = rendered(reply, include=["reasoning.encrypted_content"])["output"]
        plain = {
            "id": "rs_1",
            "type": "reasoning",
            "status": "completed",
            "summary": [{"type": "summary_text", "text": "a"}],
            "content": [{"type": "reasoning_text", "text": "b"}],
        }
        self.assertEqual(hidden, plain)
        self.assertEqual(shown, plain | {"encrypted_content": "sealed"})


class ErrorTests(SynchronousTestCase):
    """`response.error` has codes that clients know."""

    known = {
        "rate_limited": "rate_limit_exceeded",
        "busy": "rate_limit_exceeded",
        "key_request_limit": "rate_limit_exceeded",
        "key_token_limit": "rate_limit_exceeded",
        "key_request_too_large": "rate_limit_exceeded",
        "key_background_limit": "rate_limit_exceeded",
        "key_turn_limit": "rate_limit_exceeded",
        "key_budget_exhausted": "insufficient_quota",
        "quota_exhausted": "insufficient_quota",
        "context_length_exceeded": "context_length_exceeded",
        "history_too_large": "context_length_exceeded",
        "invalid_prompt": "invalid_prompt",
        "image_refused": "invalid_image_url",
        "image_failed": "invalid_image_url",
        "image_too_large": "image_too_large",
        "image_type": "unsupported_image_media_type",
    }

    def test_every_fault_has_a_known_code_and_all_three_strings(self) -> None:
        for kind in kinds():
            shown = objects.build_error(fault(kind, "why"))
            self.assertEqual(shown["code"], self.known.get(kind, "server_error"), kind)
            self.assertEqual([type(shown[name]) for name in ("code", "message", "type")], [str] * 3)

    def test_a_rate_limit_has_the_delay_in_the_form_codex_parses(self) -> None:
        limited = fault("rate_limited", "Too many.", retry_after_seconds=2.5)
        self.assertEqual(objects.build_error(limited)["message"], "Too many. Please try again in 2.5s.")
        self.assertEqual(objects.build_error(fault("rate_limited", "Too many."))["message"], "Too many.")
