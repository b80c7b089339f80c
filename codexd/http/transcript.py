"""A stream as it is written down, and those who follow it, each from where it likes."""

from collections.abc import Callable, Iterable

Follower = Callable[[], None]


class Transcript:
    """What was said so far; followers read it themselves, when they can.

    Attributes:
        said: whole frames, one after another.
        over: nothing more will come.
        whole: it has its end; one that is over and not whole broke off.
    """

    def __init__(self, said: bytes = b"", over: bool = False) -> None:
        self.said = bytearray(said)
        self.over = self.whole = over
        self._followers: list[Follower] = []

    def write(self, frames: Iterable[bytes]) -> None:
        """Write frames down, and tell nobody yet."""
        self.said += b"".join(frames)

    def tell(self) -> None:
        """Tell the followers that there is more to read."""
        for follower in tuple(self._followers):
            follower()

    def end(self, frames: list[bytes]) -> None:
        """Write the last frames; without any it breaks off."""
        self.write(frames)
        self.over, self.whole = True, bool(frames)
        self.tell()

    def follow(self, follower: Follower) -> None:
        """Tell this one, too, from now on."""
        self._followers.append(follower)

    def leave(self, follower: Follower) -> None:
        """Tell this one no more. Idempotent."""
        if follower in self._followers:
            self._followers.remove(follower)
