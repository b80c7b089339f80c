"""Tests of the language of the scripted model."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.answer_plan import (
    AnswerPlan,
    CompletedEnding,
    DisconnectedEnding,
    Ending,
    FailedEnding,
    GarbledEnding,
    IncompleteEnding,
    RejectedEnding,
    ScriptedCall,
    ScriptedItem,
    ScriptedMessage,
    ScriptedReasoning,
    ScriptedSearch,
    ScriptedUsage,
    SilentEnding,
)
from codexd.scripted.prompt import SEARCH, ScriptedPrompt, ScriptedTool
from codexd.scripted.script import MAX_WORDS, SEARCH_RESULT_URL, build_plan
from codexd.wire.json import decode

TOOLS = {
    "f": ScriptedTool("f"),
    "raw": ScriptedTool("raw", custom=True),
    "ns.g": ScriptedTool("g", namespace="ns"),
}


def planned(text: str, *results: str, round: int = 0) -> AnswerPlan:
    return build_plan(ScriptedPrompt(text=text, tools=TOOLS, results=results, round=round, words=len(text.split())))


def text_of(text: str, *results: str, round: int = 0) -> str:
    """Return the text of the only message."""
    (item,) = planned(text, *results, round=round).items
    assert isinstance(item, ScriptedMessage)
    return item.text


def calls(text: str, round: int = 0) -> list[tuple[str, str]]:
    items = planned(text, round=round).items
    return [(item.name, item.arguments) for item in items if isinstance(item, ScriptedCall)]


class SearchTests(SynchronousTestCase):
    def test_an_available_search_finds_its_query(self) -> None:
        plan = build_plan(ScriptedPrompt(text="shape: whole\nsearch: a b", tools={SEARCH: ScriptedTool(SEARCH)}))
        self.assertEqual(
            plan.items,
            (ScriptedSearch("a b"), ScriptedMessage(("found: a b",), source=SEARCH_RESULT_URL)),
        )
        self.assertEqual(plan.usage.output_tokens, 1)

    def test_an_unavailable_search_is_a_text(self) -> None:
        self.assertEqual(text_of("search: a b"), "no tool web_search")


class SayTests(SynchronousTestCase):
    def test_say_and_json_answer_exactly_the_rest(self) -> None:
        self.assertEqual(text_of("say: a  b\n\nthen: c "), "a  b\n\nthen: c ")
        self.assertEqual(text_of("say:no space"), "no space")
        self.assertEqual(text_of("say:  two"), " two")
        self.assertEqual(text_of('json: {"a": [1]}'), '{"a": [1]}')
        self.assertEqual(planned("say:").items, (ScriptedMessage(()),))

    def test_a_refusal_has_a_text(self) -> None:
        self.assertEqual(planned("refuse: not this").items, (ScriptedMessage(("not ", "this"), is_refusal=True),))

    def test_an_answer_respects_the_limits_of_its_request(self) -> None:
        for prompt, ending in (
            (ScriptedPrompt(text="say: a b END c", stops=("END",)), CompletedEnding()),
            (ScriptedPrompt(text="say: a b c", max_tokens=2), IncompleteEnding("max_output_tokens")),
            (ScriptedPrompt(text="say: a b END c", stops=("END",), max_tokens=9), CompletedEnding()),
        ):
            answer = build_plan(prompt)
            (item,) = answer.items
            self.assertEqual((item, answer.ending), (ScriptedMessage(("a ", "b ")), ending))
            self.assertEqual(answer.usage.output_tokens, 2)

    def test_anything_else_is_echoed_with_its_images(self) -> None:
        for text in ("", "hello", "say", "Say: x", " say: x", "echo: x", "what: now"):
            self.assertEqual(text_of(text), f"echo: {text}")
        (item,) = build_plan(ScriptedPrompt(text="look", images=2)).items
        self.assertEqual(item.text if isinstance(item, ScriptedMessage) else None, "echo: look [2 images]")

    def test_a_verb_with_an_invalid_argument_is_echoed(self) -> None:
        for text in (
            "long: ago",
            "slow: down",
            f"long: {MAX_WORDS + 1}",
            "fail: to load",
            "fail:",
            "fail: 200",
            "fail: 600",
            "incomplete: sentence",
            "incomplete:",
        ):
            self.assertEqual(text_of(text), f"echo: {text}")

    def test_long_and_slow_answer_so_many_words(self) -> None:
        self.assertEqual(text_of("long: 3"), "word1 word2 word3")
        self.assertEqual(planned("long: 0").items, (ScriptedMessage(()),))
        self.assertEqual(planned("slow: 2").items, (ScriptedMessage(("word1 ", "word2"), 0.05),))

    def test_think_answers_reasoning_and_text(self) -> None:
        deltas = ("a ", "b")
        self.assertEqual(planned("think: a b").items, (ScriptedReasoning(deltas), ScriptedMessage(deltas)))

    def test_seen_answers_the_parsed_request(self) -> None:
        self.assertEqual(decode(text_of("seen:"))["tools"], [])

    @given(st.text())
    def test_every_text_has_a_plan(self, text: str) -> None:
        self.assertIsInstance(planned(text), AnswerPlan)

    @given(st.text())
    def test_every_text_can_be_said(self, text: str) -> None:
        self.assertEqual(text_of(f"say: {text}"), text)


class CallTests(SynchronousTestCase):
    def test_arguments_are_verbatim(self) -> None:
        self.assertEqual(calls('call: f {"x" : 1 }'), [("f", '{"x" : 1 }')])
        self.assertEqual(calls("call: f not json"), [("f", "not json")])

    def test_omitted_arguments_are_an_empty_object_or_an_empty_text(self) -> None:
        self.assertEqual(calls("call: f\ncall: raw"), [("f", "{}"), ("raw", "")])

    def test_several_lines_are_parallel_calls_and_other_lines_belong_to_the_call_above(self) -> None:
        text = 'call: raw *** Begin\n+x\n\ncall: f {\n"a": 1\n}\ncall: f'
        self.assertEqual(calls(text), [("raw", "*** Begin\n+x"), ("f", '{\n"a": 1\n}'), ("f", "{}")])

    def test_kinds_of_tools(self) -> None:
        raw, inner = planned("call: raw x\ncall: ns.g").items
        self.assertEqual(raw, ScriptedCall("raw", ("x",), custom=True))
        self.assertEqual(inner, ScriptedCall("g", ("{", "}"), namespace="ns"))

    def test_an_unknown_tool_is_a_text(self) -> None:
        items = planned("call: nope {}\ncall: f").items
        self.assertEqual([type(item) for item in items], [ScriptedMessage, ScriptedCall])
        self.assertEqual(text_of("call: nope {}"), "no tool nope")
        self.assertEqual(text_of("call:"), "no tool ")

    def test_arguments_have_the_shape(self) -> None:
        (call,) = planned("shape: chars\ncall: f {}").items
        self.assertEqual(call.deltas, ("{", "}"))
        (call,) = planned('call: f {"abc": "defg"}').items
        self.assertEqual(len(call.deltas), 4)


class ResultTests(SynchronousTestCase):
    TEXT = 'call: f\nthen: call: f {"n":2}\ncall: raw\nthen: say: done\nat last'

    def test_results_are_repeated(self) -> None:
        self.assertEqual(text_of("call: f\ncall: raw", "1", "2\n", round=1), "tool said: 1 | 2\n")
        self.assertEqual(text_of("say: x\nthen: say: y", "1", round=1), "tool said: 1")

    def test_each_round_has_its_section(self) -> None:
        self.assertEqual(calls(self.TEXT), [("f", "{}")])
        self.assertEqual(calls(self.TEXT, round=1), [("f", '{"n":2}'), ("raw", "")])
        self.assertEqual(text_of(self.TEXT, "r", round=2), "done\nat last")
        self.assertEqual(text_of(self.TEXT, "r", round=3), "tool said: r")

    def test_directives_carry_over_to_later_rounds_except_the_leading_items(self) -> None:
        text = "usage: 1,0,2,0\nthinking: hm\nshape: chars\ncall: f\nthen: preface: ok\nsay: ab"
        self.assertEqual([type(item) for item in planned(text).items], [ScriptedReasoning, ScriptedCall])
        later = planned(text, "r", round=1)
        self.assertEqual(later.items, (ScriptedMessage(("o", "k")), ScriptedMessage(("a", "b"))))
        self.assertEqual(later.usage, ScriptedUsage(1, 0, 2, 0))

    def test_a_later_round_may_fail(self) -> None:
        self.assertEqual(planned("call: f\nthen: fail: 500", "r", round=1).ending, RejectedEnding(500))


class EndingTests(SynchronousTestCase):
    def test_every_ending_can_be_asked_for(self) -> None:
        text: tuple[ScriptedItem, ...] = (ScriptedMessage(("a ", "b")),)
        endings: list[tuple[str, tuple[ScriptedItem, ...], Ending]] = [
            ("say: a b", text, CompletedEnding()),
            ("fail: 429", (), RejectedEnding(429)),
            ("fail: 503 ", (), RejectedEnding(503)),
            ("fail: 400 invalid_prompt", (), RejectedEnding(400, "invalid_prompt")),
            ("fail: insufficient_quota", (), FailedEnding("insufficient_quota")),
            ("incomplete: max_output_tokens a b", text, IncompleteEnding("max_output_tokens")),
            ("incomplete: content_filter\na b", text, IncompleteEnding("content_filter")),
            ("incomplete: content_filter", (ScriptedMessage(()),), IncompleteEnding("content_filter")),
            ("cut: a b", text, DisconnectedEnding()),
            ("cut:", (ScriptedMessage(()),), DisconnectedEnding()),
            ("garble: a b", text, GarbledEnding()),
            ("stall: a b", text, SilentEnding()),
            ("hang:", (), SilentEnding()),
        ]
        for script, items, ending in endings:
            answer = planned(script)
            self.assertEqual((answer.items, answer.ending), (items, ending), script)


class UsageTests(SynchronousTestCase):
    def test_usage_is_counted_from_words_deltas_and_arguments(self) -> None:
        self.assertEqual(planned("shape: empty\nsay: a b c").usage, ScriptedUsage(6, 0, 3, 0))
        self.assertEqual(planned("think: a b").usage, ScriptedUsage(3, 0, 4, 2))
        self.assertEqual(planned("call: f 12345").usage, ScriptedUsage(3, 0, 2, 0))
        self.assertEqual(planned("call: raw").usage.output_tokens, 0)

    def test_usage_can_be_set(self) -> None:
        usage = planned("usage: 10,9,8,7\nsay: x").usage
        self.assertEqual(usage, ScriptedUsage(10, 9, 8, 7))
        self.assertEqual(usage.total_tokens, 18)


class IdentityTests(SynchronousTestCase):
    def test_the_same_prompt_has_the_same_plan_and_ids(self) -> None:
        prompt = ScriptedPrompt(text="call: f\ncall: f", tools=TOOLS, digest="d")
        self.assertEqual(build_plan(prompt), build_plan(prompt))
        self.assertEqual(build_plan(prompt).make_id("call", 1), build_plan(prompt).make_id("call", 1))

    def test_call_ids_differ_between_calls_rounds_and_conversations(self) -> None:
        first = ScriptedPrompt(text="call: f\nthen: call: f", tools=TOOLS, digest="d")
        others = [evolve(first, round=1), evolve(first, digest="e")]
        names = {build_plan(prompt).make_id("call", at) for prompt in (first, *others) for at in (0, 1)}
        self.assertEqual(len(names), 6)
        self.assertTrue(all(len(name) <= 64 for name in names))
