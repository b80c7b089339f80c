"""Tests of codexd.images.resolver."""

from typing import Any

from attrs import define
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.images.resolver import CONCURRENT_LOOKUPS, HostResolver


@define
class SlowReactor:
    """A reactor whose resolver answers when the test lets it.

    Attributes:
        lookups: the receivers of the lookups.
    """

    lookups: list[Any]

    @property
    def nameResolver(self) -> "SlowReactor":
        return self

    def resolveHostName(self, receiver: Any, host: str, port: int) -> None:
        self.lookups.append(receiver)

    def answer(self, index: int) -> None:
        self.lookups[index].addressResolved(IPv4Address("TCP", "8.8.8.8", 80))
        self.lookups[index].resolutionComplete()


class HostResolverTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = SlowReactor([])
        self.resolver = HostResolver(self.reactor)

    def resolve(self) -> "Deferred[Any]":
        return Deferred.fromCoroutine(self.resolver.resolve("a.org", 80))

    def test_a_lookup_that_nobody_waits_for_occupies_its_place_until_it_is_over(self) -> None:
        lookups = [self.resolve() for _ in range(CONCURRENT_LOOKUPS + 1)]
        self.assertEqual(len(self.reactor.lookups), CONCURRENT_LOOKUPS)
        lookups[0].cancel()
        self.failureResultOf(lookups[0])
        self.assertEqual(len(self.reactor.lookups), CONCURRENT_LOOKUPS)
        self.reactor.answer(0)
        self.assertEqual(len(self.reactor.lookups), CONCURRENT_LOOKUPS + 1)
        for index in range(1, CONCURRENT_LOOKUPS + 1):
            self.reactor.answer(index)
            (address,) = self.successResultOf(lookups[index])
            self.assertEqual(address.host, "8.8.8.8")

    def test_a_lookup_that_is_cancelled_while_it_waits_is_not_started(self) -> None:
        lookups = [self.resolve() for _ in range(CONCURRENT_LOOKUPS + 1)]
        lookups[-1].cancel()
        self.failureResultOf(lookups[-1])
        self.reactor.answer(0)
        self.assertEqual(len(self.reactor.lookups), CONCURRENT_LOOKUPS)
