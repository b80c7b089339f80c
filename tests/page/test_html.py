from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.error import FlattenerError

from codexd.page.html import Layout, document, element, notice, render, table

EVIL = st.one_of(
    st.text(),
    st.sampled_from(
        (
            "</td><script>alert(1)</script>",
            '" onload="alert(1)',
            "'><img src=x onerror=alert(1)>",
            "<!--",
            "]]>",
            "\ud800",
            "\0",
        )
    ),
)


class Names(HTMLParser):
    """Collects the names of elements and attributes, and the texts."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parse(html: bytes) -> Names:
    names = Names()
    names.feed(html.decode())
    names.close()
    return names


class EscapingTests(SynchronousTestCase):
    @given(EVIL, EVIL)
    def test_no_text_and_no_attribute_becomes_an_element(self, text: str, attribute: str) -> None:
        found = parse(render(element("p", text, [text], title=attribute)))
        self.assertEqual(found.elements, ["p"])
        self.assertEqual([name for name, _ in found.attributes], ["title"])
        shown = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
        # The parser of browsers, and not this one, makes one newline of others.
        self.assertEqual("".join(found.texts), shown * 2)

    @given(EVIL)
    def test_no_text_changes_the_structure_of_a_page(self, text: str) -> None:
        def build(content: str) -> list[str]:
            layout = Layout(title=content, current="/", signed_in=content or "x", form_token=content)
            return parse(document(layout, notice(content), table(content, [content], [[content]]))).elements

        self.assertEqual(build(text), build("harmless"))


class ElementTests(SynchronousTestCase):
    def test_attributes_that_are_none_or_false_are_left_out(self) -> None:
        built = element("input", required=True, checked=False, value=None, class_="one", aria_label="two")
        self.assertEqual(render(built), b'<input required="required" class="one" aria-label="two" />')

    def test_contents_may_be_nested_and_missing(self) -> None:
        self.assertEqual(render(element("p", "a", None, [1, [element("b", "c")]])), b"<p>a1<b>c</b></p>")

    def test_what_cannot_be_rendered_is_an_exception(self) -> None:
        broken = element("p")
        broken(object())  # type: ignore[arg-type]
        self.assertRaises(FlattenerError, render, broken)


class LayoutTests(SynchronousTestCase):
    def test_a_page_has_one_heading_landmarks_and_a_link_to_its_content(self) -> None:
        page = document(Layout(title="Title", current="/"), element("p", "text"))
        self.assertTrue(page.startswith(b'<!DOCTYPE html>\n<html lang="en">'))
        found = parse(page)
        for name in ("h1", "main", "header", "nav"):
            self.assertEqual(found.elements.count(name), 1, name)
        self.assertIn(("href", "#main"), found.attributes)
        self.assertIn(("aria-current", "page"), found.attributes)
        self.assertNotIn("script", found.elements)
        self.assertNotIn("style", [name for name, _ in found.attributes])

    def test_the_browser_loads_a_page_again_only_if_it_is_asked_to(self) -> None:
        self.assertIn(b'http-equiv="refresh"', document(Layout(title="", current="/", refresh_seconds=5)))
        self.assertNotIn(b"http-equiv", document(Layout(title="", current="/")))
