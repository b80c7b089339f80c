import os
import sqlite3
from contextlib import closing
from pathlib import Path
from stat import S_IMODE

from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import Misconfigured
from codexd.neutral.kept import KeptItem, Wanted
from codexd.settings import Responses
from codexd.store import answers, history, keeping
from codexd.store.file import Claim, located
from codexd.store.schema import SCRIPTS
from tests.support.tables import answer, opened


class LocatedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = Path(self.mktemp()).absolute()

    def test_it_is_in_the_state_directory_which_is_made_for_its_user_alone(self) -> None:
        self.assertEqual(located(Responses(), self.state), str(self.state / "responses.sqlite3"))
        self.assertEqual(S_IMODE(self.state.stat().st_mode), 0o700)

    def test_memory_is_no_file(self) -> None:
        self.assertEqual(located(Responses(store=":memory:"), self.state), ":memory:")
        self.assertFalse(self.state.exists())

    def test_two_names_of_one_file_are_one(self) -> None:
        self.state.mkdir()
        (self.state / "link").symlink_to(self.state / "real.db")
        found = located(Responses(store=str(self.state / "link")), self.state)
        self.assertEqual(found, str(self.state / "real.db"))

    def test_a_chosen_directory_must_be_there(self) -> None:
        chosen = Responses(store=str(self.state / "kept.db"))
        with self.assertRaisesRegex(Misconfigured, r"responses\.store: .* is not a directory"):
            located(chosen, self.state)

    def test_a_state_directory_that_cannot_be_made_is_named(self) -> None:
        self.state.write_text("a file")
        with self.assertRaisesRegex(Misconfigured, r"responses\.store: .* cannot be made"):
            located(Responses(), self.state)


class ClaimTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        self.path = str(directory / "kept.sqlite3")

    def claimed(self) -> Claim:
        claim = Claim.of(self.path)
        self.addCleanup(claim.release)
        return claim

    def refused(self, why: str) -> None:
        with self.assertRaisesRegex(Misconfigured, rf"^responses\.store: {self.path}.* {why}"):
            Claim.of(self.path)

    def modes(self) -> dict[str, int]:
        beside = Path(self.path).parent.iterdir()
        return {path.name.removeprefix("kept.sqlite3"): S_IMODE(path.stat().st_mode) for path in beside}

    # Whose it is

    def test_a_second_daemon_is_turned_away(self) -> None:
        self.claimed()
        self.refused("is in use by another codexd")

    def test_who_comes_after_the_first_has_left_is_let_in(self) -> None:
        claim = self.claimed()
        claim.release()
        claim.release()
        self.claimed()

    def test_memory_is_always_free(self) -> None:
        for claim in (Claim.of(":memory:"), Claim.of(":memory:")):
            claim.release()
        self.assertFalse(os.path.exists(":memory:.lock"))

    def test_whoever_was_turned_away_holds_nothing(self) -> None:
        Path(self.path).write_bytes(b"no database" * 1000)
        self.refused("cannot be used")
        os.unlink(self.path)
        self.claimed()

    # Who may read it

    def test_it_is_for_its_user_alone(self) -> None:
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.claimed()
        with closing(opened(self.path)) as connection:
            keeping.keep(connection, answer("a"), b"", 1.0)
            self.assertEqual(self.modes(), {"": 0o600, "-wal": 0o600, "-shm": 0o600, ".lock": 0o600})

    def test_one_that_was_open_to_others_is_closed_to_them(self) -> None:
        with closing(opened(self.path)) as connection:
            keeping.keep(connection, answer("a"), b"", 1.0)
            for beside in ("", "-wal", "-shm"):
                os.chmod(self.path + beside, 0o644)
            self.claimed()
            self.assertEqual(set(self.modes().values()), {0o600})

    # What it is

    def test_what_is_no_database_stops_the_start(self) -> None:
        Path(self.path).write_bytes(b"no database" * 1000)
        self.refused("cannot be used: file is not a database")

    def test_a_torn_file_stops_the_start(self) -> None:
        with closing(opened(self.path)):
            pass
        with open(self.path, "r+b") as file:
            file.seek(100)
            file.write(b"\xff" * 200)
        self.refused("cannot be used: database disk image is malformed")

    def test_another_programs_database_stops_the_start_and_is_left_as_it_was(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        before = Path(self.path).read_bytes()
        self.refused("is a database of another program")
        self.assertEqual(Path(self.path).read_bytes(), before)

    def test_a_newer_codexds_file_stops_the_start(self) -> None:
        with closing(opened(self.path)) as connection:
            connection.execute(f"PRAGMA user_version = {len(SCRIPTS) + 1}")
        self.refused("was written by a newer codexd")

    def test_what_cannot_be_written_stops_the_start(self) -> None:
        os.mkdir(self.path)
        self.refused("cannot be written: Is a directory")
        self.path = self.path + "/none/kept.sqlite3"
        self.refused("cannot be written: No such file or directory")

    # What comes of it

    def test_a_copy_that_sqlite_makes_while_it_is_written_is_whole(self) -> None:
        copied = f"{self.path}.copy"
        with closing(opened(self.path)) as connection:
            keeping.keep(connection, answer("a"), b"stream", 1.0)
            with closing(sqlite3.connect(self.path)) as reader, closing(sqlite3.connect(copied)) as copy:
                reader.backup(copy)
            keeping.keep(connection, answer("b"), b"", 1.0)
        self.path = copied
        self.claimed()
        with closing(opened(self.path)) as connection:
            self.assertEqual(answers.response(connection, "me", "a"), answer("a"))
            self.assertEqual(answers.frames(connection, "me", "a"), b"stream")

    def test_what_was_deleted_is_not_in_it_any_more(self) -> None:
        secret = KeptItem("said", b"SECRET" * 5000)
        with closing(opened(self.path)) as connection:
            keeping.keep(connection, answer("a", input=(secret,), body=b"SECRET"), b"", 1.0)
            keeping.keep(connection, answer("b"), b"", 1.0)
            answers.delete(connection, "me", "a")
        found = Path(self.path).read_bytes()
        self.assertNotIn(b"SECRET", found)
        self.assertIn(b"out_b", found)

    def test_what_was_only_lent_when_the_last_daemon_died_is_removed(self) -> None:
        with closing(opened(self.path)) as connection:
            for kept in (answer("a"), answer("b", "a"), answer("c", "b")):
                keeping.keep(connection, kept, b"", 1.0)
            history.recall(connection, Wanted("me", "c"), until=1e12)
            for id in ("a", "b", "c"):
                answers.delete(connection, "me", id)
            left = connection.execute("SELECT count(*) FROM item").fetchone()
        self.assertEqual(left, (6,))
        self.claimed()
        with closing(opened(self.path)) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM item").fetchone(), (0,))
