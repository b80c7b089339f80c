"""Server-sent events (WHATWG HTML, section 9.2): write frames, read streams."""


def frame(data: bytes, event: bytes | None = None) -> bytes:
    """Write one whole event; `data` must hold no newline (compact JSON never does)."""
    if event is None:
        return b"data: " + data + b"\n\n"
    return b"event: " + event + b"\ndata: " + data + b"\n\n"


def comment(text: bytes = b"") -> bytes:
    """Write a comment frame, which every conforming reader ignores: a keep-alive."""
    return b": " + text + b"\n\n"
