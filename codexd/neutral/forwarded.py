"""A request that an upstream answers as it is, apart from the name of its model."""

from collections.abc import Callable
from typing import Literal

from codexd.neutral.records import frozen

Resource = Literal["moderations", "images", "audio"]
"""The part of OpenAI's API that an endpoint belongs to; an upstream is configured for whole resources."""


@frozen(kw_only=True)
class ForwardedRequest:
    """A request to forward to an upstream.

    Attributes:
        resource: what the upstream must be configured for.
        path: the path of the endpoint, relative to a base URL.
        model: the model as the client named it; None if the upstream is to choose.
        content_type: the media type of the body, with its parameters.
        accept: the media types that the client accepts; None for any.
        body: the request body as received, decompressed.
        replace_model: returns the body with another model name in it.
    """

    resource: Resource
    path: str
    model: str | None
    content_type: bytes
    accept: bytes | None
    body: bytes
    replace_model: Callable[[str], bytes]


@frozen
class ForwardedHead:
    """The head of a successful response.

    Attributes:
        status: the HTTP status.
        headers: the headers that the client gets, names in lower case.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]

    @property
    def is_event_stream(self) -> bool:
        """Whether the body is a stream of server-sent events."""
        return any(name == b"content-type" and b"event-stream" in value for name, value in self.headers)
