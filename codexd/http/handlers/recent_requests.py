"""Handlers of /admin/requests: the running requests and the last ones, and the timeline of each."""

from typing import Final

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from codexd.fronts.query import Query
from codexd.http.request import Request
from codexd.neutral.fault import FaultError, fault
from codexd.observe.recent_requests import RecentRequests, RequestFilter
from codexd.observe.request_story import render_story, render_summary
from codexd.wire import json

_DEFAULT_COUNT: Final = 50
_MAX_COUNT: Final = 1000
_FORGOTTEN: Final = (
    "No request with this id is remembered: it is wrong, or others came since (observe.recent_requests), or the daemon"
    " was restarted."
)


@frozen
class RecentRequestHandlers:
    """Explain requests.

    Attributes:
        recent: the requests.
        clock: the reactor's clock.
    """

    recent: RecentRequests
    clock: IReactorTime

    def list(self, request: Request) -> bytes:
        """List requests without their timelines; the parameters of the query are conditions.

        Raises:
            FaultError: for a wrong parameter.
        """
        query = Query(request.query)
        wanted = RequestFilter(
            outcome=query.text("outcome") or "", model=query.text("model") or "", principal=query.text("key") or ""
        )
        count = query.integer("limit", 1, _MAX_COUNT) or _DEFAULT_COUNT
        now = self.clock.seconds()
        data = [render_summary(one, now) for one in self.recent.latest(count, wanted)]
        return request.send(200, json.encode({"object": "list", "data": data}))

    def show(self, request: Request, id: str) -> bytes:
        """Send the requests with an id, each with its timeline.

        Raises:
            FaultError: `request_not_found`.
        """
        found, now = self.recent.find(id), self.clock.seconds()
        if not found:
            raise FaultError(fault("request_not_found", _FORGOTTEN))
        return request.send(200, json.encode({"object": "list", "data": [render_story(one, now) for one in found]}))
