"""Addresses of IPv6 in URLs, over real connections to `::1`."""

import socket
from collections.abc import Awaitable, Callable
from typing import Any
from unittest import skipUnless

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.images.client import ImageClient
from codexd.policy.addresses import AllowedHosts
from codexd.policy.image_urls import UrlRules
from codexd.settings import Upstream
from codexd.upstream.client import UpstreamClient
from codexd.upstream.provider_list import ProviderListReader
from tests.support.image_server import ImageServer, Script, respond
from tests.support.real_reactor import with_reactor
from tests.upstream.test_provider_list import PROVIDER

LIST = respond(b'{"data": [{"id": "a"}]}', "Content-Type: application/json")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@skipUnless(has_ipv6(), "this machine has no IPv6 loopback")
class Ipv6Tests(SynchronousTestCase):
    def run_with(self, test: Callable[[Any, ImageServer], Awaitable[None]], **scripts: Script) -> list[str]:
        """Run a test with a server on `::1`, and return the heads of the requests; `_` in a script's path is `/`."""

        async def main(reactor: Any) -> list[str]:
            by_path = {name.replace("_", "/"): script for name, script in scripts.items()}
            server = ImageServer(reactor, by_path, interface="::1")
            await test(reactor, server)
            await server.listening.stopListening()
            return server.requests

        heads: list[str] = with_reactor(lambda reactor: Deferred.fromCoroutine(main(reactor)))
        return heads

    def test_an_upstream(self) -> None:
        async def test(reactor: Any, server: ImageServer) -> None:
            settings = Upstream(name="a", base_url=f"http://[::1]:{server.port}/v1")
            client = UpstreamClient.from_settings(settings, None, None, reactor)
            response = await client.request("GET", "models")
            self.assertEqual(response.code, 200)
            await client.close()

        (head,) = self.run_with(test, _v1_models=LIST)
        self.assertRegex(head.lower(), r"\r\nhost: \[::1\]:\d+\r\n")

    def test_a_proxy(self) -> None:
        async def test(reactor: Any, server: ImageServer) -> None:
            proxy = f"http://[::1]:{server.port}"
            settings = Upstream(name="a", base_url="http://[2001:db8::7]:8000/v1", proxy=proxy)
            client = UpstreamClient.from_settings(settings, None, None, reactor)
            response = await client.request("GET", "models")
            self.assertEqual(response.code, 200)
            await client.close()

        (head,) = self.run_with(test, **{"http:__[2001:db8::7]:8000_v1_models": LIST})
        self.assertTrue(head.startswith("GET http://[2001:db8::7]:8000/v1/models HTTP/1.1\r\n"), head)

    def test_the_list_of_a_provider(self) -> None:
        async def test(reactor: Any, server: ImageServer) -> None:
            provider = evolve(PROVIDER, base_url=f"http://[::1]:{server.port}/v1")
            (card,) = await ProviderListReader(provider, {}, reactor, lambda: 0.0)()
            self.assertEqual(card.id, "a")

        (head,) = self.run_with(test, _v1_models=LIST)
        self.assertTrue(head.startswith("GET /v1/models?version=2%203 HTTP/1.1\r\n"), head)

    def test_an_image(self) -> None:
        async def test(reactor: Any, server: ImageServer) -> None:
            rules = UrlRules(ports=frozenset((server.port,)), allowed=AllowedHosts.parse(("::1",)))
            client = ImageClient(reactor=reactor, rules=rules, max_bytes=1000, max_redirects=0, connect_seconds=5.0)
            image = await client.fetch(rules.parse(f"http://[::1]:{server.port}/a.png"))
            self.assertTrue(image.data_url().startswith("data:image/png;base64,"))

        (head,) = self.run_with(test, **{"_a.png": respond()})
        self.assertRegex(head.lower(), r"\r\nhost: \[::1\]:\d+\r\n")
