from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.parity import FIXTURES
from tests.parity.drift import compare, difference, foreign
from tests.parity.fixtures import Fixture, Meta, Shelf

STREAM = (
    b'HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\ndata: {"id":"1","text":"one"}\n\ndata: [DONE]\n\n'
)
META = Meta("a text", "codex-cli 0.163.0", "0.1.0", "2026-11-20")
STORED = Fixture(META, {"response.1.http": STREAM, "provider.1.json": b"[]\n"})


def now(**pages: bytes | None) -> Fixture:
    changed = {**STORED.pages, **{name.replace("_", "."): data for name, data in pages.items()}}
    return Fixture(META, {name: data for name, data in changed.items() if data is not None})


class CompareTests(SynchronousTestCase):
    def drift(self, fixture: Fixture) -> str:
        (drift,) = compare("chat-text", STORED, fixture)
        return str(drift)

    def test_what_is_the_same_does_not_differ(self) -> None:
        self.assertEqual(compare("chat-text", STORED, now()), ())

    def test_a_drift_names_the_scenario_and_the_page_and_shows_the_member(self) -> None:
        text = self.drift(now(response_1_http=STREAM.replace(b"one", b"two" + b"o" * 200)))
        self.assertIn("== chat-text: response.1.http\n", text)
        self.assertIn("--- fixtures/chat-text: response.1.http\n", text)
        self.assertIn('\n-data: {"id":"1","text":"one"}\n', text)
        self.assertIn('\n+  "text": "twooo', text)

    def test_a_page_that_is_missing_or_too_many_is_a_drift(self) -> None:
        self.assertIn("provider.1.json\nIt is in the fixtures", self.drift(now(provider_1_json=None)))
        text = self.drift(now(provider_2_json=b'{"more":1}\n'))
        self.assertIn("provider.2.json\nIt is not in the fixtures", text)
        self.assertIn('+{"more":1}', text)

    def test_what_unfolding_levels_out_is_a_drift_that_can_be_seen(self) -> None:
        for before, after in (
            (b'"text":"one"', b'"text": "one"'),
            (b"\n\n", b"\r\n\r\n"),
            (b"one", b"\\u006fne"),
        ):
            lines = self.drift(now(response_1_http=STREAM.replace(before, after))).splitlines()
            self.assertTrue(any(line.startswith("+") and not line.startswith("+++") for line in lines), lines)

    def test_the_version_of_codexd_and_the_day_may_differ(self) -> None:
        later = evolve(META, codexd="0.2.0", captured="2027-01-01")
        self.assertEqual(compare("chat-text", STORED, Fixture(later, STORED.pages)), ())

    def test_another_format_or_meaning_is_a_drift(self) -> None:
        for other in (evolve(META, format=2), evolve(META, about="something else")):
            self.assertIn("== chat-text: meta.json\n-", self.drift(Fixture(other, STORED.pages)))

    @given(st.binary(), st.binary())
    def test_pages_that_are_not_equal_never_have_an_empty_difference(
        self, before: bytes, after: bytes
    ) -> None:
        self.assertEqual(bool(difference("x/y", before, after)), before != after)

    @given(st.data())
    def test_a_character_changed_in_a_committed_page_is_a_drift(self, data: st.DataObject) -> None:
        shelf = Shelf(FIXTURES)
        name = data.draw(st.sampled_from(sorted(shelf.names())))
        fixture = shelf.load(name)
        assert fixture is not None
        page = data.draw(
            st.sampled_from(sorted(page for page in fixture.pages if page.startswith("response")))
        )
        before = fixture.pages[page]
        at = data.draw(st.integers(0, len(before) - 1))
        after = before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :]
        stored, changed = (Fixture(META, {page: content}) for content in (before, after))
        (drift,) = compare(name, stored, changed)
        self.assertIn(f"\n+++ now/{name}: {page}", drift.text)


class ForeignTests(SynchronousTestCase):
    def test_the_same_codex_is_none(self) -> None:
        self.assertEqual(foreign([(META.codex, META.codex), (None, None)]), ())

    def test_another_codex_is_said_once_however_many_fixtures_there_are(self) -> None:
        answered = [(META.codex, "codex-cli 0.169.0"), (META.codex, "codex-cli 0.169.0"), (None, None)]
        (drift,) = foreign(answered)
        self.assertIn(
            "2 of 3 fixtures were captured with codex-cli 0.163.0; this is codex-cli 0.169.0.", drift.text
        )
