"""The query of `GET /v1/responses/{id}`."""

from collections.abc import Mapping

from codexd.fronts.query import Query
from codexd.neutral.records import frozen


@frozen
class RetrievalOptions:
    """How a stored response is requested.

    Attributes:
        include: members to show that are hidden by default.
        stream: replay its stream.
        starting_after: the last `sequence_number` the client has; -1 is none.
    """

    include: tuple[str, ...] = ()
    stream: bool = False
    starting_after: int = -1


def parse_retrieval_options(values: Mapping[str, list[str]]) -> RetrievalOptions:
    """Parse the query.

    Raises:
        FaultError: `wrong_value`, naming the parameter.
    """
    query = Query(values)
    after = query.integer("starting_after", 0, 2**53)
    return RetrievalOptions(query.texts("include"), query.flag("stream"), -1 if after is None else after)
