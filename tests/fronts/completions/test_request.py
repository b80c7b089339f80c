"""Legacy Completions request bodies."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.completions import DecodedCompletionsRequest, decode
from codexd.fronts.completions.objects import CompletionsOutputOptions
from codexd.fronts.dialect import RequestOptions
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import ReasoningOptions, Sampling
from codexd.wire import json
from tests.fronts.test_json_fields import refusal
from tests.support.completions_client import prompt_of, prompt_turns


def ask(**fields: Any) -> DecodedCompletionsRequest:
    """Decode a request with the required fields and these."""
    return decode(json.encode({"model": "m", "prompt": "hi", **fields}), RequestOptions(principal="somebody"))


class PromptTests(SynchronousTestCase):
    def test_a_prompt_is_one_user_message(self) -> None:
        self.assertEqual(ask(), DecodedCompletionsRequest(prompt_turns("hi"), CompletionsOutputOptions(("",))))

    def test_several_prompts_are_several_turns_each_n_times_in_a_row(self) -> None:
        decoded = ask(prompt=["a", "b"], n=2)
        self.assertEqual([prompt_of(turn) for turn in decoded.turns], ["a", "a", "b", "b"])
        self.assertEqual(len(decoded.turns), 4)

    def test_each_choice_has_its_own_seed(self) -> None:
        seeds = [turn.sampling.seed for turn in ask(prompt=["a", "b"], n=2, seed=6).turns]
        self.assertEqual(seeds, [6, 7, 6, 7])

    def test_a_list_of_one_prompt_is_that_prompt(self) -> None:
        self.assertEqual(ask(prompt=["hi"]), ask())

    def test_an_empty_prompt_is_valid(self) -> None:
        self.assertEqual(ask(prompt="").turns, prompt_turns(""))

    def test_each_choice_echoes_its_own_prompt_on_request(self) -> None:
        self.assertEqual(
            ask(prompt=["a", "b"], n=2, echo=True).output_options,
            CompletionsOutputOptions(("a", "a", "b", "b")),
        )

    def test_token_ids_are_rejected_in_both_their_forms(self) -> None:
        for prompt in ([1, 2], [[1, 2], [3]], ["a", 1], [[]]):
            found = refusal(lambda prompt=prompt: ask(prompt=prompt))
            self.assertEqual((found.kind, found.param, found.status), ("unsupported", "prompt", 400))
            self.assertIn("token ids", found.message)

    def test_at_most_eight_choices_are_accepted(self) -> None:
        self.assertEqual(len(ask(prompt=["a", "b"], n=4).turns), 8)
        for prompt, n, param in ((["a"] * 3, 3, "n"), (["a"] * 9, 1, "prompt"), ("a", 9, "n")):
            found = refusal(lambda prompt=prompt, n=n: ask(prompt=prompt, n=n))
            self.assertEqual((found.kind, found.param), ("wrong_value", param))


class RequestTests(SynchronousTestCase):
    def test_model_and_prompt_are_required(self) -> None:
        for body, param in ((b"{}", "model"), (b'{"model":"m"}', "prompt")):
            found = refusal(lambda body=body: decode(body, RequestOptions(principal="p")))
            self.assertEqual((found.kind, found.param), ("missing", param))

    def test_every_supported_field_is_parsed(self) -> None:
        decoded = ask(
            stream=True,
            stream_options={"include_usage": True},
            temperature=1,
            top_p=0.5,
            presence_penalty=-1,
            frequency_penalty=2,
            seed=7,
            max_tokens=9,
            stop=["x", "y"],
            reasoning_effort="low",
            logprobs=3,
            logit_bias={"50256": -100},
            best_of=1,
            suffix="",
        )
        sampling = Sampling(
            temperature=1.0,
            top_p=0.5,
            presence_penalty=-1.0,
            frequency_penalty=2.0,
            seed=7,
            max_tokens=9,
            stop=("x", "y"),
            logprobs=True,
            top_logprobs=3,
            logit_bias='{"50256":-100}',
        )
        turns = prompt_turns("hi", sampling=sampling, reasoning=ReasoningOptions("low"))
        self.assertEqual(decoded, DecodedCompletionsRequest(turns, CompletionsOutputOptions(("",), True), True))

    def test_without_a_limit_the_length_is_unlimited(self) -> None:
        self.assertIsNone(ask().turn.sampling.max_tokens)

    def test_invalid_and_unsupported_fields_are_rejected_by_name(self) -> None:
        for fields, kind, param in (
            ({"prompt": {}}, "wrong_type", "prompt"),
            ({"prompt": 1}, "wrong_type", "prompt"),
            ({"prompt": None}, "missing", "prompt"),
            ({"prompt": []}, "wrong_value", "prompt"),
            ({"prompt": ["a", None]}, "wrong_type", "prompt[1]"),
            ({"prompt": ["a", True]}, "wrong_type", "prompt[1]"),
            ({"suffix": "end"}, "unsupported", "suffix"),
            ({"suffix": 1}, "wrong_type", "suffix"),
            ({"best_of": 1, "n": 2}, "wrong_value", "best_of"),
            ({"best_of": "2"}, "wrong_type", "best_of"),
            ({"echo": "yes"}, "wrong_type", "echo"),
            ({"n": 0}, "wrong_value", "n"),
            ({"max_tokens": -1}, "wrong_value", "max_tokens"),
            ({"stream_options": {}}, "wrong_value", "stream_options"),
            ({"stream_options": {"include_usage": True}, "stream": False}, "wrong_value", "stream_options"),
            ({"stream": 1}, "wrong_type", "stream"),
            ({"logprobs": True}, "wrong_type", "logprobs"),
            ({"logprobs": 6}, "wrong_value", "logprobs"),
            ({"stream_options": {"include_usage": 1}, "stream": True}, "wrong_type", "stream_options.include_usage"),
            ({"stop": ["a"] * 5}, "wrong_value", "stop"),
            ({"model": ""}, "wrong_value", "model"),
        ):
            found = refusal(lambda fields=fields: ask(**fields))
            self.assertEqual((found.kind, found.param, found.status), (kind, param, 400), fields)

    def test_a_limit_of_zero_is_allowed(self) -> None:
        self.assertEqual(ask(max_tokens=0, echo=True).turn.sampling.max_tokens, 0)
        self.assertEqual(ask(max_tokens=0, logprobs=1).turn.ignored, ("logprobs",))
        self.assertEqual(ask(max_tokens=1, logprobs=1).turn.ignored, ())

    def test_log_probabilities_may_be_asked_for_without_alternatives(self) -> None:
        sampling = ask(logprobs=0).turn.sampling
        self.assertEqual((sampling.logprobs, sampling.top_logprobs), (True, 0))
        self.assertFalse(ask().turn.sampling.logprobs)

    def test_unsupported_fields_are_listed_and_never_rejected(self) -> None:
        turn = ask(user="u", guided_regex="a+", tools=[{}], best_of=3).turn
        self.assertEqual(turn.ignored, ("user", "guided_regex", "tools", "best_of"))

    def test_unknown_fields_are_forwarded_except_those_that_would_call_tools(self) -> None:
        turn = ask(user="u", guided_regex="a+", tools=[{}], messages=[{}], tool_choice="auto").turn
        self.assertEqual(json.decode(turn.extra), {"user": "u", "guided_regex": "a+"})

    def test_a_best_of_without_effect_is_not_listed(self) -> None:
        for fields in ({"best_of": 2, "n": 2}, {"best_of": None}, {"best_of": 1}):
            self.assertEqual(ask(**fields).turn.ignored, (), fields)


NAMES = ("model", "prompt", "n", "best_of", "echo", "suffix", "stream", "stream_options", "stop", "logprobs")
scalars = st.none() | st.booleans() | st.integers(-9, 2**64 - 1) | st.floats() | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)


class AnyBodyTests(SynchronousTestCase):
    @given(st.dictionaries(st.sampled_from(NAMES), values, max_size=6))
    def test_any_object_is_decoded_or_rejected(self, fields: dict[str, Any]) -> None:
        for body in (fields, {"model": "m", **fields}, {**fields, "model": "m", "prompt": "hi"}):
            try:
                decode(json.encode(body), RequestOptions(principal="p"))
            except FaultError as refused:
                self.assertEqual(refused.fault.status, 400)
                json.encode(refused.fault.message)
