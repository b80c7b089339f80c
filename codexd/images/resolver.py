"""Resolves host names with a limit on concurrent lookups.

A lookup occupies one of the reactor's few threads until the operating system gives it up, also if nobody waits for it
any more. The limit leaves threads to everything else.
"""

from typing import Any, Final

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

CONCURRENT_LOOKUPS: Final = 4


@implementer(IResolutionReceiver)
class _AddressCollector:
    """Collects the addresses of one lookup.

    Attributes:
        complete: fires with them when the lookup is over.
    """

    def __init__(self) -> None:
        self.complete: Deferred[tuple[IAddress, ...]] = Deferred()
        self._addresses: list[IAddress] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Do nothing (IResolutionReceiver)."""

    def addressResolved(self, address: IAddress) -> None:
        """Collect an address (IResolutionReceiver)."""
        self._addresses.append(address)

    def resolutionComplete(self) -> None:
        """Report the addresses (IResolutionReceiver)."""
        self.complete.callback(tuple(self._addresses))


class HostResolver:
    """Resolves host names with the reactor's resolver.

    Args:
        reactor: provides IReactorPluggableNameResolver.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._lookups = DeferredSemaphore(CONCURRENT_LOOKUPS)

    async def resolve(self, host: str, port: int) -> tuple[IAddress, ...]:
        """Return the addresses of a host, none if there are none; an address resolves to itself."""
        await self._lookups.acquire()
        collector = _AddressCollector()
        result: Deferred[tuple[IAddress, ...]] = Deferred()
        collector.complete.addCallback(self._release, result)
        resolver: IHostnameResolver = self._reactor.nameResolver
        try:
            resolver.resolveHostName(collector, host, port)
        except Exception:
            self._lookups.release()
            raise
        return await result

    def _release(self, addresses: tuple[IAddress, ...], result: "Deferred[tuple[IAddress, ...]]") -> None:
        # Also if the fetch was cancelled: the thread is free only now.
        self._lookups.release()
        result.callback(addresses)


@implementer(IHostnameResolver)
class FixedResolver:
    """A resolver that returns the same addresses for every name.

    Args:
        addresses: the addresses.
    """

    def __init__(self, addresses: tuple[IAddress, ...]) -> None:
        self._addresses = addresses

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Report the addresses (IHostnameResolver)."""
        resolution = _FixedResolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        for address in self._addresses:
            resolutionReceiver.addressResolved(address)
        resolutionReceiver.resolutionComplete()
        return resolution


@implementer(IHostResolution)
class _FixedResolution:
    """A lookup that is over.

    Attributes:
        name: the host name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Do nothing: it is over (IHostResolution)."""
