"""Settings of tool calls that are written as text."""

from typing import Literal

from attrs import frozen

from codexd.settings.ranges import Count, Limit


@frozen
class Tools:
    """Tool calls as text: which clients get them, and the limits of calls in a model's text.

    Attributes:
        output_mode: `openai-json` gives calls as OpenAI does, `obsidian-xml` as blocks `<use_tool>` in the
            text, for clients that read them there. A request's `x-codexd-output-mode` (or the older
            `x-proxy-output-mode`) header chooses for itself.
        key_output_modes: the same for single keys: `ID=MODE`, where ID is the first 12 hexadecimal digits of
            the key's SHA-256.
        read_blocks: make calls of the blocks in a model's text that call a tool the client offered.
        block_max: how many calls one answer may make, 0 for any number; the next one ends it.
        stop_after: `first` ends an answer with its first call, `burst` with the first word after a call.
        suppress_tail: leave out what is said after an answer's last call.
        buffer_characters: longest call in a text; a longer one stays text.
        delimiter: what stands between a block and its surroundings, where no line break does.
    """

    output_mode: Literal["openai-json", "obsidian-xml"] = "openai-json"
    key_output_modes: tuple[str, ...] = ()
    read_blocks: bool = True
    block_max: Limit = 0
    stop_after: Literal["never", "burst", "first"] = "never"
    suppress_tail: bool = False
    buffer_characters: Count = 2**20
    delimiter: str = "\n\n"
