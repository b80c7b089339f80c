"""Settings of the HTTP server."""

from attrs import field, frozen

from codexd.settings.ranges import Bytes, Seconds


@frozen
class Http:
    """The HTTP server: addresses, keys, and limits per client.

    Attributes:
        listen: where to listen: Twisted endpoint strings.
        api_keys: the keys clients may use; if any, every request needs one; if none, only loopback may be
            listened on.
        api_keys_file: a file with more keys, one a line; a line that begins with `#` is a comment.
        cors_origins: origins a browser may call from: `loopback` is any page of this machine, `*` any at all.
        max_body_bytes: largest body of a request, before and after decoding.
        max_queue_bytes: most that may wait for one slow reader; beyond it the model's pipe is held.
        hold_seconds: how long the pipe may be held for one reader before that reader is cut.
        stall_seconds: how long a reader may take nothing at all before it is cut.
        keepalive_seconds: silence after which a stream gets a keep-alive.
        idle_seconds: how long an idle connection is kept.
        reasoning_content: whether chat shows reasoning as `reasoning_content`.
    """

    listen: tuple[str, ...] = ("tcp:11435:interface=127.0.0.1",)
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    api_keys_file: str | None = None
    cors_origins: tuple[str, ...] = ("app://obsidian.md", "capacitor://localhost", "loopback")
    max_body_bytes: Bytes = 64 * 2**20
    max_queue_bytes: Bytes = 4 * 2**20
    hold_seconds: Seconds = 1.0
    stall_seconds: Seconds = 30.0
    keepalive_seconds: Seconds = 15.0
    idle_seconds: Seconds = 120.0
    reasoning_content: bool = True
