"""The status page and the playground of a real daemon in a real browser. Without Chromium the tests are skipped."""

from collections.abc import Callable
from typing import Any, TypeVar

from codexd.wire.json import Json
from tests.support.accessibility import find_problems
from tests.support.browser import Window, shared_browser
from tests.support.live_daemon import CHAT, DaemonSetup, LiveTestCase, discard_shared

_T = TypeVar("_T")

ADMIN_KEY = "sk-administrator"
WITH_KEYS = DaemonSetup(settings=f'[http]\napi_keys = ["sk-client"]\n[admin]\napi_keys = ["{ADMIN_KEY}"]\n')
EVIL = "<img src=x onerror=\"window.hacked='yes'\">"


class PageTestCase(LiveTestCase):
    """Opens windows on the daemon."""

    def use(self, act: Callable[[Window], _T], **options: Any) -> _T:
        """Let `act` use a window, after the daemon is ready."""
        browser = shared_browser()
        self.base = f"http://127.0.0.1:{self.daemon.port}"
        return browser.use(act, **options)

    def load(self, window: Window, path: str = "/") -> Any:
        """Load a page and return Playwright's page."""
        window.page.goto(self.base + path)
        return window.page


def ask(page: Any, text: str) -> None:
    """Fill in the message and send it."""
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("button", name="Send").click()


def offer_tools(page: Any) -> None:
    page.get_by_text("Instructions and tools").click()
    page.get_by_label("Offer these tools").check()


def transcript(page: Any) -> str:
    return str(page.get_by_role("log").inner_text())


class PlaygroundTests(PageTestCase):
    def test_an_answer_appears_word_by_word(self) -> None:
        def act(window: Window) -> None:
            page = self.load(window, "/status/playground")
            page.evaluate(
                """() => {
                  window.lengths = new Set();
                  const log = document.getElementById("transcript");
                  new MutationObserver(() => window.lengths.add(log.textContent.length))
                    .observe(log, { childList: true, subtree: true, characterData: true });
                }"""
            )
            ask(page, "slow: 12")
            page.locator("#transcript[aria-busy=true]").wait_for()
            page.get_by_text("finished: stop").wait_for()
            self.assertGreater(len(page.evaluate("[...window.lengths]")), 5)
            self.assertEqual(page.locator("#transcript").get_attribute("aria-busy"), "false")
            self.assertEqual(page.evaluate("document.activeElement.id"), "message")

        self.use(act)

    def test_reasoning_tool_calls_and_their_results_are_shown(self) -> None:
        def act(window: Window) -> None:
            page = self.load(window, "/status/playground")
            ask(page, "think: it follows")
            page.get_by_text("finished: stop").wait_for()
            self.assertIn("Reasoning\nit follows\nit follows", transcript(page))
            offer_tools(page)
            ask(page, 'call: weather {"city": "Oslo"}')
            page.get_by_text("finished: tool_calls").wait_for()
            self.assertIn('Calls weather with {"city": "Oslo"}', transcript(page))
            page.get_by_label('Result of weather({"city": "Oslo"})').fill("sunny <b>today</b>")
            page.get_by_role("button", name="Send").click()
            page.get_by_text("tool said: sunny <b>today</b>").wait_for()
            self.assertEqual(page.locator("#transcript article").count(), 6)

        self.use(act)
        self.assertGreaterEqual(self.daemon.metric("codexd_turn_resumed_total"), 1)

    def test_an_answer_can_be_stopped_and_an_error_keeps_the_message(self) -> None:
        def act(window: Window) -> None:
            page = self.load(window, "/status/playground")
            ask(page, "slow: 600")
            page.get_by_role("button", name="Stop").click()
            page.get_by_text("Stopped.").wait_for()
            self.assertEqual(window.complaints, [])
            ask(page, "fail: 400 invalid_prompt")
            page.get_by_role("alert").wait_for()
            self.assertEqual(page.get_by_role("textbox", name="Message").input_value(), "fail: 400 invalid_prompt")
            self.assertNotIn("fail: 400", page.locator("#transcript").text_content())  # hidden if it is empty
            self.assertEqual(find_problems(page), [])
            window.complaints.clear()  # the console names every error status

        self.use(act)

    def test_an_empty_message_is_not_sent_and_a_refused_one_is_no_conversation(self) -> None:
        def act(window: Window) -> None:
            page = self.load(window, "/status/playground")
            page.get_by_role("button", name="Send").click()
            self.assertTrue(page.evaluate("document.querySelector('#message').validity.valueMissing"))
            self.assertFalse(page.get_by_role("heading", name="Conversation").is_visible())
            ask(page, "fail: 400 invalid_prompt")
            page.get_by_role("alert").wait_for()
            self.assertFalse(page.get_by_role("heading", name="Conversation").is_visible())
            ask(page, "say: hello")
            page.get_by_text("finished: stop").wait_for()
            self.assertTrue(page.get_by_role("heading", name="Conversation").is_visible())
            self.assertFalse(page.get_by_role("alert").is_visible())
            window.complaints.clear()  # the console names every error status

        self.use(act)

    def test_it_works_without_javascript(self) -> None:
        def act(window: Window) -> None:
            page = self.load(window, "/status/playground")
            offer_tools(page)
            ask(page, 'call: weather {"city": "Oslo"}')
            page.get_by_label("Result of weather").fill("rain")
            page.get_by_role("button", name="Send").click()
            page.get_by_text("tool said: rain").wait_for()
            ask(page, "think: no script")
            page.get_by_text("finished: stop").wait_for()
            self.assertEqual(page.locator("#transcript article").count(), 6)
            self.assertIn("Reasoning\nno script", transcript(page))
            page.get_by_role("link", name="New conversation").click()
            self.assertEqual(page.locator("#transcript article").count(), 0)

        self.use(act, java_script_enabled=False)

    def test_it_works_with_the_keyboard_alone(self) -> None:
        def act(window: Window) -> None:
            page = self.load(window, "/status/playground")
            reached, outlines = [], []
            for _ in range(9):
                page.keyboard.press("Tab")
                reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
                outlines.append(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
                if reached[-1] == "message":
                    page.keyboard.type("say: typed")
            names = ["Skip to the content", "Status", "Playground", "model", "effort", "message"]
            self.assertEqual(reached, [*names, "Instructions and tools", "Send", "New conversation"])
            self.assertEqual(set(outlines), {"solid"})
            page.keyboard.press("Shift+Tab")
            page.keyboard.press("Enter")
            page.get_by_text("finished: stop").wait_for()
            page.keyboard.type("say: again")
            page.keyboard.press("Control+Enter")
            page.locator("#transcript article").nth(3).get_by_text("again").wait_for()
            page.get_by_text("finished: stop").wait_for()

        self.use(act)


class StatusTests(PageTestCase):
    def test_every_page_is_accessible_light_and_dark(self) -> None:
        self.daemon.chat("say: hello")
        self.daemon.chat("fail: 500")

        def act(window: Window) -> list[str]:
            seen = []
            for path in ("/", "/status/playground"):
                page = self.load(window, path)
                self.assertEqual(find_problems(page), [], path)
                seen.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            offer_tools(page)
            ask(page, "think: a thought")
            page.get_by_text("finished: stop").wait_for()
            self.assertEqual(find_problems(page), [])
            page = self.load(window)
            page.locator("#recent ~ div a").first.click()
            page.get_by_role("heading", name="Timeline").wait_for()
            self.assertEqual(find_problems(page), [])
            self.assertFalse(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
            return seen

        light = self.use(act, color_scheme="light", viewport={"width": 1200, "height": 800})
        dark = self.use(act, color_scheme="dark", viewport={"width": 400, "height": 800})
        self.assertEqual((len({*light}), len({*dark}), len({*light, *dark})), (1, 1, 2))

    def test_no_word_of_a_table_is_broken_and_wide_tables_scroll(self) -> None:
        self.daemon.chat("say: hello")
        find_broken = """() => [...document.querySelectorAll("#recent ~ div td, #recent ~ div thead th")]
          .filter((cell) => {
            const text = document.createRange();
            text.selectNodeContents(cell);
            return text.getBoundingClientRect().height > 30;
          })
          .map((cell) => cell.innerText)"""

        def act(window: Window) -> None:
            page = self.load(window)
            self.assertEqual(page.evaluate(find_broken), [])
            self.assertFalse(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
            scrolled = page.get_by_role("region", name="Recent requests: table")
            scrolled.focus()
            if page.viewport_size["width"] < 600:
                self.assertTrue(scrolled.evaluate("(one) => one.scrollWidth > one.clientWidth"))
                page.keyboard.press("End")
                page.keyboard.press("ArrowRight")
                page.wait_for_function("(one) => one.scrollLeft > 0", arg=scrolled.element_handle())

        for width in (1280, 390):
            self.use(act, viewport={"width": width, "height": 800})

    def test_the_state_of_the_daemon_is_shown(self) -> None:
        self.daemon.chat("say: hello")

        def act(window: Window) -> None:
            page = self.load(window)
            workers = page.get_by_role("table", name="Codex processes")
            self.assertIn(str(self.daemon.children[0]), workers.inner_text())
            self.assertIn("runs", workers.inner_text())
            requests = page.get_by_role("table", name="Recent requests")
            self.assertIn("scripted", requests.inner_text())
            page.get_by_role("link", name=f"POST {CHAT}").first.click()
            steps = page.get_by_role("table", name="Steps of the request")
            self.assertIn("received", steps.inner_text())
            page.get_by_role("link", name="Status").click()
            page.get_by_role("link", name="Refresh every 15 seconds").click()
            self.assertIn("Loaded again every 15 seconds", page.inner_text("main"))

        self.use(act)

    def test_maintenance_is_switched_on_and_off(self) -> None:
        daemon = self.daemon
        self.addCleanup(lambda: daemon.metric("codexd_maintenance") and discard_shared())

        def act(window: Window) -> None:
            page = self.load(window)
            page.get_by_label("Message for clients").fill("back at ten")
            page.get_by_role("button", name="Begin maintenance").click()
            page.get_by_role("status").get_by_text("Maintenance is on.").wait_for()
            refused = daemon.chat("say: hello")
            self.assertEqual((refused.status, refused.json["error"]["message"]), (503, "back at ten"))
            page.get_by_role("button", name="End maintenance").click()
            page.get_by_role("status").get_by_text("Maintenance is off.").wait_for()

        self.use(act)
        self.assertEqual(self.daemon.chat_text("say: hello"), "hello")

    def test_what_clients_made_up_is_shown_and_not_run(self) -> None:
        self.daemon.post(CHAT, {"model": EVIL, "messages": [{"role": "user", "content": "hi"}]})
        self.daemon.get("/%3Cscript%3Ehacked", {"x-request-id": "evil"})

        def act(window: Window) -> None:
            page = self.load(window)
            shown = page.inner_text("main")
            self.assertIn(EVIL, shown)
            self.assertIn("GET /<script>hacked", shown)
            self.load(window, "/status/requests/evil")
            self.assertIsNone(page.evaluate("window.hacked || null"))
            # If something did break out, the policy would stop it.
            page.evaluate(
                """() => {
                  const script = document.createElement("script");
                  script.textContent = "window.hacked = 'yes'";
                  document.body.append(script);
                }"""
            )
            self.assertIsNone(page.evaluate("window.hacked || null"))
            (complaint,) = window.complaints
            self.assertIn("Content Security Policy", complaint)
            window.complaints.clear()

        self.use(act)

    def test_a_page_of_another_site_cannot_send_its_forms(self) -> None:
        def act(window: Window) -> None:
            token = self.load(window).locator("input[name=token]").first.input_value()
            form = (
                f'<form method="post" action="{self.base}/status/maintenance">'
                f'<input name="token" value="{token}"><input name="enabled" value="yes">'
                '<input name="retry_after_seconds" value="60"><button>Go</button></form>'
            )
            window.context.route("http://other.test/", lambda route: route.fulfill(content_type="text/html", body=form))
            page = window.page
            page.goto("http://other.test/")
            page.get_by_role("button", name="Go").click()
            page.get_by_text("The form is not from a current page").wait_for()
            window.complaints.clear()  # the console names the status 403

        self.use(act)
        self.assertEqual(self.daemon.metric("codexd_maintenance"), 0)


class SignInTests(PageTestCase):
    daemon_setup = WITH_KEYS

    def sign_in(self, window: Window, key: str) -> Any:
        page = self.load(window)
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Sign in").click()
        return page

    def test_an_administrator_signs_in_and_out(self) -> None:
        def act(window: Window) -> Json:
            page = self.sign_in(window, "sk-client")
            page.get_by_role("alert").wait_for()
            window.complaints.clear()  # the console names the status 403
            self.assertEqual(find_problems(page), [])
            self.sign_in(window, ADMIN_KEY).get_by_role("heading", name="Codex processes").wait_for()
            (cookie,) = window.context.cookies()
            self.assertEqual(page.evaluate("fetch('/v1/models').then((response) => response.status)"), 401)
            window.complaints.clear()  # the console names the status 401
            page.get_by_role("link", name="Playground").click()
            ask(page, "say: hello")
            page.get_by_text("finished: stop").wait_for()
            page.get_by_role("button", name="Sign out").click()
            page.get_by_label("API key").wait_for()
            page.go_back()
            page.get_by_label("API key").wait_for()
            self.assertEqual(window.context.cookies(), [])
            return cookie

        cookie = self.use(act)
        self.assertEqual((cookie["httpOnly"], cookie["sameSite"], cookie["path"]), (True, "Strict", "/"))
        self.assertGreater(cookie["expires"], 0)
