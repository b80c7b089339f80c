"""Tests of the names and the policies of API keys."""

from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.auth import ANONYMOUS
from codexd.policy.key_policy import OPEN_POLICY, RESERVED_NAMES, UNNAMED_POLICY, is_valid_name


class NameTests(SynchronousTestCase):
    def test_short_printable_names_are_valid(self) -> None:
        for name in ("alice", "Team-3", "a", "ci.nightly_2", "0123456789ab0", "0123456789AB", "x" * 64):
            self.assertTrue(is_valid_name(name), name)

    def test_names_that_break_a_log_a_label_or_a_path_are_not(self) -> None:
        for name in ("", " a", "a b", "a\n", "a/b", "-a", ".", "ä", 'a"', "x" * 65):
            self.assertFalse(is_valid_name(name), name)

    def test_a_name_cannot_be_the_id_of_another_principal(self) -> None:
        for name in (*RESERVED_NAMES, ANONYMOUS.id, sha256(b"key").hexdigest()[:12]):
            self.assertFalse(is_valid_name(name), name)


class DefaultTests(SynchronousTestCase):
    def test_agents_are_closed_where_keys_are_configured(self) -> None:
        self.assertEqual((OPEN_POLICY.agent, UNNAMED_POLICY.agent), (True, False))
