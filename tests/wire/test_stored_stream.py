from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.stored_stream import decode_events, encode_events

NAMES = st.from_regex(rb"[a-z._]{0,30}", fullmatch=True)
DATA = st.binary(max_size=60).filter(lambda data: b"\n" not in data)


class StoredStreamTests(SynchronousTestCase):
    @given(st.lists(st.tuples(NAMES, DATA)))
    def test_events_survive_encoding(self, events: list[tuple[bytes, bytes]]) -> None:
        self.assertEqual(decode_events(encode_events(events)), events)

    def test_an_event_is_a_line(self) -> None:
        self.assertEqual(
            encode_events([(b"response.done", b'{"a": 1}'), (b"", b"[]")]), b'response.done {"a": 1}\n []\n'
        )

    def test_a_line_without_a_space_is_an_error(self) -> None:
        self.assertRaises(ValueError, decode_events, b"response.done\n")
