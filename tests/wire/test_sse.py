"""Server-sent events, written and read."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.sse import Frame, Reader, comment, frame
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
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"), max_size=20).map(
    str.encode
)


def read(stream: bytes, limit_bytes: int = 1000) -> list[Frame]:
    return Reader(limit_bytes).receive(stream)


class WriteTests(SynchronousTestCase):
    def test_a_frame_with_and_without_a_type(self) -> None:
        self.assertEqual(frame(b"{}"), b"data: {}\n\n")
        self.assertEqual(frame(b"{}", b"done"), b"event: done\ndata: {}\n\n")

    @given(st.lists(st.tuples(TEXT, st.none() | TEXT.filter(bool)), max_size=5))
    def test_what_is_written_reads_the_same_and_comments_are_not_seen(
        self, events: list[tuple[bytes, bytes | None]]
    ) -> None:
        stream = b"".join(comment(b"alive") + frame(data, event) for data, event in events)
        self.assertEqual(read(stream), [Frame(event, data) for data, event in events])


class ReadTests(SynchronousTestCase):
    """The examples are those of the standard, section 9.2.6, and what real servers send."""

    def test_two_data_lines_are_joined(self) -> None:
        self.assertEqual(read(b"data: YHOO\ndata: +2\ndata: 10\n\n"), [Frame(None, b"YHOO\n+2\n10")])

    def test_an_event_without_data_is_none_and_an_empty_data_line_is_data(self) -> None:
        self.assertEqual(
            read(b"event: x\n\ndata\n\ndata\ndata\n\ndata:"), [Frame(None, b""), Frame(None, b"\n")]
        )

    def test_one_space_after_the_colon_is_not_data(self) -> None:
        self.assertEqual(
            read(b"data:test\n\ndata: test\n\ndata:  x\n\n"),
            [Frame(None, b"test"), Frame(None, b"test"), Frame(None, b" x")],
        )

    def test_comments_ids_retries_and_unknown_fields_are_skipped(self) -> None:
        self.assertEqual(
            read(b": ping\nid: 1\nretry: 5\nDATA: no\nfoo\ndata: yes\n\n"), [Frame(None, b"yes")]
        )

    def test_the_type_is_the_last_named_one_and_lasts_for_one_event(self) -> None:
        stream = b"event: a\nevent: b\ndata: 1\n\ndata: 2\n\nevent: c\nevent:\ndata: 3\n\n"
        self.assertEqual(read(stream), [Frame(b"b", b"1"), Frame(None, b"2"), Frame(None, b"3")])

    def test_lines_end_in_lf_crlf_or_cr(self) -> None:
        for end in (b"\n", b"\r\n", b"\r"):
            stream = end.join([b"event: e", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""])
            self.assertEqual(read(stream), [Frame(b"e", b"1\n2"), Frame(None, b"3")])

    def test_an_event_ended_by_cr_need_not_wait_for_the_next_chunk(self) -> None:
        reader = Reader()
        self.assertEqual(reader.receive(b"data: 1\r\n\r"), [Frame(None, b"1")])
        self.assertEqual(reader.receive(b"\ndata: 2\r\r"), [Frame(None, b"2")])

    def test_a_chunk_may_end_inside_crlf(self) -> None:
        reader = Reader()
        self.assertEqual(
            [*reader.receive(b"data: 1\r"), *reader.receive(b"\ndata: 2\r\n\r")], [Frame(None, b"1\n2")]
        )

    def test_one_byte_order_mark_at_the_start_is_skipped_and_no_other(self) -> None:
        bom = b"\xef\xbb\xbf"
        self.assertEqual(read(bom + b"data: 1\n\n" + bom + b"data: 2\n\n"), [Frame(None, b"1")])
        self.assertEqual(read(bom + bom + b"data: 1\n\n"), [])

    def test_an_event_that_nothing_ends_is_not_given(self) -> None:
        self.assertEqual(read(b"data: 1\n\ndata: 2\n"), [Frame(None, b"1")])


class LimitTests(SynchronousTestCase):
    def test_an_event_over_the_limit_is_dropped_whole_and_the_next_is_not(self) -> None:
        reader = Reader(limit_bytes=12)
        self.assertEqual(
            reader.receive(b"data: 123\ndata: 456\ndata: 789\ndata: 1\n\ndata: ok\n\n"), [Frame(None, b"ok")]
        )
        self.assertEqual(reader.dropped, 1)

    def test_an_over_long_line_spoils_its_event_once(self) -> None:
        reader = Reader(limit_bytes=12)
        stream = b"data: 1\ndata: far too long\ndata: far too long\n\ndata: ok\n\n"
        self.assertEqual((reader.receive(stream), reader.dropped), ([Frame(None, b"ok")], 1))

    def test_many_empty_data_lines_count_too(self) -> None:
        reader = Reader(limit_bytes=12)
        self.assertEqual(reader.receive(b"data\n" * 13 + b"\n"), [])
        self.assertEqual(
            (reader.receive(b"data\n" * 12 + b"\n"), reader.dropped), ([Frame(None, b"\n" * 11)], 1)
        )


class LawTests(SynchronousTestCase):
    @given(st.data(), STREAMS, st.integers(5, 30))
    def test_a_split_stream_gives_the_same_events(
        self, data: st.DataObject, stream: bytes, limit: int
    ) -> None:
        whole, split = Reader(limit), Reader(limit)
        got = [event for chunk in data.draw(chunkings(stream)) for event in split.receive(chunk)]
        self.assertEqual((got, split.dropped), (whole.receive(stream), whole.dropped))

    @given(STREAMS)
    def test_every_stream_reads_as_the_standard_says(self, stream: bytes) -> None:
        self.assertEqual(read(stream), reference(stream))


def reference(stream: bytes) -> list[Frame]:
    """Read a stream as the standard's text goes, step by step, without any regard to cost."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    frames, event, buffer = [], b"", b""
    for line in text.split(b"\n")[:-1]:
        if not line:
            if buffer:
                frames.append(Frame(event or None, buffer[:-1]))
            event, buffer = b"", b""
        elif not line.startswith(b":"):
            field, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if field == b"event":
                event = value
            elif field == b"data":
                buffer += value + b"\n"
    return frames
