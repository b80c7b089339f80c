"""What is asked: one turn of a model, whoever asks and whoever answers."""

from typing import Literal

from attrs import frozen

JsonText = str
"""JSON that is passed on as it came: a schema, a grammar. Text, so that values stay hashable and equal."""

Role = Literal["system", "developer", "user", "assistant"]
CallKind = Literal["function", "custom"]


@frozen
class TextPart:
    """A piece of text inside a message or a tool result.

    Attributes:
        text: what is said.
        annotations: what the provider noted on it, an object each (OpenAI Responses: `url_citation` ...).
        logprobs: an array of OpenAI's token entries; None when nobody asked for them.
    """

    text: str
    annotations: tuple[JsonText, ...] = ()
    logprobs: JsonText | None = None


@frozen
class RefusalPart:
    """What the assistant said when it refused."""

    text: str


@frozen
class ImagePart:
    """An image by URL or `data:` URL; `detail` is OpenAI's low, high, auto or original."""

    url: str
    detail: str | None = None


@frozen
class FilePart:
    """A file given inline as a `data:` URL, or by URL."""

    data: str
    filename: str | None = None


@frozen
class AudioPart:
    """Audio as base64 with its container format (wav, mp3)."""

    data: str
    format: str


Part = TextPart | RefusalPart | ImagePart | FilePart | AudioPart


@frozen
class Message:
    """Something said. `phase` (commentary, final_answer) is Codex's and is kept as it came."""

    role: Role
    parts: tuple[Part, ...]
    phase: str | None = None
    id: str | None = None
    complete: bool = True


@frozen
class Reasoning:
    """What the model thought: summary parts, open text parts, and the sealed original to replay."""

    summary: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    encrypted: str | None = None
    id: str | None = None
    complete: bool = True


@frozen
class ToolCall:
    """A call the model made. `arguments` is exact text: a function's JSON, a custom tool's raw input."""

    call_id: str
    name: str
    arguments: str
    kind: CallKind = "function"
    namespace: str | None = None
    id: str | None = None
    complete: bool = True


@frozen
class Search:
    """A web search that the model's provider ran. `action` is what it did, once known (OpenAI's object)."""

    id: str | None = None
    action: JsonText | None = None
    complete: bool = True


@frozen
class ToolResult:
    """What the client's tool gave back. `success` False passes the failure on to the model."""

    call_id: str
    parts: tuple[Part, ...]
    kind: CallKind = "function"
    success: bool = True


Item = Message | Reasoning | ToolCall | Search | ToolResult


@frozen
class Tool:
    """A tool of the client's. `parameters` is its JSON Schema; `grammar` (custom only) is its format.

    Tools of one `namespace` stand side by side and share its `namespace_description`.
    """

    name: str
    description: str = ""
    parameters: JsonText = "{}"
    strict: bool | None = None
    kind: CallKind = "function"
    namespace: str | None = None
    grammar: JsonText | None = None
    namespace_description: str = ""


@frozen
class Place:
    """Roughly where a user is (OpenAI `user_location`): an ISO country, names, an IANA time zone."""

    country: str | None = None
    region: str | None = None
    city: str | None = None
    timezone: str | None = None


@frozen
class WebSearch:
    """The provider's own web search, offered to the model.

    Attributes:
        context_size: how much of what is found the model sees; None is the provider's default.
        domains: the only ones to search in; empty means all.
        place: where the user is.
        live: pages are fetched anew; False allows only what the provider has stored of them.
    """

    context_size: Literal["low", "medium", "high"] | None = None
    domains: tuple[str, ...] = ()
    place: Place | None = None
    live: bool = True


@frozen
class ToolChoice:
    """Which tools the model may or must call; `names` narrows the offer (named, or allowed_tools)."""

    mode: Literal["auto", "none", "required"] = "auto"
    names: tuple[str, ...] = ()


@frozen
class Sampling:
    """Parameters of the draw; None is the model's default.

    `max_tokens` counts output tokens. `logprobs` asks for each token's log probability, and for those of
    `top_logprobs` others in its place. `logit_bias` is an object of biases by token.
    """

    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    top_logprobs: int | None = None
    logit_bias: JsonText | None = None


@frozen
class Thinking:
    """How hard to think (none, minimal, low, medium, high, xhigh ...) and which summary to show."""

    effort: str | None = None
    summary: str | None = None


@frozen
class Format:
    """The shape of the answer; `schema` is JSON Schema when kind is json_schema."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: JsonText | None = None
    name: str | None = None
    strict: bool | None = None
    description: str | None = None


@frozen
class Turn:
    """One answer asked of a model, with the whole history it is to see.

    Attributes:
        principal: whose turn it is: no thread, suspended or warm, is ever shared across principals.
        ignored: the request fields that were accepted but have no meaning behind this door.
        web_search: the provider's own web search, if the client offers it to the model.
        truncation: `auto` lets the beginning of a history that is too long be left out.
        extra: an object of those request fields nobody here knows, for providers that may.
        calls_as_text: the client reads tool calls as blocks in the text (`codexd.tools`).
    """

    model: str
    items: tuple[Item, ...]
    instructions: str | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    sampling: Sampling = Sampling()
    thinking: Thinking = Thinking()
    format: Format = Format()
    verbosity: str | None = None
    service_tier: str | None = None
    principal: str = "anonymous"
    ignored: tuple[str, ...] = ()
    web_search: WebSearch | None = None
    truncation: Literal["disabled", "auto"] = "disabled"
    extra: JsonText = "{}"
    calls_as_text: bool = False

    @property
    def offered(self) -> tuple[Tool, ...]:
        """The tools the model may see: `none` hides all, a named choice all but the named."""
        choice = self.tool_choice
        if choice.mode == "none":
            return ()
        return tuple(tool for tool in self.tools if not choice.names or tool.name in choice.names)
