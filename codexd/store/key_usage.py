"""Reads and writes the tokens that API keys have spent in the current day and month."""

import sqlite3
from typing import Final

from codexd.policy.key_meter import SpentTokens

_LOAD: Final = "SELECT key, period, tokens FROM key_usage"
# A count never falls within a period, whatever is written late or twice.
_SAVE: Final = """
INSERT INTO key_usage (key, period, tokens) VALUES (?, ?, ?)
ON CONFLICT (key, period) DO UPDATE SET tokens = max(tokens, excluded.tokens)
"""
_DELETE_OLD: Final = "DELETE FROM key_usage WHERE key = ? AND length(period) = ? AND period < ?"


def load_key_usage(connection: sqlite3.Connection) -> tuple[SpentTokens, ...]:
    """Return what all keys have spent in their last periods."""
    return tuple(SpentTokens(*row) for row in connection.execute(_LOAD))


def save_key_usage(connection: sqlite3.Connection, spent: tuple[SpentTokens, ...]) -> None:
    """Save what keys have spent, and delete what they spent in earlier periods."""
    connection.executemany(_SAVE, ((one.key, one.period, one.tokens) for one in spent))
    connection.executemany(_DELETE_OLD, ((one.key, len(one.period), one.period) for one in spent))
