"""HTML documents, built from elements whose texts and attributes are always escaped."""

from collections.abc import Iterable
from typing import Final, TypeAlias

from twisted.python.failure import Failure
from twisted.web.template import Tag, flattenString

from codexd.neutral.records import frozen

Content: TypeAlias = "Tag | str | int | Iterable[Content] | None"
"""What an element may contain; None is nothing."""

Attribute = str | int | float | bool | None
"""The value of an attribute; True is an attribute without a value, False and None are no attribute."""

STYLE_PATH: Final = "/status/style.css"
SCRIPT_PATH: Final = "/status/script.js"
_DOCTYPE: Final = b"<!DOCTYPE html>\n"


def element(kind: str, /, *content: Content, **attributes: Attribute) -> Tag:
    """Build an element.

    Args:
        kind: of the element, its HTML name.
        content: its texts and elements.
        attributes: by name; `aria_label` is `aria-label`, `class_` is `class`.
    """
    built = Tag(kind)
    for key, value in attributes.items():
        if value is not None and value is not False:
            text = key if value is True else _printable(str(value))
            built.attributes[key.rstrip("_").replace("_", "-")] = text
    return built(*_clean(content))


def _clean(content: Iterable[Content]) -> Iterable[Tag | str]:
    for one in content:
        if isinstance(one, str | int):
            yield _printable(str(one))
        elif isinstance(one, Tag):
            yield one
        elif one is not None:
            yield from _clean(one)


def _printable(text: str) -> str:
    """Replace what HTML cannot contain: lone surrogates and NUL."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


@frozen(kw_only=True)
class Layout:
    """What surrounds the content of a page.

    Attributes:
        title: of the page, its only heading of the first level.
        current: the path of the page, for the navigation.
        signed_in: as whom, if the browser is signed in; empty if it needs no sign-in, or has none yet.
        form_token: of the forms.
        navigation: shows the links to the other pages.
        script: loads the script.
        refresh_seconds: the browser loads the page again after this time; 0 for never.
    """

    title: str
    current: str
    signed_in: str = ""
    form_token: str = ""
    navigation: bool = True
    script: bool = False
    refresh_seconds: int = 0


_PAGES: Final = (("/", "Status"), ("/status/playground", "Playground"))


def document(layout: Layout, *content: Content) -> bytes:
    """Render a page."""
    page = element(
        "html",
        _head(layout),
        element(
            "body",
            element("a", "Skip to the content", class_="skip", href="#main"),
            _banner(layout),
            element("main", element("h1", layout.title), *content, id="main", tabindex="-1"),
        ),
        lang="en",
    )
    return _DOCTYPE + render(page)


def render(root: Tag) -> bytes:
    """Render an element; it contains nothing that has to be waited for."""
    done: list[bytes | Failure] = []
    flattenString(None, root).addBoth(done.append)
    (result,) = done
    if isinstance(result, Failure):
        result.raiseException()
    assert isinstance(result, bytes)
    return result


def form_token_field(token: str) -> Tag:
    """Return the hidden field by which a form shows that it comes from this server's page."""
    return element("input", type="hidden", name="token", value=token)


def _head(layout: Layout) -> Tag:
    refresh = element("meta", http_equiv="refresh", content=layout.refresh_seconds) if layout.refresh_seconds else None
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        refresh,
        element("title", f"{layout.title} - codexd"),
        element("link", rel="icon", href="data:,"),
        element("link", rel="stylesheet", href=STYLE_PATH),
        element("script", src=SCRIPT_PATH, defer=True) if layout.script else None,
    )


def _banner(layout: Layout) -> Tag:
    links = [
        element("li", element("a", name, href=path, aria_current="page" if path == layout.current else None))
        for path, name in _PAGES
    ]
    return element(
        "header",
        element("span", "codexd", class_="brand"),
        element("nav", element("ul", *links), aria_label="Pages") if layout.navigation else None,
        _sign_out_form(layout) if layout.signed_in else None,
    )


def _sign_out_form(layout: Layout) -> Tag:
    return element(
        "form",
        form_token_field(layout.form_token),
        element("span", "Signed in as ", element("strong", layout.signed_in)),
        element("button", "Sign out", class_="quiet"),
        method="post",
        action="/status/sign-out",
        class_="sign-out",
    )


def section(heading: str, id: str, *content: Content, hidden: bool = False) -> Tag:
    """Build a section with its heading."""
    return element("section", element("h2", heading, id=id), *content, aria_labelledby=id, hidden=hidden)


def table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[Content]], numeric: Iterable[int] = ()) -> Tag:
    """Build a table whose first column names the rows.

    Args:
        caption: read by screen readers.
        heads: of the columns.
        rows: the cells of each row.
        numeric: the columns with numbers, which are aligned at the right.
    """
    right = frozenset(numeric)
    head = [element("th", text, scope="col", class_=_align(at, right)) for at, text in enumerate(heads)]
    body = [element("tr", [_cell(at, cell, right) for at, cell in enumerate(row)]) for row in rows]
    return element(
        "div",
        element(
            "table",
            element("caption", caption, class_="unseen"),
            element("thead", element("tr", head)),
            element("tbody", body),
        ),
        class_="wide",
        role="region",
        aria_label=f"{caption}: table",
        tabindex="0",
    )


def _cell(at: int, content: Content, right: frozenset[int]) -> Tag:
    if at == 0:
        return element("th", content, scope="row")
    return element("td", content, class_=_align(at, right))


def _align(at: int, right: frozenset[int]) -> str | None:
    return "number" if at in right else None


def notice(text: str, kind: str = "error") -> Tag:
    """Build a message about what the last form did; `kind` is `error` or `done`."""
    return element("p", text, class_=f"notice {kind}", role="alert" if kind == "error" else "status")
