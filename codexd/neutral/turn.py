"""One request to a model, independent of the client's and the provider's dialect."""

from typing import Literal

from attrs import field

from codexd.neutral.records import frozen

JsonText = str
"""JSON that is passed on unchanged (a schema, a grammar): a string, so that values are hashable."""

Role = Literal["system", "developer", "user", "assistant"]
CallKind = Literal["function", "custom", "tool_search"]
"""`tool_search` is OpenAI's search for further tools, where the client runs it; its arguments are JSON."""


@frozen
class TextPart:
    """A text part of a message or a tool result.

    Attributes:
        text: the text.
        annotations: the provider's annotation objects (OpenAI Responses: `url_citation` ...).
        logprobs: a JSON array of OpenAI's token entries; None if they were not requested.
    """

    text: str
    annotations: tuple[JsonText, ...] = ()
    logprobs: JsonText | None = None


@frozen
class RefusalPart:
    """The text of an assistant's refusal."""

    text: str


@frozen
class ImagePart:
    """An image by URL or `data:` URL.

    Attributes:
        url: the URL.
        detail: OpenAI's low, high, auto or original.
        path: its field in the client's request, for error messages; None if it is of a stored history.
    """

    url: str
    detail: str | None = None
    path: str | None = field(default=None, eq=False, repr=False)


@frozen
class FilePart:
    """A file given inline as a `data:` URL, or by URL."""

    data: str
    filename: str | None = None


@frozen
class AudioPart:
    """Audio: base64 data and its container format (wav, mp3)."""

    data: str
    format: str


Part = TextPart | RefusalPart | ImagePart | FilePart | AudioPart


@frozen(kw_only=True)
class Message:
    """A message. `phase` (commentary, final_answer) is a field of Codex's, passed on unchanged."""

    role: Role
    parts: tuple[Part, ...]
    phase: str | None = None
    id: str | None = None
    complete: bool = True


@frozen(kw_only=True)
class Reasoning:
    """A reasoning item: summary parts, unencrypted text parts, and the encrypted content to send back."""

    summary: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    encrypted: str | None = None
    id: str | None = None
    complete: bool = True


@frozen(kw_only=True)
class ToolCall:
    """A tool call of the model. `arguments` is exact: a function's JSON or a custom tool's raw input."""

    call_id: str
    name: str
    arguments: str
    kind: CallKind = "function"
    namespace: str | None = None
    id: str | None = None
    complete: bool = True


@frozen
class WebSearchCall:
    """A web search that the model's provider ran. `action` is OpenAI's object; None while it is unknown."""

    id: str | None = None
    action: JsonText | None = None
    complete: bool = True


@frozen(kw_only=True)
class Compaction:
    """A summary in place of earlier items (OpenAI `compaction`).

    Attributes:
        summary: the text; None if another server encrypted it.
        encrypted: the content that another server encrypted, which only that server can read.
        replaces_history: it stands for everything before it, also for items that are sent again.
        id: the item's id.
        complete: False if it was interrupted; such an item has no content.
    """

    summary: str | None = None
    encrypted: str | None = None
    replaces_history: bool = False
    id: str | None = None
    complete: bool = True


@frozen
class ToolResult:
    """The result of a client's tool. `success` False reports the failure to the model."""

    call_id: str
    parts: tuple[Part, ...]
    kind: CallKind = "function"
    success: bool = True


Item = Message | Reasoning | ToolCall | WebSearchCall | Compaction | ToolResult


@frozen(kw_only=True)
class Tool:
    """A tool of the client. `parameters` is its JSON Schema; `grammar` (custom tools only) its input format.

    Tools of one `namespace` are adjacent.
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
class UserLocation:
    """The approximate location of the user (OpenAI `user_location`): ISO country, names, IANA time zone."""

    country: str | None = None
    region: str | None = None
    city: str | None = None
    timezone: str | None = None


@frozen
class WebSearch:
    """The provider's own web search tool.

    Attributes:
        context_size: how much of the results the model sees; None is the provider's default.
        domains: the domains to search; empty means all.
        user_location: where the user is.
        live: fetch pages; False allows only the provider's cached copies.
    """

    context_size: Literal["low", "medium", "high"] | None = None
    domains: tuple[str, ...] = ()
    user_location: UserLocation | None = None
    live: bool = True


@frozen
class ToolChoice:
    """Which tools the model may or must call. `names` restricts them (a named choice, or allowed_tools)."""

    mode: Literal["auto", "none", "required"] = "auto"
    names: tuple[str, ...] = ()


@frozen(kw_only=True)
class Sampling:
    """Sampling parameters; None is the model's default.

    `max_tokens` limits output tokens. `logprobs` requests the log probability of each token, `top_logprobs`
    the number of alternatives for each. `logit_bias` is a JSON object of biases by token.
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
class ReasoningOptions:
    """The reasoning effort (none, minimal, low, medium, high, xhigh ...) and the kind of summary to show."""

    effort: str | None = None
    summary: str | None = None


@frozen(kw_only=True)
class ResponseFormat:
    """The required format of the answer; `schema` is the JSON Schema if `kind` is json_schema."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: JsonText | None = None
    name: str | None = None
    strict: bool | None = None
    description: str | None = None


@frozen
class CompactionRequest:
    """A request to compact the history.

    Attributes:
        threshold_tokens: compact a history of more tokens before the answer; None: compact in place of an answer.
    """

    threshold_tokens: int | None = None


@frozen(kw_only=True)
class Turn:
    """One request for an answer, with the whole history.

    Attributes:
        model: the requested model's name.
        items: the history and the new input, oldest first.
        instructions: the system prompt.
        tools: the client's tools.
        tool_choice: which of them the model may or must call.
        parallel_tool_calls: whether the model may make several calls at once.
        sampling: the sampling parameters.
        reasoning: the reasoning effort and summary.
        format: the required format of the answer.
        verbosity: OpenAI's `verbosity`.
        service_tier: OpenAI's `service_tier`.
        principal: the API key's owner. Threads (suspended or idle) are never shared between principals.
        ignored: the accepted request fields that have no effect.
        web_search: the provider's own web search, if the client enabled it.
        truncation: `auto` permits dropping the oldest items of a history that is too long.
        extra: a JSON object of the request fields that codexd does not know, for providers that may.
        calls_as_text: the client reads tool calls as blocks in the text (`codexd.tools`).
        compaction: whether the history is to be compacted, and when.
    """

    model: str
    items: tuple[Item, ...]
    instructions: str | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    sampling: Sampling = Sampling()
    reasoning: ReasoningOptions = ReasoningOptions()
    format: ResponseFormat = ResponseFormat()
    verbosity: str | None = None
    service_tier: str | None = None
    principal: str = "anonymous"
    ignored: tuple[str, ...] = ()
    web_search: WebSearch | None = None
    truncation: Literal["disabled", "auto"] = "disabled"
    extra: JsonText = "{}"
    calls_as_text: bool = False
    compaction: CompactionRequest | None = None

    @property
    def visible_tools(self) -> tuple[Tool, ...]:
        """The tools the model may see: none for `none`, otherwise those of `tool_choice.names` if any."""
        choice = self.tool_choice
        if choice.mode == "none":
            return ()
        if not choice.names:
            return self.tools
        names = frozenset(choice.names)
        return tuple(tool for tool in self.tools if tool.name in names)
