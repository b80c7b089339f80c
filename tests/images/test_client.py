"""Tests of codexd.images: fetches over real sockets on 127.0.0.1, which a setting allows."""

import gzip
import os
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import BrowserLikePolicyForHTTPS
from zope.interface.verify import verifyObject

from codexd.images.client import FetchedImage, ImageClient
from codexd.images.loader import ImageLoader
from codexd.images.resolver import FixedResolver
from codexd.neutral.fault import Fault, FaultError
from codexd.observe.metrics import Metrics
from codexd.policy.addresses import AllowedHosts
from codexd.policy.image_urls import UrlRules
from codexd.settings import Images
from tests.support.image_server import GIF, PNG, ChangingResolver, ImageServer, Script, redirect, respond
from tests.support.real_reactor import with_reactor
from tests.support.tls_proxy import create_authority

LIMIT = 100_000
_REFUSED = ("image_refused", "invalid_image_url")
BIG = b"\x89PNG\r\n\x1a\n" + bytes(LIMIT)


class Fetching:
    """A client and a server on one reactor.

    Attributes:
        server: on 127.0.0.1.
        other: on 127.0.0.2, which is not allowed, with the same port.
        resolver: resolves names.
    """

    def __init__(
        self, reactor: Any, scripts: dict[str, Script], names: dict[str, list[list[str]]], fetch_seconds: float
    ) -> None:
        self.reactor = reactor
        self.server = ImageServer(reactor, scripts)
        self.other = ImageServer(reactor, scripts, "127.0.0.2", self.server.port)
        self.resolver = ChangingResolver({"127.0.0.1": [["127.0.0.1"]], **names})
        reactor.installNameResolver(self.resolver)
        self.settings = Images(
            allow_private=("127.0.0.1",),
            ports=(self.server.port,),
            max_bytes=LIMIT,
            connect_seconds=2.0,
            fetch_seconds=fetch_seconds,
        )
        self.rules = UrlRules(AllowedHosts.parse(("127.0.0.1",)), frozenset((self.server.port,)))
        self.metrics = Metrics()
        self.loader = ImageLoader.from_settings(self.settings, reactor, self.metrics)

    def url(self, path: str = "/a.png", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.server.port}{path}"

    async def load(self, path: str = "/a.png", host: str = "127.0.0.1") -> str:
        """Load an image through the loader, with its deadline."""
        return await self.loader.load("someone", self.url(path, host))

    async def refused(self, path: str = "/a.png", host: str = "127.0.0.1") -> Fault:
        """Load an image that must be refused, and wait until the server has lost its connections."""
        try:
            await self.load(path, host)
        except FaultError as error:
            await self.disconnected()
            return error.fault
        raise AssertionError("the image was loaded")

    async def disconnected(self) -> None:
        """Wait until no connection is left; the fetch must not keep one."""
        for _ in range(200):
            if all(one.lost for one in (*self.server.connections, *self.other.connections)):
                return
            await deferLater(self.reactor, 0.01)
        raise AssertionError("a connection stayed open")

    def client(self, **more: Any) -> ImageClient:
        given = {"max_bytes": LIMIT, "max_redirects": 3, "connect_seconds": 2.0} | more
        return ImageClient(reactor=self.reactor, rules=self.rules, **given)


Test = Callable[[Fetching], Awaitable[None]]


class ImageClientTests(SynchronousTestCase):
    fetch_seconds = 20.0

    def run_fetching(
        self, test: Callable[[Fetching], Any], names: dict[str, list[list[str]]] | None = None, **scripts: Script
    ) -> None:
        """Run a test; scripts are by path, with `_` for `/`."""
        by_path = {name.replace("_", "/"): script for name, script in scripts.items()}

        def main(reactor: Any) -> Deferred[Any]:
            fetching = Fetching(reactor, {"/a.png": respond()} | by_path, names or {}, self.fetch_seconds)
            return Deferred.fromCoroutine(test(fetching))

        with_reactor(main)

    def assert_fault(self, fault: Fault, kind: str, note: str, code: str) -> None:
        self.assertEqual((fault.kind, fault.note, fault.code), (kind, note, code))
        self.assertEqual((fault.status, fault.should_retry), (400, False))

    def test_a_host_name_that_no_certificate_can_have_is_a_failure_of_tls(self) -> None:
        async def test(it: Fetching) -> None:
            await it.load(host="a_b.test")
            try:
                await it.client().fetch(it.rules.parse(it.url(host="a_b.test", scheme="https")))
            except FaultError as error:
                self.assertEqual(error.fault.note, "image from a_b.test: tls")
            else:
                self.fail("it was fetched")

        self.run_fetching(test, {"a_b.test": [["127.0.0.1"]]})

    def assert_failed(
        self, script: Script, reason: str, kind: str = "image_failed", code: str = "invalid_image_url"
    ) -> None:
        async def test(it: Fetching) -> None:
            self.assert_fault(await it.refused("/x"), kind, f"image from 127.0.0.1: {reason}", code)

        self.run_fetching(test, _x=script)

    def test_an_image_arrives_as_a_data_url(self) -> None:
        async def test(it: Fetching) -> None:
            self.assertEqual(await it.load(), FetchedImage("image/png", PNG).data_url())
            (head,) = it.server.requests
            self.assertTrue(head.startswith("GET /a.png HTTP/1.1\r\n"))
            lines = head.lower().split("\r\n")
            self.assertIn(f"host: 127.0.0.1:{it.server.port}", lines)
            self.assertIn("accept-encoding: identity", lines)
            names = {line.partition(":")[0] for line in lines[1:] if line}
            self.assertEqual(names, {"host", "accept", "accept-encoding", "user-agent", "connection"})
            await it.disconnected()

        self.run_fetching(test)

    def test_the_proxies_of_the_environment_are_not_used(self) -> None:
        async def test(it: Fetching) -> None:
            await it.load()

        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            self.patch(os, "environ", {**os.environ, name: "http://127.0.0.1:1"})
        self.run_fetching(test)

    def test_a_body_without_length_or_in_chunks_is_read(self) -> None:
        async def test(it: Fetching) -> None:
            for path in ("/chunks", "/closed"):
                self.assertEqual(await it.load(path), FetchedImage("image/gif", GIF).data_url())

        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in GIF) + b"0\r\n\r\n"

        def closed(connection: Any) -> None:
            connection.send(b"HTTP/1.0 200 OK\r\nContent-Type: image/gif\r\n\r\n" + GIF)
            connection.transport.loseConnection()

        self.run_fetching(
            test,
            _chunks=lambda one: one.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks),
            _closed=closed,
        )

    # Types.

    def test_content_that_is_no_image_is_refused(self) -> None:
        media = "unsupported_image_media_type"
        for body in (b"<html>" + bytes(100), b"", b"\x89PN"):
            self.assert_failed(respond(body), "type", "image_type", media)
        self.assert_failed(respond(PNG, "Content-Type: text/html"), "type", "image_type", media)
        self.assert_failed(respond(PNG, "Content-Type: image/gif"), "type", "image_type", media)

    def test_compressed_content_is_refused_and_never_decompressed(self) -> None:
        bomb = gzip.compress(BIG * 50)
        self.assertLess(len(bomb), LIMIT)
        self.assert_failed(respond(bomb, "Content-Encoding: gzip"), "encoding")
        self.assert_failed(respond(bomb, "Content-Encoding: identity, gzip"), "encoding")
        self.assert_failed(respond(bomb), "type", "image_type", "unsupported_image_media_type")
        self.assert_failed(
            lambda one: one.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "malformed"
        )

    # Sizes.

    def test_a_body_beyond_the_limit_is_refused_whatever_its_length_claims(self) -> None:
        code = "image_too_large"
        self.assert_failed(respond(BIG), "size", code, code)
        self.assert_failed(respond(PNG, length=LIMIT + 1), "size", code, code)
        self.assert_failed(
            lambda one: one.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BIG) + BIG),
            "size", code, code,
        )  # fmt: skip

    def test_an_endless_body_is_cut_at_the_limit(self) -> None:
        async def test(it: Fetching) -> None:
            fault = await it.refused("/x")
            self.assert_fault(fault, "image_too_large", "image from 127.0.0.1: size", "image_too_large")
            self.assertLess(it.server.connections[0].sent_bytes, 100 * LIMIT)

        def endless(connection: Any) -> None:
            connection.send(b"HTTP/1.1 200 OK\r\n\r\n\x89PNG\r\n\x1a\n")
            connection.repeat(bytes(20_000), 0.001)

        self.run_fetching(test, _x=endless)

    def test_an_endless_head_is_cut(self) -> None:
        def endless(connection: Any) -> None:
            connection.send(b"HTTP/1.1 200 OK\r\n")
            connection.repeat(b"".join(b"X-%d: y\r\n" % number for number in range(2000)), 0.001)

        self.assert_failed(endless, "lost")

    def test_endless_responses_that_announce_another_one_are_cut(self) -> None:
        self.assert_failed(lambda one: one.repeat(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000, 0.001), "lost")

    # Time.

    def test_a_slow_drip_ends_at_the_deadline(self) -> None:
        def drip(connection: Any) -> None:
            connection.send(b"HTTP/1.1 200 OK\r\n\r\n\x89PNG\r\n\x1a\n")
            connection.repeat(b"x", 0.02)

        self.fetch_seconds = 0.3
        self.assert_failed(drip, "timeout")
        self.assert_failed(lambda one: one.repeat(b"H", 0.02), "timeout")
        self.assert_failed(lambda one: None, "timeout")

    # Failures.

    def test_other_statuses_and_broken_responses_are_failures(self) -> None:
        self.assert_failed(respond(status="404 Not Found"), "status_404")
        self.assert_failed(respond(b"", status="404 Not Found", length=LIMIT), "status_404")
        self.assert_failed(
            respond(b"", "Location: http://127.0.0.1:1/", status="302 Found", length=9), "port", *_REFUSED
        )
        self.assert_failed(respond(status="206 Partial Content"), "status_206")
        self.assert_failed(lambda one: one.send(b"SSH-2.0-OpenSSH_9.0\r\n\r\n"), "malformed")
        self.assert_failed(lambda one: one.transport.abortConnection(), "lost")

        def cut(connection: Any) -> None:
            respond(PNG, length=200)(connection)
            connection.transport.loseConnection()

        self.assert_failed(cut, "lost")

    def test_a_host_without_addresses_or_without_a_server_is_a_failure(self) -> None:
        async def test(it: Fetching) -> None:
            self.assertEqual((await it.refused(host="nowhere.test")).note, "image from nowhere.test: dns")
            for server in (it.server, it.other):
                await server.listening.stopListening()
            self.assertEqual((await it.refused()).note, "image from 127.0.0.1: connect")

        self.run_fetching(test)

    # Addresses.

    def test_a_name_that_resolves_to_a_refused_address_is_refused(self) -> None:
        async def test(it: Fetching) -> None:
            for host in ("inside.test", "mixed.test"):
                fault = await it.refused(host=host)
                self.assert_fault(fault, "image_refused", f"image from {host}: address", "invalid_image_url")
            self.assertEqual(it.server.connections + it.other.connections, [])

        self.run_fetching(test, {"inside.test": [["127.0.0.2"]], "mixed.test": [["127.0.0.1", "127.0.0.2"]]})

    def test_the_connection_is_made_to_the_address_that_was_checked(self) -> None:
        async def test(it: Fetching) -> None:
            await it.load(host="rebind.test")
            self.assertEqual(it.resolver.asked, ["rebind.test"])
            self.assertIn(f"Host: rebind.test:{it.server.port}\r\n", it.server.requests[0])
            fault = await it.refused("/b.png", host="rebind.test")
            self.assertEqual(fault.note, "image from rebind.test: address")
            self.assertEqual((len(it.server.connections), it.other.connections), (1, []))

        self.run_fetching(test, {"rebind.test": [["127.0.0.1"], ["127.0.0.2"]]})

    def test_the_resolvers_of_these_tests_implement_the_interface(self) -> None:
        verifyObject(IHostnameResolver, ChangingResolver({}))
        verifyObject(IHostnameResolver, FixedResolver(()))

    # Redirects.

    def test_redirects_are_followed_and_their_connections_closed(self) -> None:
        async def test(it: Fetching) -> None:
            await it.load("/x?secret")
            self.assertEqual(len(it.server.requests), 3)
            self.assertNotIn("secret", it.server.requests[1])
            await it.disconnected()

        self.run_fetching(test, _x=redirect("/y"), _y=redirect("a.png", "308 Permanent Redirect"))

    def test_every_hop_is_checked_again(self) -> None:
        async def test(it: Fetching) -> None:
            targets = {
                "/address": f"http://127.0.0.2:{it.server.port}/a.png",
                "/name": it.url(host="inside.test"),
                "/rebind": it.url("/a.png", "rebind.test"),
                "/port": "http://127.0.0.1:1/",
                "/user": f"http://u@127.0.0.1:{it.server.port}/a.png",
                "/file": "file:///etc/passwd",
                "/nothing": "",
            }
            for path, target in targets.items():
                it.server.scripts[path] = redirect(target)
                host = "rebind.test" if path == "/rebind" else "127.0.0.1"
                fault = await it.refused(path, host)
                self.assertIn(fault.kind, ("image_refused", "image_failed"), path)
            self.assertEqual(it.other.connections, [])

        self.run_fetching(test, {"inside.test": [["127.0.0.2"]], "rebind.test": [["127.0.0.1"], ["127.0.0.2"]]})

    def test_the_number_of_redirects_is_limited(self) -> None:
        async def test(it: Fetching) -> None:
            fault = await it.refused("/x")
            self.assertEqual(fault.note, "image from 127.0.0.1: redirects")
            self.assertEqual(len(it.server.requests), it.settings.max_redirects + 1)

        self.run_fetching(test, _x=redirect("/x"))

    # TLS.

    def test_the_certificate_must_be_of_the_host_of_the_url(self) -> None:
        authority = create_authority()
        trust = BrowserLikePolicyForHTTPS(trustRootFromCertificates([Certificate.loadPEM(authority.pem.encode())]))

        async def test(it: Fetching) -> None:
            factory = it.server
            await factory.listening.stopListening()
            secure = TLSMemoryBIOFactory(authority.options, False, factory, it.reactor)
            factory.listening = it.reactor.listenTCP(factory.port, secure, interface="127.0.0.1")
            rules = it.rules
            image = await it.client(tls=trust).fetch(rules.parse(it.url(scheme="https")))
            self.assertEqual(image.body, PNG)
            for client, host in ((it.client(), "127.0.0.1"), (it.client(tls=trust), "other.test")):
                try:
                    await client.fetch(rules.parse(it.url(host=host, scheme="https")))
                except FaultError as error:
                    self.assertEqual(error.fault.note, f"image from {host}: tls")
                else:
                    self.fail(f"the certificate was accepted for {host}")

        self.run_fetching(test, {"other.test": [["127.0.0.1"]]})

    # The end.

    def test_the_last_one_that_leaves_closes_the_connection(self) -> None:
        async def test(it: Fetching) -> None:
            first, second = (it.loader.load("someone", it.url("/x")) for _ in range(2))
            while not it.server.requests:
                await deferLater(it.reactor, 0.01)
            for load in (first, second):
                self.assertFalse(it.server.connections[0].lost)
                load.addErrback(lambda _: None)
                load.cancel()
            await it.disconnected()
            self.assertEqual(len(it.server.connections), 1)

        self.run_fetching(test, _x=lambda _: None)
