"""Threads that wait for another request: suspended turns, and idle threads of finished conversations."""

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime

from codexd.child.active_turn import ActiveTurn
from codexd.child.session import Session, ThreadHost
from codexd.neutral.turn import Item, ToolResult, Turn
from codexd.observe.metrics import Metrics
from codexd.policy import estimate
from codexd.policy.affinity import TurnFingerprints, as_tool_results, fingerprint_extended
from codexd.policy.expiring_cache import ExpiringCache
from codexd.policy.fallback import CODEX
from codexd.settings import Turns

MAX_WINDOWS = 256
"""Models whose context windows are remembered at most; clients may choose the names."""

Continuation = tuple[Session, tuple[Item, ...]]
"""The session that a request continues, and the items of its history that the thread has not seen."""


class IdleThreads:
    """Bounded caches of suspended and idle sessions, found by the history they have seen.

    A suspended turn is continued by exactly the tool results it waits for. An idle thread is continued by a
    request whose history begins with the thread's. Sessions that are too old, or too many, are closed.
    """

    def __init__(self, turns: Turns, clock: IReactorTime, metrics: Metrics, backend: str = CODEX) -> None:
        self._turns = turns
        self._clock = clock
        self._metrics = metrics
        self._suspended: ExpiringCache[Session] = ExpiringCache(turns.suspend_limit, turns.suspend_seconds)
        self._idle: ExpiringCache[Session] = ExpiringCache(
            turns.affinity_limit if turns.affinity else 0, turns.affinity_seconds
        )
        self._windows: dict[str, int] = {}
        metrics.watch_home(backend, "turns_suspended", lambda: self.suspended)
        metrics.watch_home(backend, "threads_idle", lambda: len(self._idle))

    @property
    def suspended(self) -> int:
        """The number of suspended turns."""
        return len(self._suspended)

    def apply(self, turns: Turns) -> None:
        """Use other limits; what is beyond them is closed as further sessions come."""
        self._turns = turns
        self._suspended.limit, self._suspended.seconds = turns.suspend_limit, turns.suspend_seconds
        self._idle.limit, self._idle.seconds = turns.affinity_limit if turns.affinity else 0, turns.affinity_seconds

    def context_window(self, model: str) -> int | None:
        """Return a model's context window in tokens, if it is known."""
        return self._windows.get(model)

    def history_budget(self, turn: Turn) -> int | None:
        """Return how many tokens the turn's history may have; None if the model's window is unknown."""
        window = self._windows.get(turn.model)
        return None if window is None else estimate.history_budget(turn, window, self._turns.context_share)

    def add_windows(self, windows: Mapping[str, int]) -> None:
        """Add context windows from the model catalog; windows reported by threads take precedence."""
        self._windows = {**windows, **self._windows}

    def take(self, turn: Turn, keys: TurnFingerprints) -> Continuation | None:
        """Find the session that this request continues, and remove it from its cache."""
        if turn.items and isinstance(turn.items[-1], ToolResult):
            found = self.take_suspended(turn, keys)
            if found is not None:
                return found
            self._metrics.count("turn_replayed")
        if not self._turns.affinity:
            return None
        found = self._take_idle(turn, keys)
        self._metrics.count("affinity_miss" if found is None else "affinity_hit")
        return found

    def take_suspended(self, turn: Turn, keys: TurnFingerprints) -> Continuation | None:
        """Find the suspended turn that waits for exactly these results, and remove it from its cache."""
        found = self._take_suspended(turn, keys)
        if found is not None:
            self._metrics.count("turn_resumed")
        return found

    def has_suspended(self, turn: Turn, keys: TurnFingerprints) -> bool:
        """Return whether a suspended turn waits for results of this history."""
        return any((keys.turn, prefix.digest) in self._suspended for prefix in keys.prefixes[:-1])

    def add(self, session: Session, turn: ActiveTurn) -> bool:
        """Add the session of a turn that has ended; return False if the thread is to be unloaded instead."""
        translator, reply, now = session.translator, turn.reply, self._clock.seconds()
        window = translator.window_tokens
        if window is not None and len(self._windows) < MAX_WINDOWS:
            self._windows[turn.request.model] = window
        owner = turn.request.principal
        digest = fingerprint_extended(turn.keys.prefixes, turn.request.items, reply.items)
        if translator.state == "suspended" and translator.pending_calls:
            self._metrics.count("turn_suspended")
            self._close_all(self._suspended.put((turn.keys.turn, digest), session, now, owner), "turn_expired")
        elif translator.state == "idle" and self._turns.affinity and translator.has_exact_history:
            self._close_all(self._idle.put((turn.keys.thread, digest), session, now, owner), "affinity_evicted")
        else:
            return False
        return True

    def close_expired(self) -> None:
        """Close sessions that have waited too long."""
        now = self._clock.seconds()
        self._close_all(self._suspended.expire(now), "turn_expired")
        self._close_all(self._idle.expire(now), "affinity_evicted")

    def close_idle(self) -> None:
        """Close every idle thread, to free memory in the children. Suspended turns stay."""
        self._close_all(self._idle.discard(lambda _: True), "affinity_evicted")

    def drop_host(self, host: ThreadHost) -> None:
        """Forget the sessions of a child that has exited."""
        for cache in (self._suspended, self._idle):
            cache.discard(lambda session: session.host is host)

    def close_host(self, host: ThreadHost) -> None:
        """Close every session on a child, suspended ones included."""
        for cache, counter in ((self._suspended, "turn_expired"), (self._idle, "affinity_evicted")):
            self._close_all(cache.discard(lambda session: session.host is host), counter)

    def _take_suspended(self, turn: Turn, keys: TurnFingerprints) -> Continuation | None:
        for prefix in reversed(keys.prefixes):
            if prefix.count == len(turn.items):
                continue
            if not isinstance(turn.items[prefix.count], ToolResult):
                return None
            session = self._pop(self._suspended, (keys.turn, prefix.digest))
            if session is None:
                continue
            rest = turn.items[prefix.count :]
            given = [answer.call_id for answer in as_tool_results(rest) or ()]
            if sorted(given) == sorted(session.translator.pending_calls) and self._can_continue(session, rest):
                return session, rest
            session.close()
            return None
        return None

    def _take_idle(self, turn: Turn, keys: TurnFingerprints) -> Continuation | None:
        """Find the idle thread that has seen the longest prefix of this history."""
        for prefix in reversed(keys.prefixes[:-1]):
            session = self._pop(self._idle, (keys.thread, prefix.digest))
            if session is None:
                continue
            rest = turn.items[prefix.count :]
            if self._can_continue(session, rest) and not session.host.full:
                return session, rest
            session.close()
            return None
        return None

    def _pop(self, cache: ExpiringCache[Session], key: tuple[bytes, bytes]) -> Session | None:
        return cache.take(key, self._clock.seconds())

    def _can_continue(self, session: Session, rest: tuple[Item, ...]) -> bool:
        """Return whether the thread still has its whole history, and room for the rest."""
        translator = session.translator
        alive = translator.state in ("suspended", "idle")
        share = translator.share_with(estimate.history_tokens(rest))
        return alive and not translator.compacted and share < self._turns.context_share

    def _close_all(self, sessions: list[Session], counter: str) -> None:
        for session in sessions:
            self._metrics.count(counter)
            session.close()
