from html import unescape

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from codexd.page.html import Layout
from codexd.page.playground import PlaygroundView, answer_facts, playground_page
from codexd.page.playground_form import PlaygroundForm
from tests.page.test_html import EVIL, parse

LAYOUT = Layout(title="Playground", current="/status/playground", script=True)
MODELS = ("small", "large")


def make_messages(text: str) -> tuple[dict[str, object], ...]:
    call = {"id": text, "type": "function", "function": {"name": text, "arguments": text}}
    return (
        {"role": "user", "content": [{"type": "text", "text": text}, {"type": "image_url"}]},
        {"role": text, "content": text},
        {"role": "tool", "tool_call_id": text, "content": text},
        {"role": "assistant", "content": text, "tool_calls": [call]},
    )


class PlaygroundPageTests(SynchronousTestCase):
    @given(EVIL)
    def test_nothing_in_a_conversation_breaks_out(self, text: str) -> None:
        def build(content: str) -> list[str]:
            content = content.encode("utf-8", "replace").decode()  # messages are decoded JSON
            form = PlaygroundForm(
                model=content,
                message=content,
                instructions=content,
                tools=content,
                messages=make_messages(content),
            )
            view = PlaygroundView(
                form=form, models=(content,), reasoning=content, facts=content, problem=content, hint=content
            )
            return parse(playground_page(LAYOUT, view)).elements

        self.assertEqual(build(text or "x"), build("harmless"))

    def test_every_field_has_a_label(self) -> None:
        form = PlaygroundForm(model="large", messages=make_messages("call_1"))
        found = parse(playground_page(LAYOUT, PlaygroundView(form=form, models=MODELS)))
        labelled = {value for name, value in found.attributes if name == "for"}
        fields = {"model", "effort", "message", "instructions", "offers_tools", "tools", "result:call_1"}
        self.assertEqual(labelled - {"result:"}, fields)
        self.assertLessEqual(fields, {value for name, value in found.attributes if name == "id"})

    def test_two_calls_of_one_tool_can_be_told_apart(self) -> None:
        calls = [
            {"id": city, "type": "function", "function": {"name": "weather", "arguments": f'{{"city": "{city}"}}'}}
            for city in ("Oslo", "x" * 200)
        ]
        form = PlaygroundForm(messages=({"role": "assistant", "content": "", "tool_calls": calls},))
        page = unescape(playground_page(LAYOUT, PlaygroundView(form=form, models=MODELS)).decode())
        self.assertIn('>Result of weather({"city": "Oslo"})<', page)
        self.assertIn(f'>Result of weather({{"city": "{"x" * 69}…)<', page)

    def test_without_messages_there_is_no_conversation(self) -> None:
        for messages, is_hidden in (((), True), (make_messages("hi"), False)):
            page = playground_page(LAYOUT, PlaygroundView(form=PlaygroundForm(messages=messages), models=MODELS))
            self.assertEqual(b'<section aria-labelledby="conversation" hidden="hidden">' in page, is_hidden)

    def test_a_message_is_required_unless_results_are_sent(self) -> None:
        for messages, is_required in (((), True), (make_messages("hi"), False)):
            page = playground_page(LAYOUT, PlaygroundView(form=PlaygroundForm(messages=messages), models=MODELS))
            self.assertEqual(b'name="message" rows="4" required="required"' in page, is_required)

    def test_what_was_filled_in_is_shown_again(self) -> None:
        form = PlaygroundForm(model="large", message="hello", effort="high", offers_tools=True)
        page = playground_page(LAYOUT, PlaygroundView(form=form, models=MODELS, problem="Not possible.")).decode()
        for text in (
            '<option value="large" selected="selected">',
            '<option value="high" selected="selected">',
            'checked="checked"',
            "<details open",
            ">\nhello</textarea>",
            'role="alert">Not possible.',
        ):
            self.assertIn(text, page)

    def test_an_answer_is_shown_with_reasoning_calls_and_facts(self) -> None:
        facts = answer_facts({"prompt_tokens": 3, "completion_tokens": 4}, "tool_calls")
        view = PlaygroundView(
            form=PlaygroundForm(model="small", messages=make_messages("city")),
            models=MODELS,
            reasoning="because",
            facts=facts,
        )
        page = playground_page(LAYOUT, view).decode()
        for text in (
            "<summary>Reasoning</summary>",
            "because",
            "<code>city</code>",
            "3 tokens in, 4 out",
            "Result of city(city)",
        ):
            self.assertIn(text, page)
        self.assertEqual(answer_facts(None, "stop"), "0 tokens in, 0 out; finished: stop.")
