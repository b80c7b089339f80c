"""The facts about one request for its log line and the metrics, without any content."""

from attrs import Factory, define

from codexd.neutral.event import Usage

OK = "ok"
CLIENT_GONE = "client_gone"
OTHER_ROUTE = "other"
TOKEN_KINDS = ("input", "cached", "cache_write", "output", "reasoning")


@define(kw_only=True)
class RequestRecord:
    """One request, from its headers to its end.

    Attributes:
        id: its `x-request-id`.
        method: the HTTP method; `other` for an unusual method, `background` for the end of a background
            response.
        began: when the request arrived, on the reactor's clock.
        route: the template of its route; `other` where none matched.
        status: the HTTP status; 499 when the client disconnected before there was one.
        front: the dialect, such as `chat` or `responses`; empty for other routes.
        model: the model name of the request, shortened and stripped of control characters.
        principal: the id of the authenticated principal.
        stream: whether the response was streamed.
        first_event_seconds: time from arrival to the model's first event.
        seconds: time from arrival to the end.
        usages: the token usage of each choice.
        ignored: request fields that were accepted without effect.
        outcome: `ok`, `client_gone`, or the kind of the fault that ended it.
        note: details of that fault for the log (`Fault.note`).
    """

    id: str = ""
    method: str = ""
    began: float = 0.0
    route: str = OTHER_ROUTE
    status: int = 499
    front: str = ""
    model: str = ""
    principal: str = ""
    stream: bool = False
    first_event_seconds: float | None = None
    seconds: float = 0.0
    usages: list[Usage] = Factory(list)
    ignored: tuple[str, ...] = ()
    outcome: str = OK
    note: str = ""

    def tokens(self) -> dict[str, int]:
        """Return the tokens of all choices, by kind."""
        return {kind: sum(getattr(usage, f"{kind}_tokens") for usage in self.usages) for kind in TOKEN_KINDS}
