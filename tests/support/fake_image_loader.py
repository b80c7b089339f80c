"""A verified fake of `IImageLoader`: tests decide when an image arrives."""

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from codexd.interfaces import IImageLoader
from codexd.neutral.fault import Fault, FaultError


@implementer(IImageLoader)
class FakeImageLoader:
    """Loads images when the test lets it.

    Attributes:
        cached: the cached images by owner and URL.
        refusals: the URLs that are refused.
        loads: the running loads by URL, in their order.
        cancelled: the URLs whose load was cancelled.
    """

    def __init__(self) -> None:
        self.cached: dict[tuple[str, str], str] = {}
        self.refusals: dict[str, Fault] = {}
        self.loads: dict[str, Deferred[str]] = {}
        self.cancelled: list[str] = []

    def check(self, url: str) -> None:
        if url in self.refusals:
            raise FaultError(self.refusals[url])

    def find(self, owner: str, url: str) -> str | None:
        return self.cached.get((owner, url))

    def load(self, owner: str, url: str) -> "Deferred[str]":
        found = self.find(owner, url)
        if found is not None:
            return succeed(found)
        self.loads[url] = Deferred(lambda _: self.cancelled.append(url))
        return self.loads[url]
