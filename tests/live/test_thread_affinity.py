"""A conversation continues on its thread, unless its history was changed."""

from codexd.wire.json import Json
from tests.support import provider_requests
from tests.support.live_daemon import Daemon, DaemonSetup, LiveTestCase, message, user


class AffinityTestCase(LiveTestCase):
    """Sends requests and observes which thread they used."""

    def ask(self, daemon: Daemon, history: list[Json], **more: Json) -> tuple[str, str, Json]:
        """Return the affinity (hit, miss or off), the provider's cache key, and the answer's text."""
        ways = ("hit", "miss")
        before = {way: daemon.metric(f"codexd_affinity_{way}_total") for way in ways}
        said = message(daemon.chat(history, **more))
        found = [way for way in ways if daemon.metric(f"codexd_affinity_{way}_total") > before[way]]
        return (found or ["off"])[0], daemon.last_provider_request["prompt_cache_key"], said


class AffinityTests(AffinityTestCase):
    daemon_setup = DaemonSetup(account=True)

    def test_a_longer_history_continues_its_thread_with_the_whole_history(self) -> None:
        history = [{"role": "system", "content": "Be brief."}, *user("say: one")]
        way, key, said = self.ask(self.daemon, history)
        self.assertEqual(way, "miss")
        for text in ("say: two", "think: three", "say: four"):
            history = [*history, said, *user(text)]
            way, same, said = self.ask(self.daemon, history)
            self.assertEqual((way, same), ("hit", key))
        spoken = [(one["role"].replace("system", "developer"), one["content"]) for one in history]
        self.assertEqual(provider_requests.texts(self.daemon.last_provider_request), spoken)

    def test_an_edited_or_branched_history_gets_a_new_thread(self) -> None:
        history = user("say: alpha")
        _, key, said = self.ask(self.daemon, history)
        edited = [*user("say: beta"), said, *user("say: go on")]
        way, other, _ = self.ask(self.daemon, edited)
        self.assertEqual((way, other == key), ("miss", False))
        self.assertEqual(provider_requests.texts(self.daemon.last_provider_request)[0], ("user", "say: beta"))
        self.assertEqual(self.ask(self.daemon, [*history, said, *user("say: left")])[:2], ("hit", key))
        way, other, _ = self.ask(self.daemon, [*history, said, *user("say: right")])
        self.assertEqual((way, other == key), ("miss", False))
        self.assertNotIn(("user", "say: left"), provider_requests.texts(self.daemon.last_provider_request))

    def test_other_instructions_tools_or_models_get_a_new_thread(self) -> None:
        tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
        for changed in ({"tools": [tool]}, {"model": "gpt-6.1-sol"}):
            history = user(f"say: {sorted(changed)}")
            _, _, said = self.ask(self.daemon, history)
            way, _, _ = self.ask(self.daemon, [*history, said, *user("say: hi")], **changed)
            self.assertEqual(way, "miss", changed)

    def test_a_failed_thread_is_not_continued(self) -> None:
        history = user("say: fine")
        _, key, said = self.ask(self.daemon, history)
        failing = [*history, said, *user("fail: 500")]
        self.assertEqual(self.daemon.chat(failing).status, 502)
        way, other, _ = self.ask(self.daemon, [*history, said, *user("say: again")])
        self.assertEqual((way, other == key), ("miss", False))

    def test_the_number_of_idle_threads_is_limited(self) -> None:
        for number in range(14):
            self.daemon.chat_text(f"say: {number} of many")
        self.assertEqual(self.daemon.metric("codexd_threads_idle"), 12)


class AffinityOffTests(AffinityTestCase):
    daemon_setup = DaemonSetup(account=True, settings="[turns]\naffinity = false\n")

    def test_without_affinity_every_request_gets_a_new_thread(self) -> None:
        history = user("say: one")
        way, key, said = self.ask(self.daemon, history)
        self.assertEqual(way, "off")
        way, other, _ = self.ask(self.daemon, [*history, said, *user("say: two")])
        self.assertEqual((way, other == key), ("off", False))
        self.assertEqual(self.daemon.metric("codexd_threads_idle"), 0)
