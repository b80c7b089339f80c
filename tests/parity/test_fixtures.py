from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.parity import FIXTURES, archive
from tests.parity.fixtures import Fixture, Meta, Shelf, Unreadable

META = Meta("a text", "codex-cli 0.163.0", "0.1.0", "2026-11-20")
FIXTURE = Fixture(META, {"response.1.http": b"HTTP/1.1 200 OK\n\n\xff\r\n", "provider.1.json": b"[]\n"})


class ShelfTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.shelf = Shelf(self.directory)

    def test_what_is_saved_is_loaded_byte_for_byte(self) -> None:
        self.shelf.save("codex/chat/text", FIXTURE)
        self.assertEqual(self.shelf.load("codex/chat/text"), FIXTURE)
        self.assertEqual(self.shelf.names(), {"codex/chat/text"})

    def test_what_was_there_is_gone_after_saving(self) -> None:
        self.shelf.save("codex/chat/text", FIXTURE)
        fewer = Fixture(META, {"response.1.http": b""})
        self.shelf.save("codex/chat/text", fewer)
        self.assertEqual(self.shelf.load("codex/chat/text"), fewer)

    def test_what_is_not_there_is_none(self) -> None:
        self.assertEqual(self.shelf.names(), set())
        self.assertIsNone(self.shelf.load("codex/chat/text"))

    def test_a_fixture_without_a_readable_meta_is_refused(self) -> None:
        self.shelf.save("codex/chat/text", FIXTURE)
        path = self.shelf.path("codex/chat/text")
        for spoilt in (b"", b"[]", b'{"about": "a text"}', b'{"more": 1}'):
            path.write_bytes(archive.encode({"meta.json": spoilt, **FIXTURE.pages}))
            self.assertRaises(Unreadable, self.shelf.load, "codex/chat/text")
        for spoilt in (b"", b"{}\n", archive.encode(FIXTURE.pages)):
            path.write_bytes(spoilt)
            self.assertRaises(Unreadable, self.shelf.load, "codex/chat/text")

    def test_only_a_fixture_is_taken_away(self) -> None:
        self.shelf.save("codex/chat/text", FIXTURE)
        other = self.directory / "codex" / "chat" / "notes.txt"
        other.write_text("precious")
        self.assertTrue(self.shelf.remove("codex/chat/text"))
        self.assertFalse(self.shelf.remove("codex/chat/text"))
        self.assertFalse(self.shelf.remove("codex/chat/notes"))
        self.assertEqual(self.shelf.names(), {"codex/chat/notes"})
        self.assertTrue(other.exists())


class CommittedTests(SynchronousTestCase):
    def test_no_two_fixtures_hold_the_same_exchanges(self) -> None:
        shelf = Shelf(FIXTURES)
        first: dict[tuple[tuple[str, bytes], ...], str] = {}
        for name in sorted(shelf.names()):
            fixture = shelf.load(name)
            assert fixture is not None
            self.assertEqual(first.setdefault(tuple(fixture.pages.items()), name), name)
