"""A provider of one's own behind Codex, without a login: what is offered, what it is asked, what its models receive."""

import openai

from codexd.wire.json import Json
from tests.support import provider_requests
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup, LiveTestCase, user
from tests.support.processes import wait_until

TOOL: Json = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
LIST: Json = {
    "object": "list",
    "data": [{"id": "qwen-small"}, {"id": "gpt-5.5"}, {"id": "qwen", "max_model_len": 4096}],
}
OWN = DaemonSetup(
    account=True,
    login=False,
    settings='[models]\nrefresh_seconds = 0.2\n[[models.alias]]\nname = "quick"\nmodel = "qwen"\neffort = "low"\n',
    codex='model = "qwen"\n',
    provider='env_key = "OWN_KEY"\nhttp_headers = { "x-tenant" = "t1" }\n'
    'env_http_headers = { "x-extra" = "OWN_EXTRA" }\nquery_params = { "version" = "2 3" }\n',
    environment=(("OWN_KEY", "sk-own"), ("OWN_EXTRA", "more")),
)


class OwnProviderTests(LiveTestCase):
    daemon_setup = OWN

    def setUp(self) -> None:
        self.daemon.provider.set_models(LIST)
        self.await_models("quick", "qwen", "qwen-small", "gpt-5.5")

    def names(self) -> list[str]:
        return [model["id"] for model in self.daemon.get("/v1/models").json["data"]]

    def await_models(self, *names: str) -> None:
        wait_until(lambda: self.names() == list(names), f"{names} are listed")

    def test_the_provider_is_asked_with_its_own_key_headers_and_query(self) -> None:
        asked = self.daemon.provider.listed[-1]
        self.assertEqual(asked["path"], "/v1/models?version=2%203")
        headers = asked["headers"]
        found = [headers.get(name) for name in ("authorization", "x-tenant", "x-extra")]
        self.assertEqual(found, ["Bearer sk-own", "t1", "more"])
        self.assertNotIn("sk-own", self.daemon.log)

    def test_every_offered_name_is_answered_and_its_model_receives_nothing_of_codex(self) -> None:
        for name, model, effort in (
            ("qwen", "qwen", None),
            ("qwen-high", "qwen", "high"),
            ("quick", "qwen", "low"),
            ("quick-medium", "qwen", "medium"),
            ("qwen-small", "qwen-small", None),
            ("gpt-5.5", "gpt-5.5", "medium"),
        ):
            body = {"model": name, "messages": user("say: hi"), "tools": [TOOL]}
            for path in (CHAT, "/v1/completions", RESPONSES):
                content: Json = {CHAT: body, RESPONSES: {"model": name, "input": "say: hi"}}.get(path)
                answer = self.daemon.post(path, content or {"model": name, "prompt": "say: hi"})
                self.assertEqual((answer.status, answer.json["model"]), (200, name), answer.body)
                asked = self.daemon.last_provider_request
                self.assertEqual((asked["model"], asked["reasoning"].get("effort")), (model, effort), name)
                self.assertEqual(set(provider_requests.tools(asked)), {"look"} if path == CHAT else set(), name)
                self.assertEqual(provider_requests.extras(asked), set())
                self.assertEqual(len(provider_requests.items(asked)), 1)

    def test_nothing_of_openai_s_catalog_is_offered(self) -> None:
        client = self.daemon.client()
        for name in ("gpt-6-astra", "gpt-6-sol", "scripted", "qwen-max"):
            self.assertRaises(openai.NotFoundError, client.models.retrieve, name)
            error = self.assertRaises(
                openai.NotFoundError, client.chat.completions.create, model=name, messages=user("say: hi")
            )
            self.assertEqual((error.code, error.param), ("model_not_found", "model"))
        self.assertEqual({model.owned_by for model in client.models.list()}, {"provider"})

    def test_its_list_is_refreshed_and_a_failure_leaves_the_last_one(self) -> None:
        provider = self.daemon.provider
        provider.set_models({"data": [{"id": "llama"}]})
        self.await_models("quick", "qwen", "llama")
        self.assertEqual(self.daemon.post(CHAT, {"model": "llama", "messages": user("say: hi")}).status, 200)
        self.assertEqual(provider_requests.tools(self.daemon.last_provider_request), {})
        # Codex was started before it was listed, and has no entry for it in its catalog.
        long = "word " * 40_000
        call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        history: list[Json] = [
            *user("say: long"),
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": long},
        ]
        self.assertEqual(self.daemon.chat(history, model="llama", tools=[TOOL]).status, 200)
        self.assertEqual(provider_requests.items(self.daemon.last_provider_request)[-1]["output"], long)
        before = len(provider.listed)
        provider.set_models({"error": {"message": "the secret"}}, 500)
        wait_until(lambda: len(provider.listed) > before + 1, "it is asked again")
        self.assertEqual(self.names(), ["quick", "qwen", "llama"])
        wait_until(lambda: "Could not read the model list of Codex's provider provider" in self.daemon.log, "logged")
        self.assertNotIn("the secret", self.daemon.log)

    def test_the_log_names_the_provider(self) -> None:
        self.daemon.await_log("serves the models of Codex's provider provider (http://127.0.0.1")
        self.daemon.await_log(", model qwen")


class SilentProviderTests(LiveTestCase):
    def test_the_configured_model_is_offered_while_the_provider_lists_nothing(self) -> None:
        daemon = self.new_daemon(DaemonSetup(account=True, login=False, codex='model = "qwen"\n'))
        daemon.provider.set_models({}, 404)
        daemon.start().await_ready()
        self.assertEqual([model.id for model in daemon.client().models.list()], ["qwen"])
        self.assertEqual(daemon.post(CHAT, {"model": "qwen", "messages": user("say: hi")}).status, 200)

    def test_a_missing_key_is_named_as_what_it_is(self) -> None:
        setup = DaemonSetup(account=True, login=False, codex='model = "qwen"\n', provider='env_key = "NO_SUCH_KEY"\n')
        daemon = self.new_daemon(setup).start().await_ready()
        answer = daemon.post(CHAT, {"model": "qwen", "messages": user("say: hi")})
        self.assertEqual((answer.status, answer.json["error"]["code"]), (502, "credentials_rejected"))
        self.assertIn("no credentials", answer.json["error"]["message"])

    def test_settings_of_codexd_select_a_provider_too(self) -> None:
        settings = '[codex]\nconfig = ["model=llama"]\n'
        daemon = self.new_daemon(DaemonSetup(account=True, login=False, settings=settings, codex='model = "qwen"\n'))
        daemon.start().await_ready()
        self.assertEqual(self.names(daemon), ["llama", "scripted"])

    def test_with_a_login_the_account_s_models_stay(self) -> None:
        daemon = self.new_daemon(DaemonSetup(account=True, codex='model = "qwen"\n')).start().await_ready()
        self.assertEqual(self.names(daemon)[:2], ["qwen", "scripted"])
        self.assertIn("gpt-5.5", self.names(daemon))
        self.assertEqual(daemon.chat_text("say: hi", model="qwen"), "hi")
        self.assertEqual(daemon.chat_text("say: hi", model="gpt-5.5"), "hi")

    def names(self, daemon: Daemon) -> list[str]:
        return [model["id"] for model in daemon.get("/v1/models").json["data"]]
