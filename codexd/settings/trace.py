"""Settings of the trace buffer."""

from attrs import frozen

from codexd.settings.ranges import Bytes, Count, Seconds


@frozen(kw_only=True)
class Trace:
    """The trace buffer: files with what was sent and received for each request, prompts and outputs included.

    It is off unless it is switched on here, and it is the only place where codexd records content. Keys are removed.

    Attributes:
        enabled: record from now on.
        directory: where the files are; codexd creates it with mode 700 (files: 600). One that exists must belong to
            codexd's user, have no permission for others and be no symbolic link; its mode is never changed. Default:
            `trace-buffer` in codexd's state directory.
        ttl_seconds: the age at which a file is deleted.
        max_files: the number of files; beyond it the oldest are deleted.
        max_bytes: the size of all files; beyond it the oldest are deleted.
        max_request_bytes: how much is recorded of one request; what comes after is left out, and the file says so.
    """

    enabled: bool = False
    directory: str | None = None
    ttl_seconds: Seconds = 86400.0
    max_files: Count = 200
    max_bytes: Bytes = 256 * 2**20
    max_request_bytes: Bytes = 8 * 2**20
