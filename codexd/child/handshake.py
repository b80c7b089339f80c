"""Runs the exchanges of a protocol, such as its handshake, with a child."""

from typing import TypeVar

from codexd.child.peer import Peer
from codexd.child.protocol import Exchange, SendNotification
from codexd.wire.json import Json

_T = TypeVar("_T")


async def run_exchange(peer: Peer, exchange: Exchange[_T]) -> _T:
    """Make the calls of an exchange one after the other; return what it returns.

    Raises:
        FaultError: when a call fails or is not answered in time.
        ValueError: when a result has another shape than the protocol's.
    """
    result: Json = None
    try:
        while True:
            step = exchange.send(result)
            if isinstance(step, SendNotification):
                peer.notify(step.method)
                result = None
            else:
                result = await peer.call(step)
    except StopIteration as end:
        value: _T = end.value
        return value
    finally:
        exchange.close()
