"""Reads the list of models of the provider that Codex's configuration selects (`GET {base_url}/models`)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from hyperlink import URL
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from codexd import __version__
from codexd.backs.chat.model_list import decode_models
from codexd.backs.codex_config import ConfiguredProvider
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.model import ModelCard
from codexd.upstream.endpoints import UpstreamEndpointFactory
from codexd.upstream.fetch import fetch
from codexd.upstream.read_dispatcher import ReadDispatcher
from codexd.upstream.urls import PreparedURL, encode_url

LIST_BYTES: Final = 4 * 2**20
LIST_SECONDS: Final = 5.0
"""The deadline of a request; the first one delays the start of Codex."""


class ProviderListReader:
    """Sends the request that Codex would send, with the provider's own key and headers.

    Redirects are not followed: they could send the key to another server.

    Args:
        provider: the provider.
        environ: contains its key and the values of its headers.
        reactor: provides IReactorTCP and IReactorTime.
        now: returns Unix time in seconds.
        agent: sends the requests instead of a new one.
    """

    def __init__(
        self,
        provider: ConfiguredProvider,
        environ: Mapping[str, str],
        reactor: Any,
        now: Callable[[], float],
        agent: IAgent | None = None,
    ) -> None:
        self._provider = provider
        self._reactor = reactor
        self._now = now
        self._environ = environ
        self._agent = agent or _build_agent(reactor)

    async def __call__(self) -> tuple[ModelCard, ...]:
        """Return the models that the provider lists.

        Raises:
            FaultError: if it cannot be asked, or its response is not a list of models.
            CancelledError: if the caller was cancelled.
        """
        try:
            url, headers = _build_url(self._provider), _build_headers(self._provider, self._environ)
        except ValueError:
            message = "The base URL or a header of the model's provider is not valid."
            raise FaultError(fault("unreachable", message)) from None
        client = HTTPClient(self._agent)
        request: Deferred[Any] = client.get(
            url, headers=headers, allow_redirects=False, unbuffered=True, reactor=self._reactor
        )
        response = await fetch(request, LIST_BYTES, LIST_SECONDS, self._reactor)
        return decode_models(response.successful_body(self._now()))


def _build_url(provider: ConfiguredProvider) -> URL:
    url = URL.from_text(provider.base_url.rstrip("/"))
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(provider.base_url)
    url = url.child("models")
    for name, value in provider.query:
        url = url.add(name, value)
    return PreparedURL.from_text(encode_url(url))


def read_key(provider: ConfiguredProvider, environ: Mapping[str, str]) -> str | None:
    """Return the key of a provider."""
    return provider.bearer_token if provider.env_key is None else environ.get(provider.env_key, "").strip()


def _build_headers(provider: ConfiguredProvider, environ: Mapping[str, str]) -> Headers:
    headers = Headers({b"accept": [b"application/json"], b"user-agent": [f"codexd/{__version__}".encode()]})
    key = read_key(provider, environ)
    if key:
        headers.setRawHeaders("authorization", [f"Bearer {key}"])
    from_environment = ((name, environ.get(variable, "").strip()) for name, variable in provider.env_headers)
    for name, value in (*provider.headers, *from_environment):
        if value:
            headers.setRawHeaders(name, [value])
    return headers


def _build_agent(reactor: Any) -> IAgent:
    endpoints = UpstreamEndpointFactory(reactor, LIST_SECONDS, None, None, ReadDispatcher())
    agent: IAgent = Agent.usingEndpointFactory(reactor, endpoints, HTTPConnectionPool(reactor, persistent=False))
    return agent
