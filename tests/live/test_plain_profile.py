"""The plain profile: the provider receives the client's messages and tools, and nothing else."""

from codexd.wire.json import Json, decode, encode
from tests.support import provider_requests
from tests.support.customised_home import CUSTOMISED_HOME
from tests.support.live_daemon import RESPONSES, DaemonSetup, LiveTestCase, message, user

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}},
    "required": ["city"],
    "additionalProperties": False,
}
MEDIUM: Json = {"verbosity": "medium"}
"""OpenAI's default verbosity, which overrides the home's."""

NOTHING: Json = {"type": "object", "properties": {}}


def tool(name: str, description: str = "", parameters: Json = NOTHING) -> Json:
    """Build a function tool, as in a Responses request and as the provider must receive it."""
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "strict": False} | function


def said(role: str, *texts: str) -> Json:
    """Build a message as the provider must receive it."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text} for text in texts]}


def called(call_id: str, name: str, arguments: str) -> Json:
    """Build a call as the provider must receive it."""
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


TOOLS = [
    tool("weather", "The weather of a city.", WEATHER),
    tool("update_plan", "A name that Codex uses, too."),
    tool("apply_patch", "And another."),
]
IMAGE = {"type": "input_image", "image_url": PIXEL}
HISTORY: list[Json] = [
    said("developer", "Be brief."),
    said("user", "Look:") | {"content": [{"type": "input_text", "text": "Look:"}, IMAGE]},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "seal"},
    said("assistant", "I look.") | {"phase": "commentary"},
    called("call_1", "weather", '{"city": "Oslo" }'),
    called("call_2", "weather", '{"city":"Rome"}'),
    {"type": "function_call_output", "call_id": "call_2", "output": [IMAGE]},
    {"type": "function_call_output", "call_id": "call_1", "output": "cold"},
    said("assistant", "So it is."),
    said("user", "say: done"),
]
PICTURE: Json = {"type": "image_url", "image_url": {"url": PIXEL}}
CALL: Json = {"type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
CHAT_HISTORY: list[Json] = [
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": "And kind."},
    {"role": "user", "content": [{"type": "text", "text": "Look:"}, PICTURE]},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1"} | CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "cold"},
    {"role": "assistant", "content": "So it is."},
    {"role": "user", "content": "say: done"},
]


class PlainProfileTests(LiveTestCase):
    daemon_setup = CUSTOMISED_HOME

    def ask(self, **more: Json) -> Json:
        """Create a response, check that nothing leaked, and return the provider's request."""
        answer = self.daemon.post(RESPONSES, {"model": self.daemon.model, "store": False} | more)
        self.assertEqual(answer.status, 200, answer.body)
        asked = self.daemon.last_provider_request
        self.assertNotIn(b"LEAK", encode(asked))
        if "text" not in more:
            self.assertEqual(asked.pop("text", MEDIUM), MEDIUM)
        return asked

    @property
    def models(self) -> list[str]:
        return [model["id"] for model in self.daemon.get("/v1/models").json["data"]]

    def test_every_model_receives_only_the_client_s_instructions_history_and_tools(self) -> None:
        self.assertIn("gpt-5.5", self.models)
        self.assertGreater(len(self.models), 4)
        for model in self.models:
            asked = self.ask(model=model, instructions="Be exact.", input=HISTORY, tools=TOOLS)
            self.assertEqual((asked["model"], asked["store"], provider_requests.extras(asked)), (model, False, set()))
            shown = provider_requests.items(asked)
            del shown[3]["content"]  # of the reasoning, where it is null
            self.assertEqual(shown, [said("developer", "Be exact."), *HISTORY], model)
            self.assertEqual(provider_requests.tools(asked), {one["name"]: one for one in TOOLS}, model)

    def test_a_plain_request_gives_the_model_nothing_else(self) -> None:
        for model in self.models:
            asked = self.ask(model=model, input="say: hi")
            self.assertEqual(provider_requests.items(asked), [said("user", "say: hi")], model)
            self.assertEqual((provider_requests.tools(asked), provider_requests.extras(asked)), ({}, set()), model)

    def test_a_chat_history_keeps_its_roles_images_and_calls(self) -> None:
        self.assertEqual(self.daemon.chat_text(CHAT_HISTORY), "done")
        self.assertEqual(
            provider_requests.items(self.daemon.last_provider_request),
            [
                said("developer", "Be brief."),
                said("developer", "And kind."),
                HISTORY[1],
                called("call_1", "weather", '{"city":"Oslo"}'),
                {"type": "function_call_output", "call_id": "call_1", "output": "cold"},
                said("assistant", "So it is."),
                said("user", "say: done"),
            ],
        )

    def test_text_parts_stay_parts_and_the_last_one_is_the_script(self) -> None:
        parts = [{"type": "input_text", "text": text} for text in ("cold", "and wet")]
        result = {"type": "function_call_output", "call_id": "call_1", "output": parts}
        call = called("call_1", "weather", '{"city":"Oslo"}')
        asked = self.ask(input=[said("user", "How is it?"), call, result, said("user", "A note.", "say: done")])
        self.assertEqual(provider_requests.items(asked)[1:], [call, result, said("user", "A note.", "say: done")])
        notes = [{"type": "text", "text": text} for text in ("say: a note", "say: done")]
        self.assertEqual(self.daemon.chat_text([{"role": "user", "content": notes}]), "done")

    def test_tool_choice_removes_all_tools_or_all_but_one(self) -> None:
        ask = {"input": "say: hi", "tools": TOOLS}
        named = {"type": "function", "name": "apply_patch"}
        allowed = {"type": "allowed_tools", "mode": "auto", "tools": [named]}
        self.assertEqual(provider_requests.tools(self.ask(**ask, tool_choice="none")), {})
        self.assertEqual(set(provider_requests.tools(self.ask(**ask, tool_choice=allowed))), {"apply_patch"})
        forced = self.ask(input="call: apply_patch {}", tools=TOOLS, tool_choice=named)
        self.assertEqual(set(provider_requests.tools(forced)), {"apply_patch"})
        self.assertEqual(provider_requests.texts(forced)[-1][0], "developer")

    def test_a_missing_required_call_is_an_error(self) -> None:
        answer = self.daemon.post(
            RESPONSES,
            {"model": self.daemon.model, "input": "say: no", "tools": TOOLS, "tool_choice": "required"},
        )
        self.assertEqual((answer.status, answer.json["error"]["code"]), (502, "tool_choice_unmet"))

    def test_tools_with_names_of_codex_s_own_arrive_and_are_called(self) -> None:
        for model in self.models:
            for name in ("exec_command", "shell_command", "apply_patch", "web_search", "update_plan"):
                mine = tool(name, "Mine, not Codex's.", WEATHER)
                chat = {"type": "function", "function": {key: mine[key] for key in ("name", "parameters")}}
                text = f'call: {name} {{"city":"Oslo"}}'
                first = message(self.daemon.chat(text, model=model, tools=[chat]))
                (call,) = first["tool_calls"]
                self.assertEqual(call["function"], {"name": name, "arguments": '{"city":"Oslo"}'})
                result = {"role": "tool", "tool_call_id": call["id"], "content": "mine"}
                reply = self.daemon.chat_text([*user(text), first, result], model=model, tools=[chat])
                self.assertEqual(reply, "tool said: mine")
            asked = self.ask(model=model, input="say: hi", tools=[tool("exec_command", "Mine.")])
            (shown,) = provider_requests.tools(asked).values()
            self.assertEqual(shown, tool("exec_command", "Mine."))

    def test_an_earlier_call_of_such_a_tool_keeps_its_namespace(self) -> None:
        history = [
            said("user", "say: hi"),
            called("call_1", "shell_command", "{}"),
            {"type": "function_call_output", "call_id": "call_1", "output": "mine"},
        ]
        asked = self.ask(input=[*history, said("user", "say: hi")], tools=[tool("shell_command")])
        space = provider_requests.items(asked)[1]["namespace"]
        self.assertEqual(list(provider_requests.tools(asked)), [f"{space}.shell_command"])

    def test_tools_keep_their_namespaces(self) -> None:
        for space in ("files", "web", "mcp"):
            group = {"type": "namespace", "name": space, "description": "Some.", "tools": [tool("read")]}
            body = {"model": self.daemon.model, "input": "call: read {}", "tools": [group]}
            (call,) = self.daemon.post(RESPONSES, body).json["output"]
            self.assertEqual((call["name"], call["namespace"]), ("read", space))

    def test_format_effort_and_verbosity_are_the_client_s(self) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
        wanted = {"type": "json_schema", "name": "a", "schema": schema, "strict": True}
        asked = self.ask(
            input='json: {"a": 1}',
            text={"format": wanted, "verbosity": "high"},
            reasoning={"effort": "high", "summary": "detailed"},
        )
        self.assertEqual(asked["text"]["format"]["schema"], schema)
        self.assertEqual(asked["text"]["verbosity"], "high")
        self.assertEqual(asked["reasoning"], {"effort": "high", "summary": "detailed"})

    def test_concurrent_requests_stay_separate(self) -> None:
        texts = [f"number {number} is here" for number in range(6)]
        calls = [
            self.daemon.call(RESPONSES, {"model": self.daemon.model, "input": f"pace: 5\nsay: {text}"})
            for text in texts
        ]
        answers = [call.read().json["output"] for call in calls]
        self.assertEqual([output[0]["content"][0]["text"] for output in answers], texts)


class KnownExceptionTests(LiveTestCase):
    """What Codex sends to every model regardless of its settings."""

    daemon_setup = DaemonSetup(account=True, files=(("AGENTS.md", "Speak like a pirate."),))

    def test_the_home_s_agents_file_reaches_the_model_with_a_warning_in_the_log(self) -> None:
        self.daemon.chat_text([{"role": "system", "content": "Be brief."}, *user("say: hi")])
        extra, *rest = provider_requests.texts(self.daemon.last_provider_request)
        self.assertEqual(rest, [("developer", "Be brief."), ("user", "say: hi")])
        self.assertIn("Speak like a pirate.", extra[1])
        self.daemon.await_log("AGENTS.md")
        warnings = [line for line in self.daemon.log.splitlines() if "AGENTS.md" in line]
        self.assertEqual(len(warnings), 1)
        self.assertIn(" warn ", warnings[0])
        self.assertEqual(decode(self.daemon.chat_text("seen:"))["tools"], [])
