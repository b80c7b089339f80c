"""How a kept answer is asked for: the query of `GET /v1/responses/{id}`."""

from collections.abc import Mapping

from attrs import frozen

from codexd.fronts.query import Query


@frozen
class Retrieval:
    """How a kept answer is asked for.

    Attributes:
        include: what is shown that otherwise is not.
        stream: as the stream it was.
        starting_after: the last `sequence_number` the client has; -1 is none.
    """

    include: tuple[str, ...] = ()
    stream: bool = False
    starting_after: int = -1


def retrieval(values: Mapping[str, list[str]]) -> Retrieval:
    """Read a query.

    Raises:
        Refused: `wrong_value`, naming the parameter.
    """
    query = Query(values)
    after = query.integer("starting_after", 0, 2**53)
    return Retrieval(query.texts("include"), query.flag("stream"), -1 if after is None else after)
