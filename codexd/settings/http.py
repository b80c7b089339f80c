"""Settings of the HTTP server."""

from attrs import field, frozen

from codexd.settings.ranges import Bytes, Count, Limit, Seconds


@frozen(kw_only=True)
class Http:
    """The HTTP server: addresses, keys, and limits per client.

    Attributes:
        listen: the addresses to listen on, as Twisted endpoint strings. Their `backlog` is 1024 unless they set
            one. Sockets that systemd passes are the default in place of this one.
        api_keys: the API keys of clients. With keys, every request must send one; without, only loopback
            addresses are allowed.
        api_keys_file: a file with more API keys, one per line; lines that begin with `#` are comments.
        cors_origins: the origins of web pages that may call this server: `loopback` is any page of this
            machine, `*` any page.
        allowed_hosts: the host names by which clients may call this server where no API key is set, besides
            `localhost` and loopback addresses; `*` allows any. A web page could otherwise call it by a name of its
            own that resolves to this machine (DNS rebinding).
        max_body_bytes: the maximum size of a request body, before and after decompression.
        max_inflate_ratio: how many times larger than a compressed body the decompressed one may be; up to 1 MiB is
            always accepted.
        max_json_values: the maximum number of JSON values in a request body.
        max_items: the maximum number of messages of a request, or of items of its input and its stored history.
        max_content_parts: the maximum number of content parts of a request, in all its messages and tool outputs.
        max_tools: the maximum number of tools of a request.
        max_buffer_bytes: the maximum output buffered for one slow client; when it is reached, the model's
            output is paused.
        max_unsent_bytes: the maximum size of all responses that wait for slow clients. Beyond it, the clients that
            read nothing for `pause_seconds` are disconnected, of the keys that hold more than an equal share, and
            large responses that can be requested again are refused with status 429.
        max_received_bytes: the maximum size of the bodies of all requests that are being handled; bodies below 64 KiB
            are not counted. Beyond it, further ones are refused with status 429 for the keys that hold more than an
            equal share. `max_body_bytes` are always possible.
        pause_seconds: how long output may be paused for one slow client before that client is disconnected.
        write_timeout_seconds: how long a client may accept no output before it is disconnected.
        keepalive_seconds: the time without output after which a stream sends a keep-alive comment.
        max_connections: the maximum number of open connections; beyond it, the newest idle one is closed, or else
            the new one. 0 is as many as the limit of open files leaves, up to 10,000.
        idle_seconds: the time after which an idle connection is closed.
        reasoning_content: include the reasoning in chat responses, as `reasoning_content`.
    """

    listen: tuple[str, ...] = ("tcp:11435:interface=127.0.0.1",)
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    api_keys_file: str | None = None
    cors_origins: tuple[str, ...] = ("app://obsidian.md", "capacitor://localhost", "loopback")
    allowed_hosts: tuple[str, ...] = ("host.docker.internal", "host.containers.internal")
    max_body_bytes: Bytes = 64 * 2**20
    max_inflate_ratio: Count = 100
    max_json_values: Count = 350_000
    max_items: Count = 10_000
    max_content_parts: Count = 20_000
    max_tools: Count = 2048
    max_buffer_bytes: Bytes = 4 * 2**20
    max_unsent_bytes: Bytes = 256 * 2**20
    max_received_bytes: Bytes = 512 * 2**20
    pause_seconds: Seconds = 1.0
    write_timeout_seconds: Seconds = 30.0
    keepalive_seconds: Seconds = 15.0
    max_connections: Limit = 0
    idle_seconds: Seconds = 120.0
    reasoning_content: bool = True
