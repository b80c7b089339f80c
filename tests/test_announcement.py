"""What the daemon says of itself when it starts."""

import shlex
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd import __version__
from codexd.announcement import announcement
from codexd.settings import Http, Settings, Upstream
from codexd.wire import json

HOME = Path("/home/me/.codex")


class AnnouncementTests(SynchronousTestCase):
    def url(self, *listen: str) -> str | None:
        """Give the URL of the line to try, if there is one."""
        said = announcement(Settings(Http(listen=listen)), "account", HOME)
        return said[1].removeprefix("Try: curl ").removesuffix("/v1/models") if len(said) == 2 else None

    def test_it_tells_whose_models_answer(self) -> None:
        for serving, whose in (("account", "the Codex account in"), ("scripted", "no Codex login in")):
            said = announcement(Settings(), serving, HOME)[0]  # type: ignore[arg-type]
            self.assertIn(whose, said)
            self.assertIn(__version__, said)
            self.assertTrue(said.rstrip(")").endswith("/home/me/.codex"), said)

    def test_upstreams_are_named_beside_codex_or_alone(self) -> None:
        upstreams = Upstream("local", "http://127.0.0.1:1/v1"), Upstream("cloud", "https://c/v1")
        alone = announcement(Settings(upstream=upstreams), "none", HOME)[0]
        self.assertTrue(alone.endswith("answers with those of local and those of cloud"), alone)
        beside = announcement(Settings(upstream=upstreams), "account", HOME)[0]
        self.assertIn("account in /home/me/.codex and those of local", beside)
        self.assertIn("neither Codex nor an upstream", announcement(Settings(), "none", HOME)[0])

    def test_the_line_to_try_is_a_request_that_a_shell_takes(self) -> None:
        words = shlex.split(announcement(Settings(), "scripted", HOME)[1].removeprefix("Try: "))
        self.assertEqual(words[:2], ["curl", "http://127.0.0.1:11435/v1/chat/completions"])
        self.assertEqual(words[2:5], ["-H", "content-type: application/json", "-d"])
        self.assertEqual(json.decode(words[5])["model"], "scripted")

    def test_an_account_is_tried_without_spending_anything(self) -> None:
        words = shlex.split(announcement(Settings(), "account", HOME)[1].removeprefix("Try: "))
        self.assertEqual(words, ["curl", "http://127.0.0.1:11435/v1/models"])

    def test_where_keys_are_needed_a_place_for_one_is_shown_and_never_a_key(self) -> None:
        for serving in ("account", "scripted"):
            said = " ".join(announcement(Settings(Http(api_keys=("sk-secret",))), serving, HOME))  # type: ignore[arg-type]
            self.assertIn("-H 'authorization: Bearer YOUR-KEY'", said)
            self.assertNotIn("sk-secret", said)

    def test_the_url_is_one_that_this_machine_can_call(self) -> None:
        urls = {
            "tcp:8080": "http://127.0.0.1:8080",
            "tcp:8080:interface=192.168.1.5": "http://192.168.1.5:8080",
            "tcp:8080:interface=0.0.0.0": "http://127.0.0.1:8080",
            r"tcp:8080:interface=\:\:1": "http://[::1]:8080",
            r"tcp:8080:interface=\:\:": "http://[::1]:8080",
            "tcp:port=8080": "http://127.0.0.1:8080",
            "tcp6:8080": "http://[::1]:8080",
        }
        for endpoint, url in urls.items():
            self.assertEqual(self.url(endpoint), url, endpoint)

    def test_the_first_that_can_be_called_is_shown(self) -> None:
        self.assertEqual(self.url("unix:/run/codexd.sock", "tcp:1", "tcp:2"), "http://127.0.0.1:1")

    def test_where_no_url_is_known_there_is_nothing_to_try(self) -> None:
        for endpoint in ("unix:/run/codexd.sock", "systemd:domain=INET:index=0", "tcp:0", "ssl:443"):
            self.assertIsNone(self.url(endpoint), endpoint)
