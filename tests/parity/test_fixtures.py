from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.transcripts import archive
from tests.parity import FIXTURES
from tests.parity.fixtures import Fixture, FixtureDirectory, FixtureFormatError, FixtureMetadata

METADATA = FixtureMetadata(about="a text", codex="codex-cli 0.163.0", codexd="0.1.0", captured="2026-11-20")
FIXTURE = Fixture(METADATA, {"response.1.http": b"HTTP/1.1 200 OK\n\n\xff\r\n", "provider.1.json": b"[]\n"})


class FixtureDirectoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.fixtures = FixtureDirectory(self.root)

    def test_a_saved_fixture_is_loaded_unchanged(self) -> None:
        self.fixtures.save("codex/chat/text", FIXTURE)
        self.assertEqual(self.fixtures.load("codex/chat/text"), FIXTURE)
        self.assertEqual(self.fixtures.ids(), {"codex/chat/text"})

    def test_saving_replaces_the_old_fixture(self) -> None:
        self.fixtures.save("codex/chat/text", FIXTURE)
        fewer = Fixture(METADATA, {"response.1.http": b""})
        self.fixtures.save("codex/chat/text", fewer)
        self.assertEqual(self.fixtures.load("codex/chat/text"), fewer)

    def test_a_missing_fixture_is_none(self) -> None:
        self.assertEqual(self.fixtures.ids(), set())
        self.assertIsNone(self.fixtures.load("codex/chat/text"))

    def test_a_file_that_is_not_a_fixture_is_rejected(self) -> None:
        self.fixtures.save("codex/chat/text", FIXTURE)
        path = self.fixtures.path("codex/chat/text")
        for malformed in (b"", b"[]", b'{"about": "a text"}', b'{"more": 1}'):
            path.write_bytes(archive.encode({"meta.json": malformed, **FIXTURE.sections}))
            self.assertRaises(FixtureFormatError, self.fixtures.load, "codex/chat/text")
        for malformed in (b"", b"{}\n", archive.encode(FIXTURE.sections)):
            path.write_bytes(malformed)
            self.assertRaises(FixtureFormatError, self.fixtures.load, "codex/chat/text")

    def test_only_fixtures_are_removed(self) -> None:
        self.fixtures.save("codex/chat/text", FIXTURE)
        other = self.root / "codex" / "chat" / "notes.txt"
        other.write_text("precious")
        self.assertTrue(self.fixtures.remove("codex/chat/text"))
        self.assertFalse(self.fixtures.remove("codex/chat/text"))
        self.assertFalse(self.fixtures.remove("codex/chat/notes"))
        self.assertEqual(self.fixtures.ids(), {"codex/chat/notes"})
        self.assertTrue(other.exists())


class CommittedTests(SynchronousTestCase):
    def test_no_two_fixtures_hold_the_same_exchanges(self) -> None:
        fixtures = FixtureDirectory(FIXTURES)
        first: dict[tuple[tuple[str, bytes], ...], str] = {}
        for name in sorted(fixtures.ids()):
            fixture = fixtures.load(name)
            assert fixture is not None
            self.assertEqual(first.setdefault(tuple(fixture.sections.items()), name), name)
