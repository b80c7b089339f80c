"""Recognises systemd's journal behind a standard stream (systemd.exec(5), `JOURNAL_STREAM`)."""

import os
from collections.abc import Mapping


def is_journal(descriptor: int | None, environ: Mapping[str, str]) -> bool:
    """Return whether a descriptor is the stream that systemd has connected to the journal."""
    device, separator, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    if descriptor is None or not separator:
        return False
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))
