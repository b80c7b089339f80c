"""Settings of an upstream server."""

from typing import Literal

from attrs import frozen

from codexd.settings.ranges import Bytes, Count, Limit, Seconds


@frozen
class Upstream:
    """A server with a Chat Completions API, and the features it supports.

    Attributes:
        name: what it is called here: in the log, the figures and the aliases.
        base_url: its address up to and with the version, such as `http://127.0.0.1:11434/v1`.
        key_env: the environment variable that holds its API key.
        key_file: a file whose only line is its API key.
        prefix: what its models' names begin with here, such as `local/`; empty leaves them as they are.
        models: which models are offered, each `name` or `name=its-own-name`; left empty, all that it lists.
        any: pass names on that it does not list; with `prefix`, only those that begin with it.
        pass_unknown: send it request fields codexd does not know; else they are ignored and named so.
        omit: request fields it cannot take: they are never sent, and named as ignored.
        token_limit: what it calls the limit of output tokens.
        developer_role: whether it knows the role `developer`; else such messages go as `system`.
        tools: whether it knows tools; else they are described to the model in words, and its calls read from
            its text.
        custom_tools: whether it knows custom tools; else they go as functions with one text argument.
        reasoning: in which field it wants the reasoning of earlier answers back; `none` leaves it out.
        images: whether it can be shown images.
        audio: whether it can be played audio.
        files: whether it takes files; else a text file goes as text and any other is refused.
        connect_seconds: longest wait for a connection.
        first_event_seconds: longest wait until it begins to answer.
        idle_seconds: longest silence within a running answer; keep-alives do not break it.
        total_seconds: longest time for one answer, repetitions included.
        retries: how often a request is repeated that failed before its answer began.
        retry_first_seconds: wait before the first repetition; each further one doubles it.
        retry_cap_seconds: longest wait before a repetition; if it asks for a longer one, none is made.
        breaker_failures: after so many failures in a row it is left alone for a while.
        breaker_seconds: how long it is left alone before one request tries it again.
        max_connections: how many answers it gives at once; more are answered 429.
        max_event_bytes: largest event of a stream, or whole answer of a server that does not stream.
        max_answer_bytes: largest answer altogether.
        proxy: an HTTP proxy to go through, such as `http://127.0.0.1:3128`; https passes by CONNECT.
        ca_file: a PEM file of authorities to trust in place of the system's.
        refresh_seconds: how often its list of models is read again.
    """

    name: str
    base_url: str
    key_env: str | None = None
    key_file: str | None = None
    prefix: str = ""
    models: tuple[str, ...] = ()
    any: bool = False
    pass_unknown: bool = False
    omit: tuple[str, ...] = ()
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105
    developer_role: bool = False
    tools: bool = True
    custom_tools: bool = False
    reasoning: Literal["none", "reasoning_content", "reasoning"] = "none"
    images: bool = True
    audio: bool = False
    files: bool = False
    connect_seconds: Seconds = 10.0
    first_event_seconds: Seconds = 300.0
    idle_seconds: Seconds = 120.0
    total_seconds: Seconds = 3600.0
    retries: Limit = 2
    retry_first_seconds: Seconds = 0.5
    retry_cap_seconds: Seconds = 10.0
    breaker_failures: Count = 5
    breaker_seconds: Seconds = 30.0
    max_connections: Count = 64
    max_event_bytes: Bytes = 16 * 2**20
    max_answer_bytes: Bytes = 64 * 2**20
    proxy: str | None = None
    ca_file: str | None = None
    refresh_seconds: Seconds = 300.0
