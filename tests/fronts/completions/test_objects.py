"""Bodies of legacy responses that are not streamed."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.completions.objects import CompletionsOutputOptions, render_completion
from codexd.neutral.event import Usage
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Message, Reasoning, RefusalPart, TextPart
from codexd.wire import json
from tests.support.completion_bodies import USAGE, USAGE_BODY, assistant_messages
from tests.support.identities import CHAT_IDENTITY


def body(*replies: Reply, echoed: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Render and parse."""
    output_options = CompletionsOutputOptions(echoed or ("",) * len(replies))
    found: dict[str, Any] = json.decode(render_completion(replies, output_options, CHAT_IDENTITY))
    return found


def text(reply: Reply) -> str:
    """Return only the text."""
    found: str = body(reply)["choices"][0]["text"]
    return found


class ObjectsTests(SynchronousTestCase):
    def test_a_response_has_every_member_of_the_contract(self) -> None:
        self.assertEqual(
            body(Reply(items=assistant_messages("hi"), finish="length", usage=USAGE)),
            {
                "id": "cmpl-00ff",
                "object": "text_completion",
                "created": 1700000000,
                "model": "some-model",
                "system_fingerprint": None,
                "choices": [{"text": "hi", "index": 0, "logprobs": None, "finish_reason": "length"}],
                "usage": USAGE_BODY,
            },
        )

    def test_messages_are_in_sequence_and_reasoning_is_not_shown(self) -> None:
        first, second = assistant_messages("a", "b")
        reply = Reply(items=(first, Reasoning(summary=("hm",)), second), finish="stop", reasoning=("hm",))
        self.assertEqual(text(reply), "ab")

    def test_a_refusal_is_text_as_it_has_no_member(self) -> None:
        refused = Message(role="assistant", parts=(TextPart("well, "), RefusalPart("no")))
        self.assertEqual(text(Reply(items=(refused,), finish="stop")), "well, no")

    def test_each_choice_begins_with_its_echo(self) -> None:
        answer = body(Reply(items=assistant_messages("b")), Reply(items=assistant_messages("d")), echoed=("a", "c"))
        self.assertEqual([choice["text"] for choice in answer["choices"]], ["ab", "cd"])
        self.assertEqual([choice["index"] for choice in answer["choices"]], [0, 1])

    def test_every_finish_reason_is_one_of_the_dialect(self) -> None:
        for finish, shown in (
            ("stop", "stop"),
            ("length", "length"),
            ("content_filter", "content_filter"),
            ("tool_calls", "stop"),
        ):
            reply = Reply(items=assistant_messages("a"), finish=finish)  # type: ignore[arg-type]
            self.assertEqual(body(reply)["choices"][0]["finish_reason"], shown)

    def test_log_probabilities_are_four_lists_and_offsets_include_the_echo(self) -> None:
        first = '[{"token":"h","logprob":-0.5,"bytes":[104],"top_logprobs":[{"token":"H","logprob":-2.0}]}]'
        second = '[{"token":"\\u00e9!","logprob":-1.0},{"token":"?","logprob":-3.0,"top_logprobs":null}]'
        messages = (
            Message(role="assistant", parts=(TextPart("h", logprobs=first),)),
            Message(role="assistant", parts=(TextPart("unweighed"),)),
            Message(role="assistant", parts=(TextPart("é!?", logprobs=second),)),
        )
        (choice,) = body(Reply(items=messages, finish="stop"), echoed=("ab",))["choices"]
        self.assertEqual(
            choice["logprobs"],
            {
                "tokens": ["h", "é!", "?"],
                "token_logprobs": [-0.5, -1.0, -3.0],
                "top_logprobs": [{"H": -2.0, "h": -0.5}, {"é!": -1.0}, {"?": -3.0}],
                "text_offset": [2, 3, 5],
            },
        )

    def test_usage_is_of_all_choices(self) -> None:
        answer = body(
            Reply(
                items=(),
                finish="stop",
                usage=Usage(input_tokens=5, cached_tokens=1, cache_write_tokens=1, output_tokens=2, reasoning_tokens=1),
            ),
            Reply(
                items=(),
                finish="stop",
                usage=Usage(input_tokens=6, cached_tokens=0, cache_write_tokens=0, output_tokens=3, reasoning_tokens=0),
            ),
        )
        self.assertEqual(answer["usage"]["total_tokens"], 16)
