"""Handlers of `/v1/usage` and `/v1/organization/usage/completions`: they read the ledger in the store's thread."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from attrs import Factory, define, evolve, frozen

from codexd.decode_thread import RunInThread
from codexd.fronts.usage import limits, objects, organization
from codexd.fronts.usage import request as usage_request
from codexd.http.request import Request
from codexd.interfaces import IUsageLedger
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.usage import Dimension, RowQuery, UsageFilter, UsageQuery, UsageSum
from codexd.policy.auth import ANONYMOUS

_Query = TypeVar("_Query", UsageQuery, RowQuery)

MAX_QUERIES: Final = 4
"""The most queries of the ledger that wait or run at once: each takes the store's thread from others."""


@define
class RunningQueries:
    """The queries that wait or run."""

    _count: int = 0

    @contextmanager
    def add(self) -> Iterator[None]:
        """Count a query while it runs.

        Raises:
            FaultError: `busy` if there are too many.
        """
        if self._count >= MAX_QUERIES:
            raise FaultError(fault("busy"))
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1


@frozen(kw_only=True)
class UsageHandlers:
    """Show usage: an administrator that of all keys, every other key its own.

    Attributes:
        ledger: has the usage.
        flush: writes what was recorded, so that a client finds its last request.
        now: returns Unix time in seconds.
        run_in_thread: runs the rendering.
        running: the queries that run.
    """

    ledger: IUsageLedger
    flush: Callable[[], Awaitable[None]]
    now: Callable[[], float]
    run_in_thread: RunInThread
    running: RunningQueries = Factory(RunningQueries)

    async def usage(self, request: Request) -> bytes:
        """Send sums by hour or day; with `view=raw` rows.

        Raises:
            FaultError: for whatever is wrong with the query; from the store.
        """
        if usage_request.asks_for_rows(request.query):
            return await self.rows(request)
        parsed = usage_request.parse_sums(request.query, request.header_text("accept"), int(self.now()))
        query = _restrict(request, parsed.query)
        with self.running.add():
            await self.flush()
            sums = await self.ledger.sum_usage(query)
        body = await self.run_in_thread(lambda: objects.render_sums(sums, query, parsed.format))
        return request.send(200, body, objects.CONTENT_TYPES[parsed.format])

    async def sum_last(self, seconds: int, group_by: tuple[Dimension, ...]) -> tuple[UsageSum, ...]:
        """Return the sums of all keys over the last seconds.

        Raises:
            FaultError: as `usage`.
        """
        end = int(self.now()) + 1
        query = UsageQuery(filter=UsageFilter(start=end - seconds, end=end), group_by=group_by)
        with self.running.add():
            await self.flush()
            return await self.ledger.sum_usage(query)

    async def rows(self, request: Request) -> bytes:
        """Send a page of rows. Raises as `usage`."""
        parsed = usage_request.parse_rows(request.query, request.header_text("accept"), int(self.now()))
        query = _restrict(request, parsed.query)
        with self.running.add():
            await self.flush()
            page = await self.ledger.list_usage(query)
        if page.next is not None:
            request.setHeader(b"x-next-after", usage_request.format_position(page.next).encode())
        body = await self.run_in_thread(lambda: objects.render_rows(page, parsed.format))
        return request.send(200, body, objects.CONTENT_TYPES[parsed.format])

    def limits(self, request: Request) -> bytes:
        """Send what is known of the limits of the Codex account; what it has used only to who may see all usage.

        Raises:
            FaultError: `unsupported` for a parameter.
        """
        usage_request.parse_limits(request.query)
        account, principal = request.site.account, request.principal
        shows_tokens = principal is not None and (principal.is_admin or principal == ANONYMOUS)
        return request.send(200, limits.render_limits(account, shows_tokens))

    async def completions(self, request: Request) -> bytes:
        """Send the usage of completions in OpenAI's form. Raises as `usage`."""
        parsed = organization.parse_completions_usage(request.query, int(self.now()))
        parsed = evolve(parsed, query=_restrict(request, parsed.query))
        with self.running.add():
            await self.flush()
            sums = await self.ledger.sum_usage(parsed.query)
        body = await self.run_in_thread(lambda: organization.render_completions_usage(sums, parsed))
        return request.send(200, body)


def _restrict(request: Request, query: _Query) -> _Query:
    """Return the query for what the caller may see.

    Raises:
        FaultError: `usage_not_allowed` for the usage of another key.
    """
    assert request.principal is not None
    if request.principal.is_admin:
        return query
    own = request.context.principal
    if set(query.filter.key) - {own}:
        raise FaultError(fault("usage_not_allowed", param="key"))
    return evolve(query, filter=evolve(query.filter, key=(own,)))
