"""Settings of the queues in front of the back ends."""

from attrs import frozen

from codexd.settings.ranges import Bytes, Count, Limit, Seconds


@frozen(kw_only=True)
class Queue:
    """Requests that find their back end full wait until it has room; API keys are served in turn.

    The limits apply to each back end: Codex, and each upstream.

    Attributes:
        max_wait_seconds: how long a request waits at most; then it gets status 429. If it is longer than
            `http.keepalive_seconds`, a stream has status 200 by then, and the error is its last event.
        entries: the maximum number of waiting requests; further ones get status 429, unless another key has
            more of them, whose newest one gets it instead. With 0 no request waits.
        entries_per_key: the maximum number of waiting requests of one API key.
        max_bytes: the maximum memory of waiting requests.
        turns_per_key: the maximum number of turns that run at once for one API key, on all back ends together;
            further ones wait. 0 sets no limit. A key with a name can have its own (`concurrent_turns`).
    """

    max_wait_seconds: Seconds = 10.0
    entries: Limit = 1024
    entries_per_key: Count = 512
    max_bytes: Bytes = 256 * 2**20
    turns_per_key: Limit = 0
