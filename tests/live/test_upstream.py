"""An upstream over real sockets: the scripted model, TLS, a proxy, and failures."""

from typing import Any

from attrs import evolve
from twisted.internet import reactor as real_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.tcp import Connection
from twisted.trial.unittest import TestCase

from codexd.interfaces import ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.model import ModelCard
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Message, TextPart, Tool, Turn
from codexd.observe.metrics import Metrics
from codexd.scripted.server import ScriptedModel, build_site
from codexd.settings import Upstream
from codexd.upstream.backend import UpstreamBackend
from codexd.upstream.service import Upstreams
from tests.support.contexts import context
from tests.support.recording_sink import RecordingSink
from tests.support.tls_proxy import ConnectProxy, create_authority

reactor: Any = real_reactor
KEY = "sk-upstream"
CA = create_authority()


class Waiting(RecordingSink):
    """A sink with Deferreds for the first event and the end."""

    def __init__(self) -> None:
        super().__init__()
        self.done: Deferred[Reply] = Deferred()
        self.begun: Deferred[None] = Deferred()

    def settle(self) -> None:
        super().settle()
        if not self.begun.called:
            self.begun.callback(None)
        if self.over:
            # Later, so that the connection has processed the end.
            reactor.callLater(0, self.done.callback, fold(self.events))


class Silent(Protocol):
    """A server that accepts connections and never answers; it records the open ones."""

    def connectionMade(self) -> None:
        self.factory.open.add(self)  # type: ignore[union-attr]

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.open.discard(self)  # type: ignore[union-attr]


class UpstreamTests(TestCase):
    timeout = 10

    def setUp(self) -> None:
        self.model = ScriptedModel(reactor)
        self.metrics = Metrics()
        self.addCleanup(self.wait_until, lambda: not any(isinstance(one, Connection) for one in reactor.getReaders()))

    def serve(self, factory: Any, tls: bool = False) -> int:
        listen = reactor.listenSSL if tls else reactor.listenTCP
        more = (CA.options,) if tls else ()
        port = listen(0, factory, *more, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def provider(self, tls: bool = False) -> str:
        port = self.serve(build_site(reactor, self.model), tls)
        self.addCleanup(self.model.close)
        return f"http{'s' if tls else ''}://127.0.0.1:{port}/v1"

    def upstream(self, base_url: str, **settings: Any) -> UpstreamBackend:
        one = evolve(Upstream(name="up", base_url=base_url, pass_unlisted=True, key_env="KEY", retries=0), **settings)
        made = Upstreams(
            (one,),
            {"KEY": KEY},
            {"/ca": CA.pem}.__getitem__,
            reactor,
            lambda: 0.0,
            reactor.seconds,
            self.metrics,
        )
        made.startService()
        self.addCleanup(made.stopService)
        return made.backends[0]

    def begin(self, backend: UpstreamBackend, text: str, **more: Any) -> tuple[Waiting, ITurnHandle]:
        sink = Waiting()
        turn = Turn(model="scripted", items=(Message(role="user", parts=(TextPart(text),)),), **more)
        return sink, backend.begin(turn, context(), sink)

    async def reply(self, backend: UpstreamBackend, text: str, **more: Any) -> Reply:
        return await self.begin(backend, text, **more)[0].done

    async def failure_kind(self, backend: UpstreamBackend, text: str = "say: x") -> str | None:
        fault = (await self.reply(backend, text)).fault
        return None if fault is None else fault.kind

    async def wait_until(self, condition: Any) -> None:
        while not condition():
            await deferLater(reactor, 0.005)

    async def test_a_streamed_answer_with_exact_usage_and_the_key(self) -> None:
        backend = self.upstream(self.provider())
        reply = await self.reply(backend, "usage: 9,4,3,1\nthinking: hm hm\nsay: Grüß Gott\n\U0001f642")
        self.assertEqual((reply.text, reply.finish, reply.reasoning), ("Grüß Gott\n\U0001f642", "stop", ("hm hm",)))
        self.assertEqual(
            reply.usage,
            e.Usage(input_tokens=9, cached_tokens=4, cache_write_tokens=0, output_tokens=3, reasoning_tokens=1),
        )
        self.assertEqual(self.model.received[0].headers["authorization"], f"Bearer {KEY}")

    async def test_parallel_calls_and_their_results(self) -> None:
        backend = self.upstream(self.provider())
        tools = (Tool(name="a"), Tool(name="b", namespace="n"), Tool(name="c", kind="custom"))
        asked = Message(role="user", parts=(TextPart('call: a {"x":1}\ncall: n__b {}\ncall: c {"input":"raw"}'),))
        sink = Waiting()
        backend.begin(Turn(model="scripted", items=(asked,), tools=tools), context(), sink)
        calls = (await sink.done).calls
        self.assertEqual(
            [(c.namespace, c.name, c.arguments) for c in calls],
            [(None, "a", '{"x":1}'), ("n", "b", "{}"), (None, "c", "raw")],
        )

    async def test_a_long_answer_is_complete_after_a_pause(self) -> None:
        backend = self.upstream(self.provider())
        sink, handle = self.begin(backend, "long: 20000")
        await sink.begun
        handle.pause()
        heard = len(sink.events)
        await deferLater(reactor, 0.05)
        # Events of data that was read already may follow.
        self.assertLess(len(sink.events) - heard, 20000)
        handle.resume()
        reply = await sink.done
        self.assertEqual(len(reply.text.split()), 20000)

    async def test_one_connection_serves_many_requests(self) -> None:
        backend = self.upstream(self.provider())
        for _ in range(20):
            self.assertEqual((await self.reply(backend, "say: x")).text, "x")
        self.assertEqual(len(self.model.received), 20)

    async def test_a_cancel_stops_the_upstream(self) -> None:
        for text in ("slow: 1000", "hang:"):
            backend = self.upstream(self.provider())
            sink, handle = self.begin(backend, text)
            await self.wait_until(lambda: self.model.open == 1)
            handle.cancel()
            await self.wait_until(lambda: self.model.open == 0)
            self.assertFalse(sink.over)

    async def test_failures_have_the_right_kind(self) -> None:
        backend = self.upstream(self.provider(), first_event_seconds=0.2, idle_seconds=0.2, breaker_failures=99)
        kinds = {
            "fail: 400": "invalid_prompt",
            "fail: 401": "credentials_rejected",
            "fail: 429": "rate_limited",
            "fail: 500": "model_failed",
            "fail: 503": "overloaded",
            "fail: context_length_exceeded": "context_length_exceeded",
            "fail: rate_limit_exceeded": "rate_limited",
            "cut: some words": "stream_cut",
            "stall: some words": "idle_timeout",
            "hang:": "no_first_event",
        }
        for text, kind in kinds.items():
            self.assertEqual(await self.failure_kind(backend, text), kind, text)

    async def test_incomplete_answers_have_the_reason(self) -> None:
        backend = self.upstream(self.provider())
        for reason, finish in (("max_output_tokens", "length"), ("content_filter", "content_filter")):
            self.assertEqual((await self.reply(backend, f"incomplete: {reason} a b")).finish, finish)

    async def test_its_models_are_listed(self) -> None:
        backend = self.upstream(self.provider(), prefix="up/")
        await backend.refresh()
        self.assertEqual(backend.models(), (ModelCard(id="up/scripted", created=0, owned_by="codexd"),))

    async def test_an_upstream_that_does_not_listen(self) -> None:
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        url = f"http://127.0.0.1:{port.getHost().port}/v1"
        await port.stopListening()
        self.assertEqual(await self.failure_kind(self.upstream(url)), "unreachable")

    async def test_tls_is_verified_against_the_configured_authorities(self) -> None:
        url = self.provider(tls=True)
        self.assertEqual((await self.reply(self.upstream(url, ca_file="/ca"), "say: x")).text, "x")
        untrusting = self.upstream(url)
        reply = await self.reply(untrusting, "say: x")
        assert reply.fault is not None
        self.assertEqual((reply.fault.kind, reply.fault.note), ("unreachable", "tls"))
        self.assertEqual(len(self.model.received), 1)

    async def test_tls_through_a_proxy_is_end_to_end(self) -> None:
        proxy = ConnectProxy(reactor)
        address = f"http://127.0.0.1:{self.serve(proxy)}"
        url = self.provider(tls=True)
        backend = self.upstream(url, ca_file="/ca", proxy=address)
        for _ in range(2):
            self.assertEqual((await self.reply(backend, "say: x")).text, "x")
        # One connection for the requests, and perhaps one for the list of models.
        self.assertEqual(set(proxy.targets), {url.removeprefix("https://").removesuffix("/v1")})
        self.assertLessEqual(len(proxy.targets), 2)

    async def test_a_proxy_that_refuses_the_tunnel(self) -> None:
        address = f"http://127.0.0.1:{self.serve(ConnectProxy(reactor, refuses=True))}"
        backend = self.upstream(self.provider(tls=True), ca_file="/ca", proxy=address)
        self.assertEqual(await self.failure_kind(backend), "unreachable")

    async def test_without_tls_the_proxy_receives_the_absolute_url(self) -> None:
        # The scripted model is no proxy: it reports the requested path as unknown.
        proxy = self.provider().removesuffix("/v1")
        backend = self.upstream("http://upstream.invalid/v1", proxy=proxy)
        self.assertEqual(await self.failure_kind(backend), "provider_rejected")

    async def test_a_silent_peer_is_disconnected_at_the_timeout_even_in_a_handshake(self) -> None:
        silent = Factory.forProtocol(Silent)
        silent.open = set()  # type: ignore[attr-defined]
        port = self.serve(silent)
        ways = (("http", {}), ("https", {}), ("https", {"proxy": f"http://127.0.0.1:{port}"}))
        for lists, (scheme, more) in enumerate(ways, 1):
            backend = self.upstream(f"{scheme}://127.0.0.1:{port}/v1", first_event_seconds=0.1, **more)
            self.assertEqual(await self.failure_kind(backend), "no_first_event", scheme)
            # Each list of models is still pending.
            await self.wait_until(lambda lists=lists: len(silent.open) == lists)  # type: ignore[attr-defined]
