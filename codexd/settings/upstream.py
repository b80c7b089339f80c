"""Settings of an upstream server."""

from typing import Literal

from attrs import frozen

from codexd.settings.ranges import Bytes, Count, Limit, Seconds


@frozen(kw_only=True)
class Upstream:
    """A server with a Chat Completions API, and the features it supports.

    Attributes:
        name: the name of the upstream in the log, the metrics and the aliases.
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
        developer_role: it supports the role `developer`; otherwise such messages are sent as `system`.
        tools: it supports tools; otherwise they are described in the prompt and calls are parsed from the
            text.
        custom_tools: it supports custom tools; otherwise they are sent as functions with one text argument.
        reasoning_field: the message field in which it expects the reasoning of earlier responses; `none`
            omits it.
        pass_through: endpoints whose requests are passed on to it unchanged: `moderations`; `images`
            (generations, edits, variations); `audio` (speech, transcriptions, translations).
        images: it supports images.
        inline_images: fetch images by URL for it and send them inline (`[images]`); otherwise it gets the URL.
        audio: it supports audio.
        files: it supports files; otherwise text files are sent as text and other files are refused.
        connect_seconds: the timeout of a connection attempt.
        first_event_seconds: the maximum time until it starts to respond.
        idle_seconds: the maximum time between two events of a running response, keep-alives not counted.
        total_seconds: the maximum duration of a response, retries included; `turns.total_seconds` limits it too.
        retries: how often a request is retried that failed before its response started.
        retry_initial_seconds: the delay before the first retry; it doubles with each further retry.
        retry_max_seconds: the maximum delay before a retry; if the upstream asks for a longer one, there is
            no retry.
        breaker_failures: the number of consecutive failures that open the circuit breaker.
        breaker_seconds: how long the circuit breaker stays open before one request tests the upstream.
        max_connections: the maximum number of concurrent requests to it; further requests get status 429.
        max_event_bytes: the maximum size of one event, or of the whole response of a server that does not
            stream.
        max_response_bytes: the maximum size of a response.
        proxy: an HTTP proxy, such as `http://127.0.0.1:3128`; https uses CONNECT.
        ca_file: a PEM file of certificate authorities to trust instead of the system's.
        refresh_seconds: how often its list of models is refreshed.
    """

    name: str
    base_url: str
    key_env: str | None = None
    key_file: str | None = None
    prefix: str = ""
    models: tuple[str, ...] = ()
    pass_unlisted: bool = False
    pass_unknown_fields: bool = False
    omit_fields: tuple[str, ...] = ()
    token_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105
    developer_role: bool = False
    tools: bool = True
    custom_tools: bool = False
    reasoning_field: Literal["none", "reasoning_content", "reasoning"] = "none"
    pass_through: tuple[Literal["moderations", "images", "audio"], ...] = ()
    images: bool = True
    inline_images: bool = False
    audio: bool = False
    files: bool = False
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
