"""The form of the playground: its fields become the body of a Chat request.

The form carries the whole conversation, so the server keeps none of it.
"""

from collections.abc import Mapping
from typing import Final

from attrs import evolve

from codexd.fronts import json_fields
from codexd.neutral.records import frozen
from codexd.wire import json
from codexd.wire.json import Json

RESULT: Final = "result:"
"""The beginning of the names of the fields for the results of tool calls; the id of the call follows."""

EXAMPLE_TOOLS: Final = """[{"type": "function", "function": {
  "name": "weather",
  "description": "Returns the weather in a city.",
  "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
}}]"""

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh")


@frozen(kw_only=True)
class PlaygroundForm:
    """What the reader has filled in.

    Attributes:
        model: the name of the model.
        message: the next message of the user.
        instructions: the system message; empty for none.
        effort: the reasoning effort; empty for the model's own.
        offers_tools: the tools are offered to the model.
        tools: they as JSON, as in Chat Completions.
        messages: the conversation so far, as messages of Chat Completions, without the instructions.
        results: the results of tool calls by the id of the call.
    """

    model: str = ""
    message: str = ""
    instructions: str = ""
    effort: str = ""
    offers_tools: bool = False
    tools: str = EXAMPLE_TOOLS
    messages: tuple[Json, ...] = ()
    results: Mapping[str, str] = {}

    @property
    def pending_calls(self) -> tuple[Json, ...]:
        """The tool calls of the last message, whose results the next request must contain."""
        return read_calls(self.messages[-1]) if self.messages else ()


def decode_form(fields: Mapping[str, str]) -> PlaygroundForm:
    """Decode the fields of a form.

    Raises:
        FaultError: `wrong_value` for a conversation that is not a list of JSON objects, or nests too deep.
    """
    return PlaygroundForm(
        model=fields.get("model", ""),
        message=_unix_lines(fields.get("message", "")),
        instructions=_unix_lines(fields.get("instructions", "")),
        effort=fields.get("effort", ""),
        offers_tools="offers_tools" in fields,
        tools=fields.get("tools", EXAMPLE_TOOLS),
        messages=_decode_messages(fields.get("messages", "")),
        results={name.removeprefix(RESULT): text for name, text in fields.items() if name.startswith(RESULT)},
    )


def complete_messages(form: PlaygroundForm) -> PlaygroundForm:
    """Return the form with the results and the message of the user as the last messages of the conversation."""
    results: list[Json] = [
        {"role": "tool", "tool_call_id": call["id"], "content": form.results.get(call["id"], "")}
        for call in form.pending_calls
    ]
    said: list[Json] = [{"role": "user", "content": form.message}] if form.message or not results else []
    return evolve(form, messages=(*form.messages, *results, *said), message="", results={})


def encode_chat_body(form: PlaygroundForm, stream: bool) -> bytes:
    """Encode the Chat request of a form with complete messages.

    Args:
        form: the form.
        stream: ask for a stream.

    Raises:
        FaultError: `wrong_value` for tools that are not JSON, or nest too deep.
    """
    system: list[Json] = [{"role": "system", "content": form.instructions}] if form.instructions else []
    body: dict[str, Json] = {"model": form.model, "messages": [*system, *form.messages]}
    if form.effort:
        body["reasoning_effort"] = form.effort
    if form.offers_tools:
        body["tools"] = _decode("tools", form.tools, "a list as JSON, as in Chat Completions")
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.encode(body)


def add_answer(form: PlaygroundForm, answer: Mapping[str, Json]) -> PlaygroundForm:
    """Return the form with the model's message as the last one; its reasoning is not sent back."""
    kept = {name: answer[name] for name in ("role", "content", "tool_calls") if answer.get(name) is not None}
    return evolve(form, messages=(*form.messages, kept))


def read_calls(message: Json) -> tuple[Json, ...]:
    """Return the tool calls of a message that are complete enough to be shown."""
    if not isinstance(message, dict) or not isinstance(message.get("tool_calls"), list):
        return ()
    calls = message["tool_calls"]
    return tuple(
        call
        for call in calls
        if isinstance(call, dict) and isinstance(call.get("id"), str) and isinstance(call.get("function"), dict)
    )


def _decode_messages(text: str) -> tuple[Json, ...]:
    if not text:
        return ()
    found = _decode("messages", text, "a list of messages as JSON")
    if not isinstance(found, list) or not all(isinstance(message, dict) for message in found):
        json_fields.raise_wrong_value("messages", "expected a list of messages as JSON")
    return tuple(found)


def _decode(name: str, text: str, expected: str) -> Json:
    """Decode a field that becomes a member of the request's body, which may not nest deeper than any other body."""
    try:
        value = json.decode(text.encode("utf-8", "replace"))
    except ValueError:
        json_fields.raise_wrong_value(name, f"expected {expected}")
    if json.nests_deeper([value], json_fields.MAX_DEPTH):
        json_fields.raise_wrong_value(name, f"it nests deeper than {json_fields.MAX_DEPTH - 1} levels")
    return value


def _unix_lines(text: str) -> str:
    """Undo the line ends of forms (WHATWG HTML, 4.10.21.8: CR LF)."""
    return text.replace("\r\n", "\n")
