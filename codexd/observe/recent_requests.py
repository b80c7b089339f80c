"""The requests that run now and those that ended last, with their timelines."""

from collections import deque
from collections.abc import Iterator

from attrs import frozen

from codexd.context import OTHER_ROUTE, RequestRecord

_SHOWN_ROUTES = "/v1/"
"""The routes of clients. Probes, metrics and administration are asked so often that they would displace the others."""


@frozen(kw_only=True)
class RequestFilter:
    """Which requests are wanted; an empty field is no condition.

    Attributes:
        outcome: `ok`, `failed` for every other one, or the name of one; `running` for those that have not ended.
        model: the name in the request.
        principal: whose they are: the name of the key.
    """

    outcome: str = ""
    model: str = ""
    principal: str = ""

    def accepts(self, record: RequestRecord, running: bool) -> bool:
        """Return whether a request is wanted."""
        return (
            self._accepts_outcome("running" if running else record.outcome)
            and self.model in ("", record.model)
            and self.principal in ("", record.principal)
        )

    def _accepts_outcome(self, outcome: str) -> bool:
        if self.outcome == "failed":
            return outcome not in ("ok", "running")
        return self.outcome in ("", outcome)


ALL_REQUESTS = RequestFilter()


@frozen
class RecentRequest:
    """One request that is remembered.

    Attributes:
        record: its record; its `seconds` and `status` count only once it has ended.
        running: it has not ended.
    """

    record: RequestRecord
    running: bool


class RecentRequests:
    """Remembers the running requests, and the last ones that have ended.

    Args:
        limit: how many that have ended are remembered; with 0 none are, and the running ones are not either.
    """

    def __init__(self, limit: int = 0) -> None:
        self._ended: deque[RequestRecord] = deque(maxlen=limit)
        self._running: dict[int, RequestRecord] = {}  # by `id()`: a client can use one request id several times

    def apply(self, limit: int) -> None:
        """Remember another number from now on."""
        self._ended = deque(self._ended, maxlen=limit)

    def began(self, record: RequestRecord) -> None:
        """Remember a request that runs."""
        if self._ended.maxlen:
            self._running[id(record)] = record

    def forget(self, record: RequestRecord) -> None:
        """Forget a running request."""
        self._running.pop(id(record), None)

    def ended(self, record: RequestRecord) -> None:
        """Remember a request that has ended; the oldest one is forgotten for it."""
        self.forget(record)
        if _is_shown(record):
            self._ended.append(record)

    def latest(self, count: int, wanted: RequestFilter = ALL_REQUESTS) -> tuple[RecentRequest, ...]:
        """Return at most `count` requests: the running ones, then those that ended last; the newest first."""
        found = (one for one in self._newest_first() if wanted.accepts(one.record, one.running))
        return tuple(one for _, one in zip(range(count), found, strict=False))

    def find(self, id: str) -> tuple[RecentRequest, ...]:
        """Return the requests with this id, the oldest first.

        A background response is one of its own, beside the request that began it; a client can use an id again.
        """
        return tuple(one for one in self._newest_first() if one.record.id == id)[::-1]

    def _newest_first(self) -> Iterator[RecentRequest]:
        for record in reversed(tuple(self._running.values())):
            if _is_shown(record):
                yield RecentRequest(record, running=True)
        for record in reversed(self._ended):
            yield RecentRequest(record, running=False)


def _is_shown(record: RequestRecord) -> bool:
    # What the status page's playground asks has a dialect.
    return record.route.startswith(_SHOWN_ROUTES) or record.route == OTHER_ROUTE or bool(record.dialect)
