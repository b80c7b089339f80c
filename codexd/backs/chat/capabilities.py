"""The features of one Chat Completions server; every server supports a different set."""

from typing import Literal

from codexd.neutral.records import frozen


@frozen(kw_only=True)
class ServerCapabilities:
    """What requests to a server may contain, and under which names.

    Attributes:
        token_limit: the request field for the limit of output tokens.
        developer_role: the server knows the role `developer`; else such messages are sent as `system`.
        custom_tools: the server knows custom tools; else they are sent as functions with one text argument.
        reasoning: the field in which earlier reasoning is sent back; `none` omits it.
        images: the server accepts images.
        audio: the server accepts audio.
        files: the server accepts files; else a text file is sent as text and any other is refused.
        pass_unknown: request fields unknown to codexd are passed on.
        omit: request fields that the server rejects.
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
