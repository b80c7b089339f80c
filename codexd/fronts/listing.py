"""Lists of items, a page at a time (OpenAI: `limit`, `order`, `after`; `first_id`, `last_id`, `has_more`)."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from codexd.fronts.query import Query
from codexd.fronts.reading import wrong_value
from codexd.fronts.responses import kept
from codexd.neutral.kept import KeptItem
from codexd.wire.json import encode, fragment


@frozen
class Window:
    """Which part of a list is asked for.

    Attributes:
        limit: how many items at most.
        newest_first: the order (`desc`).
        after: the item before the first one.
        include: what is shown that otherwise is not.
    """

    limit: int = 20
    newest_first: bool = True
    after: str | None = None
    include: tuple[str, ...] = ()


def window(values: Mapping[str, list[str]]) -> Window:
    """Read which part of a list is asked for.

    Raises:
        Refused: `wrong_value`, naming the parameter.
    """
    query = Query(values)
    order = query.choice("order", ("asc", "desc"))
    limit = query.integer("limit", 1, 100)
    return Window(limit or 20, order != "asc", query.text("after"), query.texts("include"))


def page(items: Sequence[KeptItem], asked: Window) -> bytes:
    """Write one page of a list that is given oldest first.

    Raises:
        Refused: `wrong_value` for an `after` that is not in the list.
    """
    ordered = items[::-1] if asked.newest_first else items
    first = 0 if asked.after is None else _place(ordered, asked.after) + 1
    return listed(ordered[first : first + asked.limit], asked.include, first + asked.limit < len(ordered))


def listed(items: Sequence[KeptItem], include: Sequence[str] = (), has_more: bool = False) -> bytes:
    """Write items as a list."""
    return encode(
        {
            "object": "list",
            "data": [fragment(kept.item(one, include)) for one in items],
            "first_id": items[0].id if items else None,
            "last_id": items[-1].id if items else None,
            "has_more": has_more,
        }
    )


def _place(items: Sequence[KeptItem], id: str) -> int:
    found = next((index for index, item in enumerate(items) if item.id == id), None)
    if found is None:
        wrong_value("after", "no item of this id is in the list")
    return found
