"""Requests as bytes, valid and not, with the responses that RFC 9112 demands or allows."""

from typing import Final

from attrs import frozen

from codexd.wire import json

BODY: Final = json.encode({"name": "x"})
"""A body of a request that no handler needs: `GET` ignores it."""

_CHUNKED: Final = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
_SMUGGLED: Final = b"GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n"


@frozen
class RawRequest:
    """Bytes that a client sends on a new connection.

    Attributes:
        statuses: of the responses; empty if there is none, such as for a request that is not complete.
        closes: the server closes the connection after the last response.
    """

    name: str
    data: bytes
    statuses: tuple[int, ...]
    closes: bool = False


def _head(line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join((line, *headers, b"", b""))


def _get(*headers: bytes, target: bytes = b"/livez", version: bytes = b"HTTP/1.1", host: bool = True) -> bytes:
    hosts = (b"host: localhost",) if host else ()
    return _head(b"GET %b %b" % (target, version), *hosts, *headers)


GOOD: Final = tuple(
    RawRequest(name, data, statuses, closes)
    for name, data, statuses, closes in (
        ("a request", _get(), (200,), False),
        ("two requests", _get() * 2, (200, 200), False),
        ("a head", _get().replace(b"GET", b"HEAD"), (200,), False),
        ("an empty line before a request", b"\r\n" + _get(), (200,), False),
        ("no end of the head", _get()[:-2], (), False),
        ("no end of the body", _get(b"content-length: 9") + b"x", (), False),
        ("no end of the chunks", _get(b"transfer-encoding: chunked") + b"5\r\nab", (), False),
        ("a body, then a request", _get(b"content-length: %d" % len(BODY)) + BODY + _get(), (200, 200), False),
        ("leading zeros in a length", _get(b"content-length: 0001") + b"x" + _get(), (200, 200), False),
        ("chunks, then a request", _get(b"transfer-encoding: chunked") + _CHUNKED + _get(), (200, 200), False),
        ("a coding in upper case", _get(b"Transfer-Encoding: CHUNKED") + _CHUNKED + _get(), (200, 200), False),
        (
            "an extension of a chunk",
            _get(b"transfer-encoding: chunked") + b'1;a="b";c\r\nx\r\n0;d\r\n\r\n' + _get(),
            (200, 200),
            False,
        ),
        (
            "trailers, which are dropped",
            _get(b"transfer-encoding: chunked") + b"0\r\ncontent-length: 9\r\nhost: evil\r\n\r\n" + _get(),
            (200, 200),
            False,
        ),
        ("a request to close", _get(b"connection: close") + _get(), (200,), True),
        ("close among other options", _get(b"connection: keep-alive,Close,te") + _get(), (200,), True),
        ("close in a second header", _get(b"connection: te", b"connection: close") + _get(), (200,), True),
        ("HTTP/1.0", _get(version=b"HTTP/1.0"), (200,), True),
        ("HTTP/1.0 without a host", _get(version=b"HTTP/1.0", host=False), (200,), True),
        ("HTTP/1.0 that asks to stay open", _get(b"connection: keep-alive", version=b"HTTP/1.0"), (200,), True),
        ("HTTP/1.2, which is served as HTTP/1.1", _get(version=b"HTTP/1.2") + _get(), (200, 200), False),
        ("an absolute target", _get(target=b"http://localhost:11435/livez"), (200,), False),
        ("an absolute target in upper case", _get(target=b"HTTP://LOCALHOST/livez"), (200,), False),
        ("an absolute target of another host", _get(target=b"http://other.example/v1/models"), (403,), False),
        ("a target *", _head(b"OPTIONS * HTTP/1.1", b"host: localhost"), (204,), False),
        ("an expectation", _get(b"expect: 100-Continue", b"content-length: 1") + b"x", (100, 200), False),
        ("an expectation in HTTP/1.0", _get(b"expect: x", version=b"HTTP/1.0"), (200,), True),
        ("a method in lower case", _get().replace(b"GET", b"get") + _get(), (501, 200), False),
        ("an unknown method", _get().replace(b"GET", b"BREW") + _get(), (501, 200), False),
        ("TRACE", _get().replace(b"GET", b"TRACE"), (501,), False),
        ("CONNECT", _head(b"CONNECT localhost:80 HTTP/1.1", b"host: localhost:80"), (501,), False),
        ("a method that a URL does not have", _get().replace(b"GET", b"DELETE"), (405,), False),
        ("a header value that is not UTF-8", _get(b"x-a: \xff\xfe"), (200,), False),
        ("an empty header value", _get(b"x-a:", b"x-b: "), (200,), False),
        ("a tab before a header value", _get(b"x-a:\tb"), (200,), False),
        ("odd characters in a header's name", _get(b"x-!#$%&'*+.^_`|~: a"), (200,), False),
        ("a host of IPv6", _get(b"host: [::1]:11435", host=False), (200,), False),
    )
)
"""Requests that are answered, and requests that are not complete."""

_MALFORMED: Final = (
    ("text", b"hello\r\n", 400),
    ("HTTP/0.9", b"GET /livez\r\n", 400),
    ("a third version", _get(version=b"HTTP/3.0"), 505),
    ("version 2", _get(version=b"HTTP/2.0"), 505),
    ("a version of two digits", _get(version=b"HTTP/1.10"), 400),
    ("a version in lower case", _get(version=b"http/1.1"), 400),
    ("two spaces in the first line", _get(target=b" /livez"), 400),
    ("a tab in the first line", b"GET\t/livez HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
    ("a control character in the target", _get(target=b"/\x7f"), 400),
    ("a target without a slash", _get(target=b"livez"), 400),
    ("a target * of GET", _get(target=b"*"), 400),
    ("a target of another scheme", _get(target=b"ftp://localhost/livez"), 400),
    ("a target without a host", _get(target=b"http:///livez"), 400),
    ("a target with a user", _get(target=b"http://me@localhost/livez"), 400),
    ("an authority as the target of GET", _get(target=b"localhost:80"), 400),
    ("no host", _get(host=False), 400),
    ("two hosts", _get(b"Host: localhost"), 400),
    ("a host that is none", _get(b"host: a b", host=False), 400),
    ("a host with two ports", _get(b"host: [::1]:80:80", host=False), 400),
    ("a host with a path", _get(b"host: localhost/x", host=False), 400),
    ("two hosts of HTTP/1.0", _get(b"host: localhost", version=b"HTTP/1.0"), 400),
    ("no colon", _get(b"no colon"), 400),
    ("a space before the colon", _get(b"content-length : 3"), 400),
    ("an empty name", _get(b": x"), 400),
    ("a space in a name", _get(b"x a: b"), 400),
    ("a name that is not ASCII", _get(b"x-\xe9: b"), 400),
    ("a NUL in a name", _get(b"x\x00a: b"), 400),
    ("a NUL in a value", _get(b"x-a: a\x00b"), 400),
    ("a CR in a value", _get(b"x-a: a\rb: c"), 400),
    ("a bare LF after a header", b"GET /livez HTTP/1.1\r\nhost: localhost\nx-a: b\r\n\r\n", 400),
    ("a bare LF after the first line", b"GET /livez HTTP/1.1\nhost: localhost\r\n\r\n", 400),
    ("a continued header", _get(b"x-a: b", b" transfer-encoding: chunked"), 400),
    ("a continued coding", _get(b"transfer-encoding:", b"\tchunked") + _CHUNKED, 400),
    ("a space before the first header", b"GET /livez HTTP/1.1\r\n host: localhost\r\n\r\n", 400),
    ("two equal lengths", _get(b"content-length: 1", b"content-length: 1") + b"x", 400),
    ("two lengths", _get(b"content-length: 1", b"content-length: 2") + b"xx", 400),
    ("a list of lengths", _get(b"content-length: 1, 1") + b"x", 400),
    *(
        (f"a length {value!r}", _get(b"content-length: " + value), 400)
        for value in (
            b"",
            b"-1",
            b"+1",
            b"1_0",
            b"0x1",
            b"1 0",
            b"1.0",
            b"\xd9\xa1",
            b"\xc2\xb2",
            b"9" * 19,
            b"9" * 5000,
        )
    ),
    ("a length and a coding", _get(b"content-length: 1", b"transfer-encoding: chunked") + _CHUNKED, 400),
    ("a coding and a length", _get(b"transfer-encoding: chunked", b"content-length: 1") + _CHUNKED, 400),
    ("the coding identity", _get(b"transfer-encoding: identity") + _SMUGGLED, 400),
    ("the coding identity and a length", _get(b"transfer-encoding: identity", b"content-length: 1") + b"x", 400),
    ("an empty coding", _get(b"transfer-encoding:") + _SMUGGLED, 400),
    ("the coding gzip", _get(b"transfer-encoding: gzip"), 400),
    ("gzip, then chunked", _get(b"transfer-encoding: gzip, chunked") + _CHUNKED, 501),
    ("chunked, then gzip", _get(b"transfer-encoding: chunked, gzip"), 400),
    ("chunked twice", _get(b"transfer-encoding: chunked, chunked"), 400),
    ("two codings", _get(b"transfer-encoding: chunked", b"transfer-encoding: chunked"), 400),
    ("a coding with a parameter", _get(b"transfer-encoding: chunked;a=b"), 400),
    ("a coding with a control character", _get(b"transfer-encoding: \x0bchunked"), 400),
    ("a coding of HTTP/1.0", _get(b"transfer-encoding: chunked", version=b"HTTP/1.0") + _CHUNKED, 400),
    *(
        (f"a chunk of size {size[:20]!r}", _get(b"transfer-encoding: chunked") + size + b"\r\nx\r\n", 400)
        for size in (b"", b"-1", b"+1", b"0x1", b"1_0", b"1 ", b" 1", b"1 ;a", b"g", b"\xd9\xa1", b"1\n", b"1" * 2000)
    ),
    ("a chunk that is too long", _get(b"transfer-encoding: chunked") + b"1\r\nxy\r\n0\r\n\r\n", 400),
    ("a chunk that ends with LF", _get(b"transfer-encoding: chunked") + b"1\r\nx\n0\r\n\r\n", 400),
    ("an extension of 2000 bytes", _get(b"transfer-encoding: chunked") + b"1;" + b"a" * 2000 + b"\r\n", 400),
    ("an unknown expectation", _get(b"expect: 200-ok"), 417),
    ("a known and an unknown expectation", _get(b"expect: 100-continue, x"), 417),
    ("a URL of 20 kilobytes", _get(target=b"/" + b"a" * 20_000), 414),
    ("a header of 20 kilobytes", _get(b"x-a: " + b"a" * 20_000), 431),
    ("many headers", _get(*[b"x-a: b"] * 501), 431),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 80, 400),
)

BAD: Final = tuple(RawRequest(name, data, (status,), True) for name, data, status in _MALFORMED)
"""Requests that cannot be read, after which the connection is closed."""
