"""Values of the live tests that use the `openai` package."""

from typing import Any, Final

from pydantic import BaseModel

from codexd.wire.json import Json

TWO_CALLS: Final = 'call: weather {"city":"Oslo"}\ncall: weather {"city":"Rome"}'
"""Makes the scripted model call a tool twice in one answer."""


class Sum(BaseModel):
    """The type of a structured answer."""

    a: int
    b: int


def messages_after_calls(completion: Any, *texts: str) -> list[Json]:
    """Build the messages that follow a completion with calls: the completion and a result for each call."""
    said = completion.choices[0].message
    answers = [
        {"role": "tool", "tool_call_id": call.id, "content": text}
        for call, text in zip(said.tool_calls, texts, strict=True)
    ]
    return [said.model_dump(exclude_none=True), *answers]
