"""The threads kept between requests: turns suspended for their tools' results, conversations kept warm."""

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime

from codexd.backs import estimate
from codexd.backs.profile import obligations
from codexd.backs.thread import UNKNOWN_WINDOW
from codexd.child.run import Run
from codexd.child.session import Host, Session
from codexd.neutral.turn import Item, ToolResult, Turn
from codexd.observe.metrics import Metrics
from codexd.policy.affinity import Keys, extended, results
from codexd.policy.shelf import Shelf
from codexd.settings import Turns

MAX_WINDOWS = 256
"""How many models' context windows are remembered; their names may be the clients'."""

Found = tuple[Session, tuple[Item, ...]]
"""A kept thread, and what of the history it has not seen."""


class Keeping:
    """Two shelves of sessions, and the rules of what goes on them and off."""

    def __init__(self, turns: Turns, clock: IReactorTime, metrics: Metrics) -> None:
        self._turns = turns
        self._clock = clock
        self._metrics = metrics
        self._suspended: Shelf[Session] = Shelf(turns.suspend_limit, turns.suspend_seconds)
        self._warm: Shelf[Session] = Shelf(
            turns.affinity_limit if turns.affinity else 0, turns.affinity_seconds
        )
        self._windows: dict[str, int] = {}
        metrics.watch("turns_waiting", lambda: len(self._suspended))
        metrics.watch("threads_warm", lambda: len(self._warm))

    def window(self, model: str) -> int:
        """Give a model's context window in tokens, or what is surely less."""
        return self._windows.get(model, UNKNOWN_WINDOW)

    def room(self, turn: Turn) -> int | None:
        """Give how many tokens the history may have; None where the model's window is not known."""
        window = self._windows.get(turn.model)
        return None if window is None else estimate.room(turn, window, self._turns.context_share)

    def learn(self, windows: Mapping[str, int]) -> None:
        """Take in what windows models are said to have; what a thread told counts for more."""
        self._windows = {**windows, **self._windows}

    def find(self, turn: Turn, keys: Keys) -> Found | None:
        """Find the thread this request goes on with; it is taken off its shelf."""
        if turn.items and isinstance(turn.items[-1], ToolResult):
            found = self._waiting(turn, keys)
            self._metrics.count("turn_replayed" if found is None else "turn_resumed")
            if found is not None:
                return found
        if not self._turns.affinity:
            return None
        found = self._longest(turn, keys)
        self._metrics.count("affinity_miss" if found is None else "affinity_hit")
        return found

    def keep(self, session: Session, run: Run) -> bool:
        """Keep the thread of an answer that has ended, if it may be wanted; False: unload it."""
        thread, reply, now = session.thread, run.reply, self._clock.seconds()
        if thread.window != UNKNOWN_WINDOW and len(self._windows) < MAX_WINDOWS:
            self._windows[run.turn.model] = thread.window
        digest = extended(run.keys.prefixes, run.turn.items, reply.items)
        if thread.state == "suspended" and thread.waiting:
            self._metrics.count("turn_suspended")
            self._let_go(self._suspended.put((run.keys.turn, digest), session, now), "turn_expired")
        elif thread.state == "idle" and self._turns.affinity and not obligations(run.turn):
            self._let_go(self._warm.put((run.keys.thread, digest), session, now), "affinity_evicted")
        else:
            return False
        return True

    def sweep(self) -> None:
        """Let go of what was kept too long."""
        now = self._clock.seconds()
        self._let_go(self._suspended.expire(now), "turn_expired")
        self._let_go(self._warm.expire(now), "affinity_evicted")

    def relieve(self) -> None:
        """Let go of every warm thread: the children take too much memory."""
        self._let_go(self._warm.discard(lambda _: True), "affinity_evicted")

    def lose(self, host: Host) -> None:
        """A child is gone, and its threads with it."""
        for shelf in (self._suspended, self._warm):
            shelf.discard(lambda session: session.host is host)

    def _waiting(self, turn: Turn, keys: Keys) -> Found | None:
        """Find the suspended turn that waits for exactly these results."""
        for prefix in reversed(keys.prefixes):
            rest = turn.items[prefix.count :]
            answers = results(rest)
            if rest and answers is None:
                return None
            session = self._take(self._suspended, (keys.turn, prefix.digest)) if answers else None
            if session is None:
                continue
            given = [answer.call_id for answer in answers or ()]
            if sorted(given) == sorted(session.thread.waiting) and self._sound(session, rest):
                return session, rest
            session.close()
            return None
        return None

    def _longest(self, turn: Turn, keys: Keys) -> Found | None:
        """Find the warm thread that has seen most of this history."""
        for prefix in reversed(keys.prefixes[:-1]):
            session = self._take(self._warm, (keys.thread, prefix.digest))
            if session is None:
                continue
            rest = turn.items[prefix.count :]
            if self._sound(session, rest) and not session.host.full:
                return session, rest
            session.close()
            return None
        return None

    def _take(self, shelf: Shelf[Session], key: tuple[bytes, bytes]) -> Session | None:
        return shelf.take(key, self._clock.seconds())

    def _sound(self, session: Session, rest: tuple[Item, ...]) -> bool:
        """Tell whether the thread still holds the history as it was given, and can take the rest."""
        thread = session.thread
        alive = thread.state in ("suspended", "idle")
        fill = thread.fill + estimate.history(rest) / thread.window
        return alive and not thread.compacted and fill < self._turns.context_share

    def _let_go(self, sessions: list[Session], counter: str) -> None:
        for session in sessions:
            self._metrics.count(counter)
            session.close()
