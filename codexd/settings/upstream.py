"""Settings of an upstream server."""

from typing import Final, Literal

from attrs import frozen

from codexd.settings.ranges import Bytes, Count, Limit, Seconds

Kind = Literal[
    "other",
    "ollama",
    "vllm",
    "llama.cpp",
    "deepseek",
    "openrouter",
    "mistral",
    "gemini",
    "azure",
    "openai",
]
"""The servers that have a preset (`codexd.settings.upstream_presets`), and `other`, which has none."""

STATE_FIELDS: Final = (
    "extra_content",
    "reasoning_details",
    "reasoning_opaque",
    "thinking_blocks",
    "thought_signature",
)
"""The fields in which servers return a model's state: Gemini, OpenRouter, GitHub Copilot, LiteLLM and others."""


@frozen(kw_only=True)
class Upstream:
    """A server with a Chat Completions API, and the features it supports.

    Attributes:
        name: the name of the upstream in the log, the metrics and the aliases.
        kind: what the server is. It gives some of the settings below other defaults, which docs/servers.md
            lists and `codexd check-config` prints; each can still be set.
        base_url: the base URL including the version, such as `http://127.0.0.1:11434/v1`.
        key_env: the environment variable that contains its API key.
        key_file: a file whose only line is its API key.
        prefix: a prefix for the names of its models, such as `local/`. Default: none.
        models: the models to offer, each `name` or `name=upstream-name`. Default: all models that it lists.
        pass_unlisted: pass model names that it does not list to it; with `prefix`, only names with that
            prefix.
        pass_unknown_fields: send request fields that codexd does not know; otherwise they are dropped and
            listed in `x-codexd-ignored`.
        omit_fields: request fields that it does not support; they are never sent and are listed in
            `x-codexd-ignored`.
        token_limit_field: the name of its request field for the limit of output tokens.
        rename_fields: request fields that it knows by other names, each `name=upstream-name`.
        stream_options: it supports `stream_options`, which request the usage; otherwise the usage is estimated
            unless it is sent anyway.
        developer_role: it supports the role `developer`; otherwise such messages are sent as `system`.
        system_messages: `merged` sends the instructions and all system and developer messages as one message
            at the beginning; `separate` sends each in its place.
        merge_messages: send consecutive messages of the same role as one, for chat templates that reject them.
        tools: it supports tools; otherwise they are described in the prompt and calls are parsed from the
            text.
        custom_tools: it supports custom tools; otherwise they are sent as functions with one text argument.
        tool_call_ids: the form of the ids of tool calls; `9-alphanumeric` replaces other ids by nine letters
            and digits.
        strict: it supports `strict` in functions and JSON schemas; otherwise it is not sent.
        effort_form: the request field of the reasoning effort. `thinking` sends `reasoning_effort` and
            `thinking: {type}`, `chat_template_kwargs` sends `reasoning_effort` and `enable_thinking` in that
            field; both switch reasoning off for the effort `none`. `none` sends no effort.
        effort_names: the efforts that it knows by other names, each `effort=upstream-name`; an effort without
            a name after `=` is not sent.
        reasoning_field: the message field in which it expects the reasoning of earlier responses;
            `thinking_part` is a part of `content`, and `none` omits the reasoning.
        state_fields: the fields of messages and tool calls that contain state of the model; codexd passes them
            to the client unchanged and sends them back.
        pass_through: endpoints whose requests are passed on to it unchanged: `moderations`; `images`
            (generations, edits, variations); `audio` (speech, transcriptions, translations).
        images: it supports images.
        inline_images: fetch images by URL for it and send them inline (`[images]`); otherwise it gets the URL.
            Without effect if `images` is off.
        audio: it supports audio.
        files: it supports files; otherwise text files are sent as text and other files are refused.
        key_header: the request header of the API key; `authorization` sends it as a bearer token.
        api_version: the value of the query parameter `api-version`. Default: none is sent.
        connect_seconds: the timeout of a connection attempt.
        first_event_seconds: the maximum time until it starts to respond.
        idle_seconds: the maximum time between two events of a running response, keep-alives not counted.
        total_seconds: the maximum duration of a response, retries included; `turns.total_seconds` limits it too.
        retries: how often a request is retried that failed before its response started.
        retry_initial_seconds: the delay before the first retry; it doubles with each further retry.
        retry_max_seconds: the maximum delay before a retry; if the upstream asks for a longer one, there is
            no retry.
        breaker_failures: the number of consecutive failures that open the circuit breaker: for the API key that
            they are of, or for all if they are of several keys or no connection can be opened.
        breaker_seconds: how long the circuit breaker stays open before one request tests the upstream.
        max_connections: the maximum number of concurrent requests to it; further requests wait (`[queue]`).
        max_event_bytes: the maximum size of one event, or of the whole response of a server that does not
            stream.
        max_response_bytes: the maximum size of a response.
        proxy: an HTTP proxy, such as `http://127.0.0.1:3128`; https uses CONNECT.
        ca_file: a PEM file of certificate authorities to trust instead of the system's.
        refresh_seconds: how often its list of models is refreshed.
    """

    name: str
    base_url: str
    kind: Kind = "other"
    key_env: str | None = None
    key_file: str | None = None
    prefix: str = ""
    models: tuple[str, ...] = ()
    pass_unlisted: bool = False
    pass_unknown_fields: bool = False
    omit_fields: tuple[str, ...] = ()
    token_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105
    rename_fields: tuple[str, ...] = ()
    stream_options: bool = True
    developer_role: bool = False
    system_messages: Literal["merged", "separate"] = "merged"
    merge_messages: bool = False
    tools: bool = True
    custom_tools: bool = False
    tool_call_ids: Literal["any", "9-alphanumeric"] = "any"
    strict: bool = True
    effort_form: Literal["reasoning_effort", "reasoning", "thinking", "chat_template_kwargs", "none"] = (
        "reasoning_effort"
    )
    effort_names: tuple[str, ...] = ()
    reasoning_field: Literal["none", "reasoning_content", "reasoning", "thinking_part"] = "none"
    state_fields: tuple[str, ...] = STATE_FIELDS
    pass_through: tuple[Literal["moderations", "images", "audio"], ...] = ()
    images: bool = True
    inline_images: bool = False
    audio: bool = False
    files: bool = False
    key_header: Literal["authorization", "api-key"] = "authorization"
    api_version: str | None = None
    connect_seconds: Seconds = 10.0
    first_event_seconds: Seconds = 300.0
    idle_seconds: Seconds = 120.0
    total_seconds: Seconds = 3600.0
    retries: Limit = 2
    retry_initial_seconds: Seconds = 0.5
    retry_max_seconds: Seconds = 10.0
    breaker_failures: Count = 5
    breaker_seconds: Seconds = 30.0
    max_connections: Count = 64
    max_event_bytes: Bytes = 16 * 2**20
    max_response_bytes: Bytes = 64 * 2**20
    proxy: str | None = None
    ca_file: str | None = None
    refresh_seconds: Seconds = 300.0
