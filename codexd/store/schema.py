"""The schema of a store file and its migrations.

`PRAGMA user_version` is the number of scripts that have run on a file. A script is never changed: a change of
the schema is a further script.
"""

import sqlite3
from typing import Final

from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError

from codexd.wire.sse import SseDecoder
from codexd.wire.stored_stream import encode_events

APPLICATION_ID: Final = 0x63647864
"""The `PRAGMA application_id` of store files: `cdxd`."""

_FIRST: Final = """
-- `gone` is 0, or the row's own number after its deletion: only responses that continue it then refer to it.
CREATE TABLE conversation (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    touched REAL NOT NULL,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX conversation_name ON conversation (owner, id, gone);
CREATE INDEX conversation_age ON conversation (touched) WHERE gone = 0;

-- `previous` and `conversation` are the ids of the request; `parent` and `room` are the rows they meant.
CREATE TABLE response (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    standing TEXT NOT NULL,
    background INTEGER NOT NULL,
    previous TEXT,
    conversation TEXT,
    parent INTEGER REFERENCES response (number),
    room INTEGER REFERENCES conversation (number),
    seen INTEGER,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX response_name ON response (owner, id, gone);
CREATE INDEX response_parent ON response (parent) WHERE parent IS NOT NULL;
CREATE INDEX response_room ON response (room) WHERE room IS NOT NULL;
CREATE INDEX response_age ON response (created) WHERE gone = 0 AND standing = 'over';
CREATE INDEX response_unfinished ON response (number) WHERE gone = 0 AND standing <> 'over';

-- An item of a response or of a conversation. A number is never used twice: `response.seen` is the
-- number of the last item that was in the conversation.
CREATE TABLE item (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    response INTEGER REFERENCES response (number) ON DELETE CASCADE,
    conversation INTEGER REFERENCES conversation (number) ON DELETE CASCADE,
    output INTEGER NOT NULL DEFAULT 0,
    body BLOB NOT NULL
);
CREATE INDEX item_name ON item (owner, id);
CREATE INDEX item_response ON item (response) WHERE response IS NOT NULL;
CREATE INDEX item_conversation ON item (conversation) WHERE conversation IS NOT NULL;
CREATE UNIQUE INDEX item_entry ON item (conversation, id) WHERE conversation IS NOT NULL;

-- The stream of a background response, compressed with Zstandard (RFC 8878).
CREATE TABLE frames (
    response INTEGER PRIMARY KEY REFERENCES response (number) ON DELETE CASCADE,
    body BLOB NOT NULL
);
"""

# Only names change. `deleted` was `gone`, `conversation_number` `room`, `conversation_position` `seen`.
_PLAIN_NAMES: Final = """
ALTER TABLE conversation RENAME COLUMN gone TO deleted;
ALTER TABLE conversation RENAME COLUMN touched TO last_used;
ALTER TABLE response RENAME COLUMN gone TO deleted;
ALTER TABLE response RENAME COLUMN standing TO state;
ALTER TABLE response RENAME COLUMN room TO conversation_number;
ALTER TABLE response RENAME COLUMN seen TO conversation_position;
DROP INDEX response_room;
CREATE INDEX response_conversation ON response (conversation_number) WHERE conversation_number IS NOT NULL;
ALTER TABLE frames RENAME TO stream;
"""

# Streams were stored as SSE text.
_EVENTS: Final = "UPDATE stream SET body = sse_to_events(body);"

# `bytes` is the size of a row with its items and its stream; the items of a deleted response count until they are
# removed. The triggers keep the sums of each owner.
_OWNERS: Final = """
ALTER TABLE response ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE response SET bytes = length(body)
    + (SELECT coalesce(sum(length(item.body)), 0) FROM item WHERE item.response = response.number)
    + (SELECT coalesce(sum(length(stream.body)), 0) FROM stream WHERE stream.response = response.number);
UPDATE conversation SET bytes = length(body)
    + (SELECT coalesce(sum(length(item.body)), 0) FROM item WHERE item.conversation = conversation.number);
CREATE INDEX response_owner_age ON response (owner, created) WHERE deleted = 0 AND state = 'over';
CREATE INDEX conversation_owner_age ON conversation (owner, last_used) WHERE deleted = 0;

CREATE TABLE owner (
    name TEXT PRIMARY KEY,
    responses INTEGER NOT NULL DEFAULT 0,
    conversations INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO owner SELECT owner, sum(responses), sum(conversations), sum(bytes) FROM (
    SELECT owner, deleted = 0 AS responses, 0 AS conversations, bytes FROM response
    UNION ALL
    SELECT owner, 0, deleted = 0, bytes FROM conversation
) GROUP BY owner;

CREATE TRIGGER response_added AFTER INSERT ON response BEGIN
    INSERT INTO owner (name, responses, bytes) VALUES (NEW.owner, NEW.deleted = 0, NEW.bytes)
    ON CONFLICT (name) DO UPDATE SET responses = responses + excluded.responses, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER response_changed AFTER UPDATE OF deleted, bytes ON response BEGIN
    UPDATE owner SET responses = responses + (NEW.deleted = 0) - (OLD.deleted = 0),
        bytes = bytes + NEW.bytes - OLD.bytes WHERE name = NEW.owner;
END;
CREATE TRIGGER response_removed AFTER DELETE ON response BEGIN
    UPDATE owner SET responses = responses - (OLD.deleted = 0), bytes = bytes - OLD.bytes WHERE name = OLD.owner;
END;
CREATE TRIGGER conversation_added AFTER INSERT ON conversation BEGIN
    INSERT INTO owner (name, conversations, bytes) VALUES (NEW.owner, NEW.deleted = 0, NEW.bytes)
    ON CONFLICT (name) DO UPDATE SET conversations = conversations + excluded.conversations,
        bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER conversation_changed AFTER UPDATE OF deleted, bytes ON conversation BEGIN
    UPDATE owner SET conversations = conversations + (NEW.deleted = 0) - (OLD.deleted = 0),
        bytes = bytes + NEW.bytes - OLD.bytes WHERE name = NEW.owner;
END;
CREATE TRIGGER conversation_removed AFTER DELETE ON conversation BEGIN
    UPDATE owner SET conversations = conversations - (OLD.deleted = 0), bytes = bytes - OLD.bytes
    WHERE name = OLD.owner;
END;
CREATE TRIGGER conversation_item_added AFTER INSERT ON item WHEN NEW.conversation IS NOT NULL BEGIN
    UPDATE conversation SET bytes = bytes + length(NEW.body) WHERE number = NEW.conversation;
END;
CREATE TRIGGER conversation_item_removed AFTER DELETE ON item WHEN OLD.conversation IS NOT NULL BEGIN
    UPDATE conversation SET bytes = bytes - length(OLD.body) WHERE number = OLD.conversation;
END;
"""

# What an API key has spent in a calendar day or month (UTC): its name, and `2026-11-30` or `2026-11`.
_KEY_USAGE: Final = """
CREATE TABLE key_usage (
    key TEXT NOT NULL,
    period TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (key, period)
) WITHOUT ROWID;
"""

# The ledger of usage (codexd.neutral.usage). The hours and days have the sums of all rows, also of those that were
# deleted; `usage_position` is the number of the last row that was ever written.
_USAGE: Final = """
CREATE TABLE usage_row (
    number INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    request TEXT NOT NULL,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    backend TEXT NOT NULL,
    outcome TEXT NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL
);
CREATE INDEX usage_row_time ON usage_row (time);
CREATE INDEX usage_row_key ON usage_row (key, time);

CREATE TABLE usage_bucket (
    start INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    backend TEXT NOT NULL,
    estimated INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    PRIMARY KEY (start, seconds, key, model, endpoint, backend, estimated)
) WITHOUT ROWID;

CREATE TABLE usage_position (number INTEGER NOT NULL);
INSERT INTO usage_position VALUES (0);
"""

# A key reads its own usage without the sums of other keys.
_USAGE_BY_KEY: Final = "CREATE INDEX usage_bucket_key ON usage_bucket (key, start);"

SCRIPTS: Final = (_FIRST, _PLAIN_NAMES, _EVENTS, _OWNERS, _KEY_USAGE, _USAGE, _USAGE_BY_KEY)
"""One script a version."""


class UnusableFileError(Exception):
    """The file cannot be used as the store; the message completes a sentence that begins with its path."""


def check_file(connection: sqlite3.Connection, scripts: tuple[str, ...] = SCRIPTS) -> None:
    """Check that a file is empty or a store, without changing it.

    Raises:
        UnusableFileError: when the file belongs to another program or to a newer codexd.
        sqlite3.DatabaseError: when the file is not a database.
    """
    if _pragma(connection, "application_id") != APPLICATION_ID and not _is_empty(connection):
        raise UnusableFileError("is the database of another program")
    version = _pragma(connection, "user_version")
    if version > len(scripts):
        raise UnusableFileError(
            f"was written by a newer codexd (schema version {version}, this codexd supports {len(scripts)})"
        )


def migrate(connection: sqlite3.Connection, scripts: tuple[str, ...] = SCRIPTS) -> None:
    """Migrate a checked file to the newest version, each script in one transaction.

    Raises:
        sqlite3.Error: when a script fails; its changes are rolled back.
    """
    version = _pragma(connection, "user_version")
    connection.create_function("sse_to_events", 1, _sse_to_events, deterministic=True)
    for number, script in enumerate(scripts[version:], version + 1):
        _run_script(connection, number, script)


def _run_script(connection: sqlite3.Connection, number: int, script: str) -> None:
    pragmas = f"PRAGMA user_version = {number}; PRAGMA application_id = {APPLICATION_ID};"
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {script} {pragmas} COMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _sse_to_events(compressed: bytes) -> bytes:
    """Convert a compressed stream from SSE text to `codexd.wire.stored_stream`."""
    try:
        frames = SseDecoder().receive(ZstdDecompressor().decompress(compressed))
    except ZstdError:  # a damaged row costs its own replay, which then shows the end only
        frames = []
    return ZstdCompressor().compress(encode_events((frame.event or b"", frame.data) for frame in frames))


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
