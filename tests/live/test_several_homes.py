"""Two homes of Codex in one daemon: each has its own provider and processes, and gets only its own requests."""

import os
import signal
from hashlib import sha256

from codexd.wire.json import Json
from tests.support.http_client import HttpResponse
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup, LiveTestCase, message, shared, user
from tests.support.processes import wait_until
from tests.support.provider_process import ProviderProcess

ALL, ANN = "sk-all", "sk-ann"
SETTINGS = f"""\
[http]
api_keys = ["{ALL}"]
[[key]]
name = "ann"
sha256 = "{sha256(ANN.encode()).hexdigest()}"
codex = "work"
[[codex]]
[[codex]]
name = "work"
prefix = "work/"
home = "{{folder}}/work-home"
[[models.alias]]
name = "quick"
model = "gpt-5.5"
codex = "work"
[[models.alias]]
name = "mine"
model = "gpt-5.5"
codex = "codex"
"""
SETUP = DaemonSetup(account=True, settings=SETTINGS)


class TwoHomes(Daemon):
    """A daemon with a second home, which has a provider of its own."""

    def __init__(self, setup: DaemonSetup) -> None:
        super().__init__(setup)
        self.work = ProviderProcess()
        home = self.folder / "work-home"
        home.mkdir(mode=0o700)
        config = (self.codex_home / "config.toml").read_text().replace(self.provider.url, self.work.url)
        self._write("work-home/config.toml", config)
        self._write("work-home/auth.json", '{"OPENAI_API_KEY": "none"}')

    def discard(self) -> None:
        """Stop the second provider, too."""
        super().discard()
        self.work.stop()

    def get(self, path: str, headers: dict[str, str] | None = None) -> HttpResponse:
        """Send a GET request, with the key that may use all homes unless another one is given."""
        return super().get(path, _with_key(headers))

    def post(self, path: str, body: Json, headers: dict[str, str] | None = None) -> HttpResponse:
        """Send a POST request, with a key as in `get`."""
        return super().post(path, body, _with_key(headers))

    def ask(self, model: str, text: str, key: str = ALL) -> HttpResponse:
        """Send a Chat request to a model."""
        return self.post(CHAT, {"model": model, "messages": user(text)}, _with_key(key=key))

    @property
    def up(self) -> dict[str, float]:
        """How many processes of each home are up."""
        return {name: self.metric(f'codexd_home_children_up{{backend="{name}"}}') for name in ("codex", "work")}

    def seen(self) -> tuple[str, str]:
        """Return what the two providers have been asked."""
        return str(self.provider.asked(9)), str(self.work.asked(9))


def _with_key(headers: dict[str, str] | None = None, key: str = ALL) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} | (headers or {})


class SeveralHomesTests(LiveTestCase):
    @property
    def two(self) -> TwoHomes:
        daemon = shared(SETUP, TwoHomes)
        assert isinstance(daemon, TwoHomes)
        wait_until(lambda: daemon.up == {"codex": 1, "work": 1}, "both homes are up")
        return daemon

    def test_each_provider_gets_only_the_requests_of_its_home(self) -> None:
        asked = {"gpt-5.5": "first one", "mine": "first two", "work/gpt-5.5": "second one", "quick": "second two"}
        for model, text in asked.items():
            self.assertEqual(message(self.two.ask(model, f"say: {text}"))["content"], text)
        first, second = self.two.seen()
        for text in asked.values():
            self.assertEqual((text in first, text in second), ("first" in text, "second" in text), text)
        for line in ("backend=codex worker=plain-0", "backend=work worker=work/plain-0"):
            self.two.await_log(line)

    def test_the_models_of_both_homes_are_listed_and_a_key_with_a_home_sees_only_its_own(self) -> None:
        listed = {
            key: {model["id"] for model in self.two.get("/v1/models", _with_key(key=key)).json["data"]}
            for key in (ALL, ANN)
        }
        self.assertLessEqual({"gpt-5.5", "work/gpt-5.5", "quick", "mine"}, listed[ALL])
        self.assertLessEqual({"work/gpt-5.5", "quick"}, listed[ANN])
        self.assertEqual(listed[ANN] & {"gpt-5.5", "mine"}, set())
        for model in ("gpt-5.5", "mine"):
            self.assertEqual(self.two.ask(model, "say: no", ANN).status, 404)
        self.assertEqual(message(self.two.ask("work/gpt-5.5", "say: ours", ANN))["content"], "ours")
        first, second = self.two.seen()
        self.assertEqual(("ours" in first, "ours" in second), (False, True))

    def test_a_stored_response_continues_in_its_home(self) -> None:
        body = {"model": "work/gpt-5.5", "input": "say: stored"}
        stored = self.two.post(RESPONSES, body)
        self.assertEqual(stored.status, 200, stored.body)
        again = {"model": "work/gpt-5.5", "input": "say: again", "previous_response_id": stored.json["id"]}
        self.assertEqual(self.two.post(RESPONSES, again).status, 200)
        first, second = self.two.seen()
        self.assertEqual(("again" in first, "again" in second), (False, True))

    def test_a_killed_process_of_one_home_does_not_disturb_the_other(self) -> None:
        two = self.two
        homes = {pid: _home_of(pid) for pid in two.children}
        (killed,) = (pid for pid, home in homes.items() if home == "work-home")
        (other,) = (pid for pid, home in homes.items() if home == "codex-home")
        os.kill(killed, signal.SIGKILL)
        self.assertEqual(message(two.ask("gpt-5.5", "say: still here"))["content"], "still here")
        self.assertEqual(message(two.ask("work/gpt-5.5", "say: back"))["content"], "back")
        wait_until(lambda: two.up == {"codex": 1, "work": 1}, "both are up again")
        self.assertIn(other, two.children)
        self.assertNotIn(killed, two.children)
        accounts = two.get("/healthz").json["accounts"]
        self.assertEqual({name: one["type"] for name, one in accounts.items()}, {"codex": "apiKey", "work": "apiKey"})


def _home_of(pid: int) -> str:
    with open(f"/proc/{pid}/environ", "rb") as file:
        variables = dict(one.split(b"=", 1) for one in file.read().split(b"\0") if b"=" in one)
    return variables[b"CODEX_HOME"].decode().rpartition("/")[2]
