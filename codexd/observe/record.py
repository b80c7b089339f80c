"""What is remembered of one request, for its one log line and its metrics: never what it said."""

from attrs import Factory, define

from codexd.neutral.event import Usage

OK = "ok"
CLIENT_GONE = "client_gone"
OTHER_ROUTE = "other"
TOKEN_KINDS = ("input", "cached", "cache_write", "output", "reasoning")


@define
class Record:
    """One request, from its headers to its end.

    Attributes:
        id: its `x-request-id`.
        method: the HTTP method; anything unusual is `other`, an answer's own end in the background is
            `background`.
        began: when it came, on the reactor's clock.
        route: the route's template; `other` where none matched.
        status: the HTTP status; 499 when the client left before there was one.
        front: the dialect: chat, responses; empty elsewhere.
        model: as the client named it, cut to a harmless length.
        principal: whose request it was.
        stream: whether the answer was streamed.
        first_event_seconds: from its coming to the model's first event.
        seconds: from its coming to its end.
        usages: what each choice cost.
        ignored: fields that were accepted without effect.
        outcome: `ok`, `client_gone`, or the kind of the fault that ended it.
        note: what that fault adds to its kind for the log (`Fault.note`).
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
        """Give the tokens of all choices, by kind."""
        return {kind: sum(getattr(usage, f"{kind}_tokens") for usage in self.usages) for kind in TOKEN_KINDS}
