"""An upstream whose answer is the hostile stream that the request names: `hostile: <name>`."""

import asyncio
import re
import sys
from typing import Final

from bench.instant_upstream import InstantUpstream
from tests.support.hostile_streams import STREAMS

_NAME: Final = re.compile(rb"hostile: ([a-z-]+)")
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


class HostileUpstream(InstantUpstream):
    """One connection with one request at a time."""

    def answer(self, head: bytes, body: bytes) -> None:
        """Send the named stream, or a short answer."""
        named = _NAME.search(body[-4096:])
        if named is None:
            super().answer(head, body)
        else:
            self._transport.write(_HEAD + STREAMS[named[1].decode()]())
            self._transport.close()


async def serve(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(HostileUpstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
