"""The trace buffer: records what was sent and received for each request, and writes it to files in a thread."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.context import RequestRecord
from codexd.observe.log import format_failure
from codexd.observe.metrics import Metrics
from codexd.observe.recent_requests import RecentRequest
from codexd.observe.request_story import render_story
from codexd.observe.trace_document import encode_trace
from codexd.observe.trace_files import PruneReason, TraceDirectory
from codexd.request_trace import RequestTrace, TracedRequest, TraceMemory
from codexd.settings import Trace

RunInThread = Callable[[Callable[[], Any]], "Deferred[Any]"]

_MEMORY_BYTES: Final = 128 * 2**20
"""What all traces may take in memory before they are written."""

_PRUNE_SECONDS: Final = 30.0


class TraceBuffer:
    """Records traces while it is enabled.

    Args:
        settings: the limits, and whether it is enabled.
        directory: where the files are.
        run_in_thread: runs a function outside of the reactor, one after the other.
        clock: for the timer.
        now: returns Unix time in seconds.
        metrics: counts the files.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        settings: Trace,
        directory: TraceDirectory,
        run_in_thread: RunInThread,
        clock: IReactorTime,
        now: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._run_in_thread = run_in_thread
        self._now = now
        self._metrics = metrics
        self._memory = TraceMemory(_MEMORY_BYTES)
        self._clock = clock
        self._is_failing = False
        self._pruning = LoopingCall(self._prune)
        self._pruning.clock = clock
        metrics.watch("trace_enabled", lambda: self._settings.enabled)

    def start(self) -> None:
        """Delete old files regularly, also those that were written before it was switched off."""
        self._pruning.start(_PRUNE_SECONDS)

    def stop(self) -> None:
        """Stop deleting old files."""
        if self._pruning.running:
            self._pruning.stop()

    def apply(self, settings: Trace, directory: TraceDirectory) -> None:
        """Use other settings from now on."""
        if directory != self._directory:
            self._is_failing = False
        self._settings, self._directory = settings, directory

    @property
    def is_enabled(self) -> bool:
        """Whether requests are recorded."""
        return self._settings.enabled

    def begin(self, seconds: Callable[[], float], request: TracedRequest) -> RequestTrace:
        """Return a trace for a request."""
        trace = RequestTrace(
            seconds=seconds, request=request, limit_bytes=self._settings.max_request_bytes, memory=self._memory
        )
        trace.reserve_request()
        return trace

    def finish(self, record: RequestRecord, trace: RequestTrace) -> None:
        """Write the trace of a request that is over."""
        trace.end()
        story = render_story(RecentRequest(record, running=False), 0.0)
        settings, directory, now, began = self._settings, self._directory, self._now(), record.began
        name = f"{_format_time(now)}-{record.id}.json"

        def write() -> Counter[PruneReason]:
            directory.write(name, encode_trace(trace, story, began))
            return directory.prune(settings, now)

        writing = self._run_in_thread(write)
        writing.addCallbacks(self._written, self._could_not_write)
        writing.addBoth(lambda _: trace.release())

    def _written(self, pruned: "Counter[PruneReason]") -> None:
        self._metrics.count("trace_files_written")
        if self._is_failing:
            self._is_failing = False
            self._log.info("The trace buffer works again", event="trace_buffer_works")
        self._pruned(pruned)

    def _could_not_write(self, failure: Failure) -> "Deferred[None] | None":
        """Report the failure, and delete what is old, which may be why there is no room."""
        self._failed(failure)
        return self._prune()

    def _failed(self, failure: Failure) -> None:
        """Count a failure; further ones are logged only once it has worked again, or in another directory."""
        self._metrics.count("trace_failures")
        if self._is_failing:
            return
        self._is_failing = True
        reason = str(failure.value) if failure.check(OSError) else format_failure(failure)
        self._log.error("The trace buffer failed: {reason}", event="trace_buffer_failed", reason=reason)

    def _prune(self) -> "Deferred[None] | None":
        settings, directory, now = self._settings, self._directory, self._now()
        if not directory.path.is_dir():
            return None
        pruning = self._run_in_thread(lambda: directory.prune(settings, now))
        return pruning.addCallbacks(self._pruned, self._failed)

    def _pruned(self, pruned: "Counter[PruneReason]") -> None:
        for reason, number in pruned.items():
            self._metrics.count_pruned_traces(reason, number)
        if pruned:
            self._log.info(
                "Deleted {total} files of the trace buffer: {expired} too old, {count} too many, {size} too large",
                event="trace_files_deleted",
                total=pruned.total(),
                expired=pruned["expired"],
                count=pruned["count"],
                size=pruned["size"],
            )


def _format_time(now: float) -> str:
    """Return a time as the name of a file begins, such as `20261130T164612.123Z`."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
