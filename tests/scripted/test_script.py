"""The language of the scripted model."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.plan import (
    Call,
    Completed,
    Cut,
    Ending,
    Failed,
    Garbled,
    Incomplete,
    Message,
    Plan,
    Refused,
    Search,
    Silent,
    Step,
    Thought,
    Usage,
)
from codexd.scripted.question import SEARCH, Question, Tool
from codexd.scripted.script import MOST_WORDS, SOURCE, plan
from codexd.wire.json import decode

TOOLS = {"f": Tool("f"), "raw": Tool("raw", custom=True), "ns.g": Tool("g", namespace="ns")}


def asked(text: str, *results: str, round: int = 0) -> Plan:
    return plan(Question(text, tools=TOOLS, results=results, round=round, words=len(text.split())))


def said(text: str, *results: str, round: int = 0) -> str:
    """The answer's one message."""
    (step,) = asked(text, *results, round=round).steps
    assert isinstance(step, Message)
    return step.text


def calls(text: str, round: int = 0) -> list[tuple[str, str]]:
    steps = asked(text, round=round).steps
    return [(step.name, step.arguments) for step in steps if isinstance(step, Call)]


class SearchTests(SynchronousTestCase):
    def test_a_search_that_is_offered_finds_what_it_is_asked_for(self) -> None:
        searching = plan(Question("shape: whole\nsearch: a b", tools={SEARCH: Tool(SEARCH)}))
        self.assertEqual(searching.steps, (Search("a b"), Message(("found: a b",), source=SOURCE)))
        self.assertEqual(searching.usage.output_tokens, 1)

    def test_one_that_is_not_is_refused_in_words(self) -> None:
        self.assertEqual(said("search: a b"), "no tool web_search")


class SayTests(SynchronousTestCase):
    def test_say_and_json_answer_exactly_the_rest(self) -> None:
        self.assertEqual(said("say: a  b\n\nthen: c "), "a  b\n\nthen: c ")
        self.assertEqual(said("say:no space"), "no space")
        self.assertEqual(said("say:  two"), " two")
        self.assertEqual(said('json: {"a": [1]}'), '{"a": [1]}')
        self.assertEqual(asked("say:").steps, (Message(()),))

    def test_a_refusal_says_why(self) -> None:
        self.assertEqual(asked("refuse: not this").steps, (Message(("not ", "this"), refused=True),))

    def test_an_answer_keeps_to_what_its_request_allows(self) -> None:
        for question, ending in (
            (Question("say: a b END c", stops=("END",)), Completed()),
            (Question("say: a b c", most_tokens=2), Incomplete("max_output_tokens")),
            (Question("say: a b END c", stops=("END",), most_tokens=9), Completed()),
        ):
            answer = plan(question)
            (step,) = answer.steps
            self.assertEqual((step, answer.ending), (Message(("a ", "b ")), ending))
            self.assertEqual(answer.usage.output_tokens, 2)

    def test_anything_else_is_echoed_with_its_images(self) -> None:
        for text in ("", "hello", "say", "Say: x", " say: x", "echo: x", "what: now"):
            self.assertEqual(said(text), f"echo: {text}")
        (step,) = plan(Question("look", images=2)).steps
        self.assertEqual(step.text if isinstance(step, Message) else None, "echo: look [2 images]")

    def test_a_verb_whose_argument_makes_no_sense_is_echoed(self) -> None:
        for text in (
            "long: ago",
            "slow: down",
            f"long: {MOST_WORDS + 1}",
            "fail: to load",
            "fail:",
            "fail: 200",
            "fail: 600",
            "incomplete: sentence",
            "incomplete:",
        ):
            self.assertEqual(said(text), f"echo: {text}")

    def test_numbers_of_words(self) -> None:
        self.assertEqual(said("long: 3"), "word1 word2 word3")
        self.assertEqual(asked("long: 0").steps, (Message(()),))
        self.assertEqual(asked("slow: 2").steps, (Message(("word1 ", "word2"), 0.05),))

    def test_thinking_aloud(self) -> None:
        pieces = ("a ", "b")
        self.assertEqual(asked("think: a b").steps, (Thought(pieces), Message(pieces)))

    def test_seen_answers_what_was_seen(self) -> None:
        self.assertEqual(decode(said("seen:"))["tools"], [])

    @given(st.text())
    def test_every_text_has_a_plan(self, text: str) -> None:
        self.assertIsInstance(asked(text), Plan)

    @given(st.text())
    def test_every_text_can_be_said(self, text: str) -> None:
        self.assertEqual(said(f"say: {text}"), text)


class CallTests(SynchronousTestCase):
    def test_arguments_are_verbatim(self) -> None:
        self.assertEqual(calls('call: f {"x" : 1 }'), [("f", '{"x" : 1 }')])
        self.assertEqual(calls("call: f not json"), [("f", "not json")])

    def test_left_out_arguments_are_an_empty_object_or_an_empty_text(self) -> None:
        self.assertEqual(calls("call: f\ncall: raw"), [("f", "{}"), ("raw", "")])

    def test_several_lines_are_parallel_calls_and_other_lines_belong_to_the_call_above(self) -> None:
        text = 'call: raw *** Begin\n+x\n\ncall: f {\n"a": 1\n}\ncall: f'
        self.assertEqual(calls(text), [("raw", "*** Begin\n+x"), ("f", '{\n"a": 1\n}'), ("f", "{}")])

    def test_kinds_of_tools(self) -> None:
        raw, inner = asked("call: raw x\ncall: ns.g").steps
        self.assertEqual(raw, Call("raw", ("x",), custom=True))
        self.assertEqual(inner, Call("g", ("{", "}"), namespace="ns"))

    def test_a_tool_that_is_not_offered_is_said_in_its_place(self) -> None:
        steps = asked("call: nope {}\ncall: f").steps
        self.assertEqual([type(step) for step in steps], [Message, Call])
        self.assertEqual(said("call: nope {}"), "no tool nope")
        self.assertEqual(said("call:"), "no tool ")

    def test_arguments_take_the_shape(self) -> None:
        (call,) = asked("shape: chars\ncall: f {}").steps
        self.assertEqual(call.pieces, ("{", "}"))
        (call,) = asked('call: f {"abc": "defg"}').steps
        self.assertEqual(len(call.pieces), 4)


class ResultTests(SynchronousTestCase):
    TEXT = 'call: f\nthen: call: f {"n":2}\ncall: raw\nthen: say: done\nat last'

    def test_results_are_said(self) -> None:
        self.assertEqual(said("call: f\ncall: raw", "1", "2\n", round=1), "tool said: 1 | 2\n")
        self.assertEqual(said("say: x\nthen: say: y", "1", round=1), "tool said: 1")

    def test_each_round_has_its_section(self) -> None:
        self.assertEqual(calls(self.TEXT), [("f", "{}")])
        self.assertEqual(calls(self.TEXT, round=1), [("f", '{"n":2}'), ("raw", "")])
        self.assertEqual(said(self.TEXT, "r", round=2), "done\nat last")
        self.assertEqual(said(self.TEXT, "r", round=3), "tool said: r")

    def test_style_carries_over_to_later_rounds_but_what_went_first_does_not(self) -> None:
        text = "usage: 1,0,2,0\nthinking: hm\nshape: chars\ncall: f\nthen: preface: ok\nsay: ab"
        self.assertEqual([type(step) for step in asked(text).steps], [Thought, Call])
        later = asked(text, "r", round=1)
        self.assertEqual(later.steps, (Message(("o", "k")), Message(("a", "b"))))
        self.assertEqual(later.usage, Usage(1, 0, 2, 0))

    def test_a_later_round_may_fail(self) -> None:
        self.assertEqual(asked("call: f\nthen: fail: 500", "r", round=1).ending, Refused(500))


class EndingTests(SynchronousTestCase):
    def test_every_ending_can_be_asked_for(self) -> None:
        text: tuple[Step, ...] = (Message(("a ", "b")),)
        endings: list[tuple[str, tuple[Step, ...], Ending]] = [
            ("say: a b", text, Completed()),
            ("fail: 429", (), Refused(429)),
            ("fail: 503 ", (), Refused(503)),
            ("fail: insufficient_quota", (), Failed("insufficient_quota")),
            ("incomplete: max_output_tokens a b", text, Incomplete("max_output_tokens")),
            ("incomplete: content_filter\na b", text, Incomplete("content_filter")),
            ("incomplete: content_filter", (Message(()),), Incomplete("content_filter")),
            ("cut: a b", text, Cut()),
            ("cut:", (Message(()),), Cut()),
            ("garble: a b", text, Garbled()),
            ("stall: a b", text, Silent()),
            ("hang:", (), Silent()),
        ]
        for script, steps, ending in endings:
            answer = asked(script)
            self.assertEqual((answer.steps, answer.ending), (steps, ending), script)


class UsageTests(SynchronousTestCase):
    def test_usage_is_counted_from_words_deltas_and_arguments(self) -> None:
        self.assertEqual(asked("shape: empty\nsay: a b c").usage, Usage(6, 0, 3, 0))
        self.assertEqual(asked("think: a b").usage, Usage(3, 0, 4, 2))
        self.assertEqual(asked("call: f 12345").usage, Usage(3, 0, 2, 0))
        self.assertEqual(asked("call: raw").usage.output_tokens, 0)

    def test_usage_can_be_set(self) -> None:
        usage = asked("usage: 10,9,8,7\nsay: x").usage
        self.assertEqual(usage, Usage(10, 9, 8, 7))
        self.assertEqual(usage.total_tokens, 18)


class IdentityTests(SynchronousTestCase):
    def test_the_same_question_gives_the_same_plan_and_names(self) -> None:
        question = Question("call: f\ncall: f", tools=TOOLS, digest="d")
        self.assertEqual(plan(question), plan(question))
        self.assertEqual(plan(question).identifier("call", 1), plan(question).identifier("call", 1))

    def test_calls_have_different_names_in_one_batch_in_other_rounds_and_other_conversations(self) -> None:
        first = Question("call: f\nthen: call: f", tools=TOOLS, digest="d")
        others = [evolve(first, round=1), evolve(first, digest="e")]
        names = {plan(question).identifier("call", at) for question in (first, *others) for at in (0, 1)}
        self.assertEqual(len(names), 6)
        self.assertTrue(all(len(name) <= 64 for name in names))
