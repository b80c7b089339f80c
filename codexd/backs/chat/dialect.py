"""What one server's Chat Completions are like: they all differ a little."""

from typing import Literal

from attrs import frozen


@frozen
class Dialect:
    """What a server can take.

    Attributes:
        token_limit: what it calls the limit of output tokens.
        developer_role: it knows the role `developer`; else such messages go as `system`.
        custom_tools: it knows custom tools; else they go as functions with one text argument.
        reasoning: the field in which it wants earlier reasoning back; `none` leaves it out.
        images: it can be shown images.
        audio: it can be played audio.
        files: it takes files; else a text file goes as text and any other is refused.
        pass_unknown: it is sent request fields that nobody here knows.
        omit: request fields it cannot take.
    """

    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105
    developer_role: bool = False
    custom_tools: bool = False
    reasoning: Literal["none", "reasoning_content", "reasoning"] = "none"
    images: bool = True
    audio: bool = False
    files: bool = False
    pass_unknown: bool = False
    omit: tuple[str, ...] = ()
