"""The features of one Chat Completions server; every server supports a different set."""

from typing import Literal

from codexd.neutral.records import frozen

EffortForm = Literal["reasoning_effort", "reasoning", "thinking", "chat_template_kwargs", "none"]


@frozen(kw_only=True)
class ServerCapabilities:
    """What requests to a server may contain, and under which names.

    Attributes:
        token_limit: the request field for the limit of output tokens.
        rename: the request fields that it knows by other names, as pairs.
        stream_options: the server accepts `stream_options`.
        developer_role: the server knows the role `developer`; else such messages are sent as `system`.
        merge_system: all system and developer messages become one message at the beginning.
        merge_messages: consecutive messages of the same role become one.
        custom_tools: the server knows custom tools; else they are sent as functions with one text argument.
        short_call_ids: ids of tool calls must be nine letters and digits.
        strict: the server knows `strict` of functions and JSON schemas.
        effort_form: the request field of the reasoning effort (`codexd.backs.chat.efforts`).
        effort_names: its names for efforts, as pairs; an empty name means that the effort is not sent.
        reasoning: the field in which earlier reasoning is sent back; `none` omits it.
        state: the fields of messages and tool calls that contain state of the model.
        images: the server accepts images.
        audio: the server accepts audio.
        files: the server accepts files; else a text file is sent as text and any other is refused.
        pass_unknown: request fields unknown to codexd are passed on.
        omit: request fields that the server rejects.
    """

    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105
    rename: tuple[tuple[str, str], ...] = ()
    stream_options: bool = True
    developer_role: bool = False
    merge_system: bool = True
    merge_messages: bool = False
    custom_tools: bool = False
    short_call_ids: bool = False
    strict: bool = True
    effort_form: EffortForm = "reasoning_effort"
    effort_names: tuple[tuple[str, str], ...] = ()
    reasoning: Literal["none", "reasoning_content", "reasoning", "thinking_part"] = "none"
    state: tuple[str, ...] = ()
    images: bool = True
    audio: bool = False
    files: bool = False
    pass_unknown: bool = False
    omit: tuple[str, ...] = ()
