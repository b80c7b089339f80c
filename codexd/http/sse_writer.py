"""Writes a streamed response as Server-Sent Events (WHATWG HTML, 9.2)."""

from collections.abc import Sequence

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from codexd.fronts.dialect import StreamEvent
from codexd.http.response_headers import STREAM, set_response_headers
from codexd.http.response_writer import ResponseWriter
from codexd.interfaces import IStreamWriter
from codexd.wire.sse import encode_comment, encode_event, encode_frame

_KEEP_ALIVE = encode_comment(b"keep-alive")


@implementer(IStreamWriter)
class SseWriter(ResponseWriter):
    """Writes the events of one stream to an HTTP request; those of one call leave in one write."""

    def open(self, producer: IPushProducer, ignored: tuple[str, ...]) -> None:
        """Send the status and the headers (IStreamWriter)."""
        request = self._request
        request.setResponseCode(200)
        request.note_sending()
        request.set_headers(STREAM)
        set_response_headers(request, ignored)
        request.stream_probe = _KEEP_ALIVE
        request.registerProducer(producer, True)

    def write(self, events: Sequence[StreamEvent]) -> None:
        """Send events (IStreamWriter)."""
        if len(events) == 1:  # the hot path: one delta
            self._request.write_body(encode_event(events[0]))
        else:
            self._request.write_body(b"".join(map(encode_event, events)))

    def keep_alive(self) -> None:
        """Send a comment (IStreamWriter)."""
        self._request.write_body(_KEEP_ALIVE)

    def finish(self, events: Sequence[StreamEvent], complete: bool) -> None:
        """Send the last events and end the response (IStreamWriter)."""
        frames = [encode_event(event) for event in events]
        done = self._request.dialect.done
        if complete and done:
            frames.append(encode_frame(done))
        if frames:
            self._request.write_body(b"".join(frames))
        self._request.unregisterProducer()
        self.done.callback(None)
