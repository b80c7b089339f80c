"""Paginated lists of items (OpenAI: `limit`, `order`, `after`; `first_id`, `last_id`, `has_more`)."""

from collections.abc import Mapping, Sequence

from codexd.fronts.json_fields import raise_wrong_value
from codexd.fronts.query import Query
from codexd.fronts.responses import stored
from codexd.neutral.records import frozen
from codexd.neutral.stored import StoredItem
from codexd.wire.json import encode, fragment


@frozen
class PageQuery:
    """The requested page of a list.

    Attributes:
        limit: the maximum number of items.
        newest_first: the order (`desc`).
        after: the id of the item before the first one.
        include: members to show that are hidden by default.
    """

    limit: int = 20
    newest_first: bool = True
    after: str | None = None
    include: tuple[str, ...] = ()


def parse_page_query(values: Mapping[str, list[str]]) -> PageQuery:
    """Parse the query parameters of a list.

    Raises:
        FaultError: `wrong_value`, naming the parameter.
    """
    query = Query(values)
    order = query.choice("order", ("asc", "desc"))
    limit = query.integer("limit", 1, 100)
    return PageQuery(limit or 20, order != "asc", query.text("after"), query.texts("include"))


def render_page(items: Sequence[StoredItem], query: PageQuery) -> bytes:
    """Render one page of a list whose items are passed oldest first.

    Raises:
        FaultError: `wrong_value` for an `after` that is not in the list.
    """
    ordered = items[::-1] if query.newest_first else items
    first = 0 if query.after is None else _index_of(ordered, query.after) + 1
    return render_list(ordered[first : first + query.limit], query.include, first + query.limit < len(ordered))


def render_list(items: Sequence[StoredItem], include: Sequence[str] = (), has_more: bool = False) -> bytes:
    """Render items as a list."""
    return encode(
        {
            "object": "list",
            "data": [fragment(stored.render_item(one, include)) for one in items],
            "first_id": items[0].id if items else None,
            "last_id": items[-1].id if items else None,
            "has_more": has_more,
        }
    )


def _index_of(items: Sequence[StoredItem], id: str) -> int:
    found = next((index for index, item in enumerate(items) if item.id == id), None)
    if found is None:
        raise_wrong_value("after", "no item in the list has this id")
    return found
