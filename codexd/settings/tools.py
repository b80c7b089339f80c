"""Settings of tool calls that are written as text."""

from typing import Literal

from attrs import frozen

from codexd.settings.ranges import Count, Limit


@frozen(kw_only=True)
class Tools:
    """Tool calls as text: which clients get them, and the limits of calls in a model's text.

    Attributes:
        output_mode: the form of tool calls: `openai-json` as in OpenAI's API, `obsidian-xml` as `<use_tool>`
            blocks in the text. The request header `x-codexd-output-mode` (or the older `x-proxy-output-mode`)
            overrides this.
        key_output_modes: the form of tool calls for single API keys: `ID=MODE`, where ID is the first 12
            hexadecimal digits of the key's SHA-256.
        parse_blocks: convert blocks in a model's text that call a tool of the request to tool calls.
        max_calls: the maximum number of calls in one response, 0 for no limit; the response ends before the
            next call.
        stop_after: `first` ends a response after its first call, `burst` at the first text after a call.
        drop_trailing_text: remove the text after a response's last call.
        max_call_characters: the maximum length of a call in the text; a longer one remains text.
        block_delimiter: the text between a block and its surroundings where there is no line break.
    """

    output_mode: Literal["openai-json", "obsidian-xml"] = "openai-json"
    key_output_modes: tuple[str, ...] = ()
    parse_blocks: bool = True
    max_calls: Limit = 0
    stop_after: Literal["never", "burst", "first"] = "never"
    drop_trailing_text: bool = False
    max_call_characters: Count = 2**20
    block_delimiter: str = "\n\n"
