"""Tests of the stored budgets."""

import sqlite3
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.key_meter import SpentTokens
from codexd.store.connection import prepare
from codexd.store.key_usage import load_key_usage, save_key_usage


class KeyUsageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.addCleanup(closing(self.connection).__exit__)
        prepare(self.connection)

    def save(self, *spent: tuple[str, str, int]) -> None:
        save_key_usage(self.connection, tuple(SpentTokens(*one) for one in spent))

    def load(self) -> set[tuple[str, str, int]]:
        return {(one.key, one.period, one.tokens) for one in load_key_usage(self.connection)}

    def test_what_is_saved_is_loaded(self) -> None:
        spent = {("alice", "2026-11-30", 5), ("alice", "2026-11", 9), ("bob", "2026-11-30", 1)}
        self.save(*spent)
        self.assertEqual(self.load(), spent)

    def test_a_count_rises_and_never_falls(self) -> None:
        for tokens in (5, 9, 7):
            self.save(("alice", "2026-11", tokens))
        self.assertEqual(self.load(), {("alice", "2026-11", 9)})

    def test_earlier_periods_of_the_key_are_deleted(self) -> None:
        self.save(("alice", "2026-11-30", 5), ("alice", "2026-11", 9), ("bob", "2026-11-30", 1))
        self.save(("alice", "2026-12-01", 2), ("alice", "2026-12", 2))
        self.assertEqual(self.load(), {("alice", "2026-12-01", 2), ("alice", "2026-12", 2), ("bob", "2026-11-30", 1)})
