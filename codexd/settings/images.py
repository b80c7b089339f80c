"""Settings of images that requests name by URL."""

from typing import Annotated

from attrs import frozen

from codexd.settings.ranges import Bytes, Count, Limit, Range, Seconds

Port = Annotated[int, Range(minimum=1, maximum=65535)]


@frozen(kw_only=True)
class Images:
    """Images by URL (http, https), which codexd fetches for Codex and for upstreams with `inline_images`.

    Attributes:
        fetch: fetch images by URL; otherwise requests with them get status 400.
        allow_private: hosts to fetch from although their addresses are not public: networks such as
            `10.0.0.0/8`, addresses, and host names, whatever they resolve to. Every client can make codexd
            send GET requests to them.
        ports: the ports to fetch from.
        redirect_to_http: follow redirects from https to http.
        max_redirects: the maximum number of redirects of one image.
        connect_seconds: the timeout of a connection attempt.
        fetch_seconds: the maximum duration of the fetch of one image, redirects included.
        max_bytes: the maximum size of one image.
        conversation_bytes: the maximum size of all images by URL of one request, its history included.
        request_limit: the maximum number of images by URL after the model's last output in the history.
        conversation_limit: the maximum number of images by URL of one request, its history included.
        concurrent_fetches: how many images of one request are fetched at once.
        waiting_requests: the maximum number of requests that wait for their images; further requests wait
            until others have theirs (`[queue]`).
        cache_seconds: how long a fetched image is used for the same URL and the same API key. If it is shorter
            than `turns.suspend_seconds`, an image that changed can prevent that a suspended turn continues.
        cache_bytes: the maximum memory of the cached images; 0 disables the cache.
    """

    fetch: bool = True
    allow_private: tuple[str, ...] = ()
    ports: tuple[Port, ...] = (80, 443)
    redirect_to_http: bool = False
    max_redirects: Limit = 3
    connect_seconds: Seconds = 5.0
    fetch_seconds: Seconds = 10.0
    max_bytes: Bytes = 20 * 2**20
    conversation_bytes: Bytes = 32 * 2**20
    request_limit: Count = 20
    conversation_limit: Count = 100
    concurrent_fetches: Count = 4
    waiting_requests: Count = 32
    cache_seconds: Seconds = 900.0
    cache_bytes: Limit = 128 * 2**20
