from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.transcripts.difference import diff
from tests.parity import FIXTURES
from tests.parity.difference import compare_fixtures, compare_versions
from tests.parity.fixtures import Fixture, FixtureDirectory, FixtureMetadata

STREAM = b'HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\ndata: {"id":"1","text":"one"}\n\ndata: [DONE]\n\n'
METADATA = FixtureMetadata(about="a text", codex="codex-cli 0.163.0", codexd="0.1.0", captured="2026-11-20")
STORED = Fixture(METADATA, {"response.1.http": STREAM, "provider.1.json": b"[]\n"})


def now(**sections: bytes | None) -> Fixture:
    changed = {**STORED.sections, **{name.replace("_", "."): data for name, data in sections.items()}}
    return Fixture(METADATA, {name: data for name, data in changed.items() if data is not None})


class CompareTests(SynchronousTestCase):
    def difference(self, fixture: Fixture) -> str:
        (difference,) = compare_fixtures("chat-text", STORED, fixture)
        return str(difference)

    def test_equal_fixtures_have_no_differences(self) -> None:
        self.assertEqual(compare_fixtures("chat-text", STORED, now()), ())

    def test_a_difference_shows_the_scenario_the_section_and_the_member(self) -> None:
        text = self.difference(now(response_1_http=STREAM.replace(b"one", b"two" + b"o" * 200)))
        self.assertIn("== chat-text: response.1.http\n", text)
        self.assertIn("--- fixtures/chat-text: response.1.http\n", text)
        self.assertIn('\n-data: {"id":"1","text":"one"}\n', text)
        self.assertIn('\n+  "text": "twooo', text)

    def test_a_missing_or_additional_section_is_a_difference(self) -> None:
        self.assertIn("provider.1.json\nThis section is in the fixture", self.difference(now(provider_1_json=None)))
        text = self.difference(now(provider_2_json=b'{"more":1}\n'))
        self.assertIn("provider.2.json\nThis section is not in the fixture", text)
        self.assertIn('+{"more":1}', text)

    def test_differences_that_unfolding_hides_are_shown_as_bytes(self) -> None:
        for before, after in (
            (b'"text":"one"', b'"text": "one"'),
            (b"\n\n", b"\r\n\r\n"),
            (b"one", b"\\u006fne"),
        ):
            lines = self.difference(now(response_1_http=STREAM.replace(before, after))).splitlines()
            self.assertTrue(any(line.startswith("+") and not line.startswith("+++") for line in lines), lines)

    def test_the_version_of_codexd_and_the_day_are_not_compared(self) -> None:
        later = evolve(METADATA, codexd="0.2.0", captured="2027-01-01")
        self.assertEqual(compare_fixtures("chat-text", STORED, Fixture(later, STORED.sections)), ())

    def test_another_format_or_description_is_a_difference(self) -> None:
        for other in (evolve(METADATA, format=2), evolve(METADATA, about="something else")):
            self.assertIn("== chat-text: meta.json\n-", self.difference(Fixture(other, STORED.sections)))

    @given(st.binary(), st.binary())
    def test_the_diff_of_unequal_sections_is_never_empty(self, before: bytes, after: bytes) -> None:
        self.assertEqual(bool(diff("a", "b", before, after)), before != after)

    @given(st.data())
    def test_a_changed_character_in_a_committed_fixture_is_a_difference(self, data: st.DataObject) -> None:
        fixtures = FixtureDirectory(FIXTURES)
        id = data.draw(st.sampled_from(sorted(fixtures.ids())))
        fixture = fixtures.load(id)
        assert fixture is not None
        section = data.draw(
            st.sampled_from(sorted(section for section in fixture.sections if section.startswith("response")))
        )
        before = fixture.sections[section]
        at = data.draw(st.integers(0, len(before) - 1))
        after = before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :]
        stored, changed = (Fixture(METADATA, {section: content}) for content in (before, after))
        (difference,) = compare_fixtures(id, stored, changed)
        self.assertIn(f"\n+++ now/{id}: {section}", difference.text)


class VersionTests(SynchronousTestCase):
    def test_the_same_codex_is_no_difference(self) -> None:
        self.assertEqual(compare_versions([(METADATA.codex, METADATA.codex), (None, None)]), ())

    def test_another_codex_is_reported_once_for_all_fixtures(self) -> None:
        versions = [
            (METADATA.codex, "codex-cli 0.169.0"),
            (METADATA.codex, "codex-cli 0.169.0"),
            (None, None),
        ]
        (difference,) = compare_versions(versions)
        self.assertIn(
            "2 of 3 fixtures were captured with codex-cli 0.163.0; this is codex-cli 0.169.0.",
            difference.text,
        )
