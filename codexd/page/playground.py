"""The playground: a form that talks to a model, and the conversation so far.

Without JavaScript the form is posted, and the next page shows the whole answer. The script (script.js) sends the same
form and shows the answer as it comes; it uses the ids and the templates of this page.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from twisted.web.template import Tag

from codexd.neutral.records import frozen
from codexd.page.amounts import shorten
from codexd.page.html import Content, Layout, document, element, form_token_field, notice, section
from codexd.page.playground_form import EFFORTS, RESULT, PlaygroundForm, read_calls
from codexd.wire import json
from codexd.wire.json import Json

_ARGUMENT_CHARACTERS: Final = 80
PATH: Final = "/status/playground"
_ROLES: Final = {"user": "You", "assistant": "Model", "tool": "Tool result", "system": "Instructions"}


@frozen(kw_only=True)
class PlaygroundView:
    """What the page shows.

    Attributes:
        form: as it was filled in.
        models: the names of the models that may be asked.
        reasoning: of the last answer.
        facts: about the last answer, such as its tokens; empty for none.
        problem: why there is no answer; empty if there is one.
        hint: how to use the first model, if that is not evident.
    """

    form: PlaygroundForm
    models: tuple[str, ...]
    reasoning: str = ""
    facts: str = ""
    problem: str = ""
    hint: str = ""


def playground_page(layout: Layout, view: PlaygroundView) -> bytes:
    """Render the page."""
    return document(
        layout,
        notice(view.problem) if view.problem else None,
        _conversation(view),
        element("p", id="problem", class_="notice error", hidden=True, role="alert"),
        element("p", id="progress", role="status", class_="hint"),
        _form(layout, view),
        _templates(),
    )


def answer_facts(usage: Json, finish_reason: str) -> str:
    """Return a line about an answer: why it ended, and its tokens."""
    used = usage if isinstance(usage, dict) else {}
    tokens = f"{used.get('prompt_tokens', 0)} tokens in, {used.get('completion_tokens', 0)} out"
    return f"{tokens}; finished: {finish_reason}."


def _conversation(view: PlaygroundView) -> Tag:
    messages = view.form.messages
    last = len(messages) - 1
    entries = [
        _message(message, view.reasoning if at == last else "", view.facts if at == last else "")
        for at, message in enumerate(messages)
    ]
    return section(
        "Conversation",
        "conversation",
        element("div", entries, id="transcript", role="log", aria_live="polite", aria_labelledby="conversation"),
        hidden=not messages,
    )


def _message(message: Json, reasoning: str = "", facts: str = "") -> Tag:
    role = str(message.get("role", ""))
    return element(
        "article",
        element("h3", _ROLES.get(role, role)),
        _reasoning(reasoning) if reasoning else None,
        element("div", _text_of(message.get("content")), class_="text"),
        [_call(call) for call in read_calls(message)],
        element("p", facts, class_="hint") if facts else None,
        class_=f"message {role if role in _ROLES else 'other'}",
    )


def _reasoning(text: str) -> Tag:
    return element(
        "details", element("summary", "Reasoning"), element("div", text, class_="text"), open=True, class_="reasoning"
    )


def _call(call: Mapping[str, Json]) -> Tag:
    function = call["function"]
    return element(
        "p",
        "Calls ",
        element("strong", str(function.get("name", ""))),
        " with ",
        element("code", str(function.get("arguments", ""))),
        class_="call",
    )


def _text_of(content: Json) -> str:
    if isinstance(content, str):
        return content
    parts: Sequence[Json] = content if isinstance(content, list) else ()
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _form(layout: Layout, view: PlaygroundView) -> Tag:
    form = view.form
    messages = json.encode(list(form.messages)).decode() if form.messages else ""
    return section(
        "Your message",
        "ask",
        element(
            "form",
            form_token_field(layout.form_token),
            element("input", type="hidden", name="messages", id="messages", value=messages),
            element("div", _choice("Model", "model", view.models, form.model), _effort(form.effort), class_="row"),
            element("div", [_result_field(call) for call in form.pending_calls], id="results"),
            _area("Message", "message", form.message, 4, hint=view.hint, required=not form.pending_calls),
            _options(form),
            element(
                "p",
                element("button", "Send"),
                " ",
                element("button", "Stop", type="button", id="stop", class_="quiet", hidden=True),
                " ",
                element("a", "New conversation", href=PATH),
            ),
            method="post",
            action=PATH,
            id="playground",
        ),
    )


def _options(form: PlaygroundForm) -> Tag:
    return element(
        "details",
        element("summary", "Instructions and tools"),
        _area("Instructions for the model", "instructions", form.instructions, 2),
        element(
            "p",
            element(
                "input",
                id="offers_tools",
                name="offers_tools",
                type="checkbox",
                value="yes",
                checked=form.offers_tools,
            ),
            element("label", "Offer these tools to the model; you write their results", for_="offers_tools"),
        ),
        _area("Tools as JSON", "tools", form.tools, 6, class_="code"),
        open=form.offers_tools or bool(form.instructions),
    )


def _effort(chosen: str) -> Tag:
    options: list[Content] = [element("option", "the model's own", value="", selected=not chosen)]
    options += [element("option", effort, value=effort, selected=effort == chosen) for effort in EFFORTS]
    return element(
        "p", element("label", "Reasoning effort", for_="effort"), element("select", options, id="effort", name="effort")
    )


def _choice(label: str, name: str, values: Iterable[str], chosen: str) -> Tag:
    options = [element("option", value, value=value, selected=value == chosen) for value in values]
    return element(
        "p", element("label", label, for_=name), element("select", options, id=name, name=name, required=True)
    )


def _area(
    label: str, name: str, text: str, rows: int, hint: str = "", class_: str | None = None, required: bool = False
) -> Tag:
    hint_id = f"{name}-hint" if hint else None
    # The parser drops the first newline of a text area.
    area = element(
        "textarea",
        "\n",
        text,
        id=name,
        name=name,
        rows=rows,
        aria_describedby=hint_id,
        class_=class_,
        required=required,
    )
    return element(
        "p",
        element("label", label, for_=name),
        area,
        element("span", hint, id=hint_id, class_="hint") if hint else None,
    )


def _result_field(call: Mapping[str, Json]) -> Tag:
    name = f"{RESULT}{call['id']}"
    return element(
        "p",
        element("label", _describe_result(call["function"]), for_=name),
        element("textarea", "\n", id=name, name=name, rows=2, required=True),
    )


def _describe_result(function: Mapping[str, Json]) -> str:
    """Name the call with its arguments: a model can call a tool several times at once."""
    arguments = shorten(str(function.get("arguments", "")), _ARGUMENT_CHARACTERS)
    return f"Result of {function.get('name', 'the call')}({arguments})"


def _templates() -> list[Tag]:
    """Return what the script copies: a message, its reasoning, a call, and the field for its result."""
    call: dict[str, Json] = {"id": "", "function": {"name": "", "arguments": ""}}
    return [
        element("template", _message({"role": "user"}), id="user-message"),
        element("template", _message({"role": "assistant"}), id="model-message"),
        element("template", _message({"role": "tool"}), id="tool-message"),
        element("template", _reasoning(""), id="reasoning"),
        element("template", _call(call), id="call"),
        element("template", _result_field(call), id="result"),
    ]
