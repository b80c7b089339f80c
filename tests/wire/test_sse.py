"""Tests of the server-sent-events codec."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.sse import SseDecoder, SseFrame, encode_comment, encode_frame
from tests.support.chunking import chunkings

LINES = [
    b"data: x",
    b"data",
    b"event: e",
    b"event",
    b"id: 7",
    b": c",
    b" x",
    b"",
    b"",
    b"\xef\xbb\xbfdata: y",
]
ENDS = [b"\n", b"\r", b"\r\n"]
STREAMS = st.lists(st.sampled_from([line + end for line in LINES for end in ENDS]), max_size=20).map(b"".join)
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"), max_size=20).map(str.encode)


def read(stream: bytes, limit_bytes: int = 1000) -> list[SseFrame]:
    return SseDecoder(limit_bytes).receive(stream)


class EncodeTests(SynchronousTestCase):
    def test_an_event_may_have_a_type(self) -> None:
        self.assertEqual(encode_frame(b"{}"), b"data: {}\n\n")
        self.assertEqual(encode_frame(b"{}", b"done"), b"event: done\ndata: {}\n\n")

    @given(st.lists(st.tuples(TEXT, st.none() | TEXT.filter(bool)), max_size=5))
    def test_decoding_reverses_encoding_and_skips_comments(self, events: list[tuple[bytes, bytes | None]]) -> None:
        stream = b"".join(encode_comment(b"alive") + encode_frame(data, event) for data, event in events)
        self.assertEqual(read(stream), [SseFrame(event, data) for data, event in events])


class DecodeTests(SynchronousTestCase):
    """The examples of the standard, section 9.2.6, and streams of real servers."""

    def test_two_data_lines_are_joined(self) -> None:
        self.assertEqual(read(b"data: YHOO\ndata: +2\ndata: 10\n\n"), [SseFrame(None, b"YHOO\n+2\n10")])

    def test_an_event_without_data_is_skipped_and_an_empty_data_line_is_data(self) -> None:
        self.assertEqual(read(b"event: x\n\ndata\n\ndata\ndata\n\ndata:"), [SseFrame(None, b""), SseFrame(None, b"\n")])

    def test_one_space_after_the_colon_is_not_data(self) -> None:
        self.assertEqual(
            read(b"data:test\n\ndata: test\n\ndata:  x\n\n"),
            [SseFrame(None, b"test"), SseFrame(None, b"test"), SseFrame(None, b" x")],
        )

    def test_comments_ids_retries_and_unknown_fields_are_skipped(self) -> None:
        self.assertEqual(read(b": ping\nid: 1\nretry: 5\nDATA: no\nfoo\ndata: yes\n\n"), [SseFrame(None, b"yes")])

    def test_the_last_type_line_counts_and_only_for_its_event(self) -> None:
        stream = b"event: a\nevent: b\ndata: 1\n\ndata: 2\n\nevent: c\nevent:\ndata: 3\n\n"
        self.assertEqual(read(stream), [SseFrame(b"b", b"1"), SseFrame(None, b"2"), SseFrame(None, b"3")])

    def test_lines_end_in_lf_crlf_or_cr(self) -> None:
        for end in (b"\n", b"\r\n", b"\r"):
            stream = end.join([b"event: e", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""])
            self.assertEqual(read(stream), [SseFrame(b"e", b"1\n2"), SseFrame(None, b"3")])

    def test_an_event_ended_by_cr_is_returned_before_the_next_chunk(self) -> None:
        decoder = SseDecoder()
        self.assertEqual(decoder.receive(b"data: 1\r\n\r"), [SseFrame(None, b"1")])
        self.assertEqual(decoder.receive(b"\ndata: 2\r\r"), [SseFrame(None, b"2")])

    def test_a_crlf_may_be_split_between_chunks(self) -> None:
        decoder = SseDecoder()
        self.assertEqual(
            [*decoder.receive(b"data: 1\r"), *decoder.receive(b"\ndata: 2\r\n\r")], [SseFrame(None, b"1\n2")]
        )

    def test_only_one_byte_order_mark_at_the_start_is_skipped(self) -> None:
        bom = b"\xef\xbb\xbf"
        self.assertEqual(read(bom + b"data: 1\n\n" + bom + b"data: 2\n\n"), [SseFrame(None, b"1")])
        self.assertEqual(read(bom + bom + b"data: 1\n\n"), [])

    def test_an_unterminated_event_is_not_returned(self) -> None:
        self.assertEqual(read(b"data: 1\n\ndata: 2\n"), [SseFrame(None, b"1")])


class LimitTests(SynchronousTestCase):
    def test_only_an_oversized_event_is_dropped(self) -> None:
        decoder = SseDecoder(limit_bytes=12)
        self.assertEqual(
            decoder.receive(b"data: 123\ndata: 456\ndata: 789\ndata: 1\n\ndata: ok\n\n"),
            [SseFrame(None, b"ok")],
        )
        self.assertEqual(decoder.dropped, 1)

    def test_an_event_with_oversized_lines_is_dropped_and_counted_once(self) -> None:
        decoder = SseDecoder(limit_bytes=12)
        stream = b"data: 1\ndata: far too long\ndata: far too long\n\ndata: ok\n\n"
        self.assertEqual((decoder.receive(stream), decoder.dropped), ([SseFrame(None, b"ok")], 1))

    def test_many_empty_data_lines_count_too(self) -> None:
        decoder = SseDecoder(limit_bytes=12)
        self.assertEqual(decoder.receive(b"data\n" * 13 + b"\n"), [])
        self.assertEqual((decoder.receive(b"data\n" * 12 + b"\n"), decoder.dropped), ([SseFrame(None, b"\n" * 11)], 1))


class LawTests(SynchronousTestCase):
    @given(st.data(), STREAMS, st.integers(5, 30))
    def test_any_chunking_yields_the_same_events(self, data: st.DataObject, stream: bytes, limit: int) -> None:
        whole, split = SseDecoder(limit), SseDecoder(limit)
        got = [event for chunk in data.draw(chunkings(stream)) for event in split.receive(chunk)]
        self.assertEqual((got, split.dropped), (whole.receive(stream), whole.dropped))

    @given(STREAMS)
    def test_every_stream_is_decoded_as_by_the_standard(self, stream: bytes) -> None:
        self.assertEqual(read(stream), reference(stream))


def reference(stream: bytes) -> list[SseFrame]:
    """Decode a stream literally as the standard describes, without optimisation."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    frames, event, buffer = [], b"", b""
    for line in text.split(b"\n")[:-1]:
        if not line:
            if buffer:
                frames.append(SseFrame(event or None, buffer[:-1]))
            event, buffer = b"", b""
        elif not line.startswith(b":"):
            field, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if field == b"event":
                event = value
            elif field == b"data":
                buffer += value + b"\n"
    return frames
