"""A real browser for live tests: Debian's Chromium, driven by Playwright, without a display and without a network.

Tests share one process, which starts in two seconds; each has windows of its own.
"""

import atexit
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from twisted.trial.unittest import SkipTest

CHROMIUM = "chromium"
TIMEOUT_SECONDS = 60.0
"""How long the browser may take for one step; it allows for a loaded machine."""

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_T = TypeVar("_T")


class Window:
    """One window with cookies of its own.

    Attributes:
        page: Playwright's page.
        context: Playwright's context.
        complaints: the errors and warnings of its console, such as violations of the policy, and uncaught exceptions.
    """

    def __init__(self, context: Any) -> None:
        self.context = context
        self.page = page = context.new_page()
        page.set_default_timeout(1000 * TIMEOUT_SECONDS)
        self.complaints: list[str] = []
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _listen(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


class Browser:
    """One Chromium process, with a thread, because Playwright's synchronous interface runs an event loop in its thread.

    Raises:
        SkipTest: if there is no Chromium.
    """

    def __init__(self) -> None:
        path = shutil.which(CHROMIUM)
        if path is None:
            raise SkipTest(f"{CHROMIUM} is not installed")
        self._path = path
        self._work: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._do(self._start)

    def use(self, act: Callable[[Window], _T], **options: Any) -> _T:
        """Open a window, let `act` use it in the browser's thread, and return its result.

        Args:
            act: uses the window. It clears the complaints that it expects.
            options: of the context, such as `java_script_enabled` and `color_scheme`.

        Raises:
            AssertionError: if the window has complaints.
        """
        return self._do(lambda: self._use(act, options))

    def _use(self, act: Callable[[Window], _T], options: dict[str, Any]) -> _T:
        context = self._browser.new_context(**options)
        try:
            window = Window(context)
            result = act(window)
            assert window.complaints == [], window.complaints
            return result
        finally:
            context.close()

    def close(self) -> None:
        """Stop the process and the thread."""
        self._do(self._stop)
        self._work.put(None)
        self._thread.join()

    def _start(self) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        # Playwright gives it a new directory for its profile.
        self._browser = self._playwright.chromium.launch(executable_path=self._path, args=list(_FLAGS))

    def _stop(self) -> None:
        self._browser.close()
        self._playwright.stop()

    def _do(self, work: Callable[[], _T]) -> _T:
        future: Future[_T] = Future()
        self._work.put((work, future))
        return future.result()

    def _serve(self) -> None:
        while (next_work := self._work.get()) is not None:
            work, future = next_work
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)


_shared: list[Browser] = []


def shared_browser() -> Browser:
    """Return the browser of this process, started when it is first used.

    Raises:
        SkipTest: if there is no Chromium.
    """
    if not _shared:
        _shared.append(Browser())
    return _shared[0]


@atexit.register
def close_shared_browser() -> None:
    """Stop the browser of this process."""
    while _shared:
        _shared.pop().close()
