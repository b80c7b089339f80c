"""Tests of content decoding."""

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.inflate import (
    FREE_BYTES,
    BodyTooLargeError,
    CorruptBodyError,
    DecodingError,
    RatioError,
    UnsupportedEncodingError,
    inflate,
)

MIB = 2**20
LIMIT = 1000


def raw_deflate(body: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(body) + deflater.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip as x-gzip": ("x-gzip", gzip.compress),
    "deflate as zlib": ("deflate", zlib.compress),
    "deflate raw": ("deflate", raw_deflate),
    "brotli": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
    "zstd with a checksum": ("zstd", zstandard.ZstdCompressor(write_checksum=True).compress),
    "zstd without a size": ("zstd", zstandard.ZstdCompressor(write_content_size=False).compress),
}
CASES = st.sampled_from(sorted(ENCODERS))
BODIES = st.binary(max_size=LIMIT) | st.builds(
    lambda part, n: (part * n)[:LIMIT], st.binary(max_size=9), st.integers(0, 200)
)


def bombs(size_bytes: int) -> dict[str, tuple[str, bytes]]:
    zeros = bytes(size_bytes)
    return {case: (encoding, encode(zeros)) for case, (encoding, encode) in ENCODERS.items()}


def peak_bytes(encoding: str, body: bytes, limit_bytes: int) -> int:
    """Return the peak memory of decoding, whether it succeeds or not."""
    tracemalloc.start()
    try:
        inflate(encoding, body, limit_bytes)
    except BodyTooLargeError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


class InflateTests(SynchronousTestCase):
    def test_every_encoding_is_decoded(self) -> None:
        body = random.Random(1).randbytes(300_000) + b"words and words " * 50_000
        for case, (encoding, encode) in ENCODERS.items():
            self.assertTrue(inflate(encoding, encode(body), len(body)) == body, case)

    def test_output_that_remains_after_all_input_is_not_lost(self) -> None:
        for size in range(2**16 - 2, 2**16 + 300):
            for case, (encoding, body) in bombs(size).items():
                self.assertEqual(len(inflate(encoding, body, size)), size, case)

    def test_without_an_encoding_the_body_is_unchanged(self) -> None:
        self.assertEqual([inflate(name, b"x", 1) for name in ("", "identity", " Identity , ")], [b"x"] * 3)

    def test_names_may_have_any_case_and_spaces(self) -> None:
        self.assertEqual(inflate("  GZip ", gzip.compress(b"x"), 1), b"x")

    def test_two_encodings_are_decoded_in_reverse_order(self) -> None:
        self.assertEqual(inflate("gzip, zstd", ENCODERS["zstd"][1](gzip.compress(b"x")), LIMIT), b"x")
        self.assertRaises(CorruptBodyError, inflate, "zstd, gzip", ENCODERS["zstd"][1](gzip.compress(b"x")), LIMIT)

    def test_unknown_encodings_and_more_than_two_are_rejected_before_decoding(self) -> None:
        for name in ("compress", "snappy", "gzip, lzma", "gzip;q=1", "gzip,gzip,gzip"):
            self.assertRaises(UnsupportedEncodingError, inflate, name, b"", LIMIT)

    def test_several_members_and_frames_are_one_body(self) -> None:
        zstd, skippable = ENCODERS["zstd"][1], b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
        self.assertEqual(inflate("gzip", gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b"), 9), b"ab")
        self.assertEqual(inflate("zstd", zstd(b"a") + skippable + zstd(b"") + zstd(b"b"), 9), b"ab")

    def test_an_empty_body_is_corrupt(self) -> None:
        for encoding, _ in ENCODERS.values():
            self.assertRaises(CorruptBodyError, inflate, encoding, b"", LIMIT)

    def test_the_error_contains_neither_the_header_nor_the_body(self) -> None:
        for encoding, body in (("sesame", b""), ("gzip", b"sesame"), ("br", b"sesame"), ("zstd", b"sesame")):
            error = self.assertRaises(DecodingError, inflate, encoding, body, LIMIT)
            self.assertNotIn("sesame", str(error))

    @given(CASES, BODIES)
    def test_decoding_reverses_encoding(self, case: str, body: bytes) -> None:
        encoding, encode = ENCODERS[case]
        self.assertEqual(inflate(encoding, encode(body), len(body)), body)

    @given(CASES, BODIES, st.integers(1, 40))
    def test_a_truncated_body_is_corrupt(self, case: str, body: bytes, cut: int) -> None:
        encoding, encode = ENCODERS[case]
        self.assertRaises(CorruptBodyError, inflate, encoding, encode(body)[:-cut], LIMIT)

    @given(CASES, BODIES, st.binary(min_size=1, max_size=9))
    def test_data_after_the_body_is_corrupt(self, case: str, body: bytes, tail: bytes) -> None:
        encoding, encode = ENCODERS[case]
        self.assertRaises(CorruptBodyError, inflate, encoding, encode(body) + tail, LIMIT)

    @given(st.sampled_from(["gzip", "deflate", "br", "zstd", "br, gzip"]), st.binary(max_size=60))
    def test_arbitrary_bytes_raise_no_other_error(self, encoding: str, body: bytes) -> None:
        try:
            self.assertLessEqual(len(inflate(encoding, body, LIMIT)), LIMIT)
        except DecodingError:
            pass


class LimitTests(SynchronousTestCase):
    def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not(self) -> None:
        for case, (encoding, body) in bombs(MIB).items():
            self.assertEqual(len(inflate(encoding, body, MIB)), MIB, case)
            self.assertRaises(BodyTooLargeError, inflate, encoding, body, MIB - 1)

    def test_the_limit_holds_without_an_encoding_too(self) -> None:
        self.assertRaises(BodyTooLargeError, inflate, "identity", b"xx", 1)

    def test_a_bomb_needs_little_more_memory_than_the_limit(self) -> None:
        for case, (encoding, body) in bombs(16 * MIB).items():
            self.assertRaises(BodyTooLargeError, inflate, encoding, body, MIB)
            self.assertLess(peak_bytes(encoding, body, MIB), 4 * MIB, case)

    def test_a_body_of_the_limit_is_not_copied(self) -> None:
        for case, (encoding, body) in bombs(12 * MIB).items():
            self.assertLess(peak_bytes(encoding, body, 12 * MIB), 12 * 1.25 * MIB + 3 * MIB, case)

    def test_a_nested_bomb_is_rejected_at_the_outer_encoding(self) -> None:
        inner = gzip.compress(bytes(8 * MIB))
        body = zstandard.ZstdCompressor().compress(inner * 200)
        self.assertRaises(BodyTooLargeError, inflate, "gzip, zstd", body, MIB)
        self.assertLess(peak_bytes("gzip, zstd", body, MIB), 5 * MIB)

    def test_a_zstd_window_over_8_mib_is_rejected(self) -> None:
        parameters = zstandard.ZstdCompressionParameters(window_log=27)
        stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        self.assertRaises(CorruptBodyError, inflate, "zstd", stream.compress(b"x") + stream.flush(), LIMIT)

    def test_too_many_empty_members_are_rejected(self) -> None:
        for encoding, empty in (("gzip", gzip.compress(b"")), ("zstd", ENCODERS["zstd"][1](b""))):
            self.assertEqual(inflate(encoding, empty * 1024, LIMIT), b"")
            self.assertRaises(CorruptBodyError, inflate, encoding, empty * 1025, LIMIT)


class RatioTests(SynchronousTestCase):
    def test_a_body_may_be_so_many_times_larger_than_its_encoding(self) -> None:
        encoding, encode = ENCODERS["zstd"]
        body = random.Random(1).randbytes(10_000) * 120
        encoded = encode(body)
        ratio = len(body) // len(encoded)
        self.assertGreater(ratio, 2)
        self.assertEqual(inflate(encoding, encoded, len(body), ratio + 1), body)
        self.assertRaises(RatioError, inflate, encoding, encoded, len(body), ratio - 1)

    def test_a_small_body_may_have_any_ratio(self) -> None:
        for case, (encoding, body) in bombs(FREE_BYTES).items():
            self.assertEqual(len(inflate(encoding, body, 2 * FREE_BYTES, 1)), FREE_BYTES, case)

    def test_a_bomb_is_stopped_at_the_ratio_with_one_encoding_or_two(self) -> None:
        for case, (encoding, body) in bombs(64 * 2**20).items():
            with self.assertRaises(RatioError, msg=case):
                inflate(encoding, body, 64 * 2**20, 20)

    def test_the_absolute_limit_is_reported_where_it_is_lower(self) -> None:
        for encoding, body in bombs(2**18).values():
            self.assertRaises(BodyTooLargeError, inflate, encoding, body, 2**17, 200)
