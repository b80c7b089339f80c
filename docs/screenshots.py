"""Makes the pictures of docs/status-page.md: `python -m docs.screenshots`. They show the scripted model."""

from pathlib import Path
from typing import Any, Final

from tests.support.browser import Window, shared_browser
from tests.support.live_daemon import Daemon, DaemonSetup, discard_shared, shared

FOLDER: Final = Path(__file__).parent / "images"
_SIZE: Final = {"width": 1280, "height": 1000}
_SCRIPTS: Final = ("say: hello", "slow: 20", "think: it follows", "slow: 5", "fail: 500", "say: good morning")


def main() -> None:
    """Make the pictures of the status page, light and dark, and of the playground."""
    FOLDER.mkdir(exist_ok=True)
    daemon = shared(DaemonSetup())
    for script in _SCRIPTS:
        daemon.chat(script)
    for scheme in ("light", "dark"):
        shared_browser().use(lambda window, scheme=scheme: _show_status(window, daemon, scheme), **_options(scheme))
    shared_browser().use(lambda window: _show_playground(window, daemon), **_options("light"))
    discard_shared()


def _options(scheme: str) -> dict[str, Any]:
    return {"color_scheme": scheme, "viewport": _SIZE}


def _show_status(window: Window, daemon: Daemon, scheme: str) -> None:
    window.page.goto(f"http://127.0.0.1:{daemon.port}/")
    window.page.screenshot(path=FOLDER / f"status-{scheme}.png", full_page=True)


def _show_playground(window: Window, daemon: Daemon) -> None:
    page = window.page
    page.goto(f"http://127.0.0.1:{daemon.port}/status/playground")
    page.get_by_text("Instructions and tools").click()
    page.get_by_label("Offer these tools").check()
    for script, end in (("think: Oslo is a city.", "finished: stop"), ('call: weather {"city": "Oslo"}', "tool_calls")):
        page.get_by_role("textbox", name="Message").fill(script)
        page.get_by_role("button", name="Send").click()
        page.get_by_text(end).wait_for()
    page.screenshot(path=FOLDER / "playground-light.png", full_page=True)


if __name__ == "__main__":
    main()
