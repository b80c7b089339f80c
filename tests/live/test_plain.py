"""The plain profile from the provider's side: the client's own words and tools, and nothing else."""

from codexd.wire.json import Json, decode, encode
from tests.support import seen
from tests.support.homes import MEDDLING
from tests.support.live import RESPONSES, LiveTestCase, Setup, message, user

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
"""What the home's verbosity is undone by: OpenAI's default."""

NOTHING: Json = {"type": "object", "properties": {}}


def tool(name: str, description: str = "", parameters: Json = NOTHING) -> Json:
    """Make a function tool as Responses has it, and as the provider has to be shown it."""
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "strict": False} | function


def said(role: str, *texts: str) -> Json:
    """Make a message as the provider has to be shown it."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text} for text in texts]}


def called(call_id: str, name: str, arguments: str) -> Json:
    """Make a call as the provider has to be shown it."""
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


class PlainTests(LiveTestCase):
    kind = MEDDLING

    def ask(self, **more: Json) -> Json:
        """Ask by the Responses door; give what the provider was asked, and see that nothing leaked."""
        answer = self.daemon.post(RESPONSES, {"model": self.daemon.model, "store": False} | more)
        self.assertEqual(answer.status, 200, answer.body)
        asked = self.daemon.asked
        self.assertNotIn(b"LEAK", encode(asked))
        if "text" not in more:
            self.assertEqual(asked.pop("text", MEDIUM), MEDIUM)
        return asked

    @property
    def models(self) -> list[str]:
        return [model["id"] for model in self.daemon.get("/v1/models").json["data"]]

    def test_every_model_is_shown_the_client_s_instructions_history_and_tools_and_nothing_else(self) -> None:
        self.assertIn("gpt-5.5", self.models)
        self.assertGreater(len(self.models), 4)
        for model in self.models:
            asked = self.ask(model=model, instructions="Be exact.", input=HISTORY, tools=TOOLS)
            self.assertEqual((asked["model"], asked["store"], seen.extras(asked)), (model, False, set()))
            shown = seen.items(asked)
            del shown[3]["content"]  # of the reasoning, where it is null
            self.assertEqual(shown, [said("developer", "Be exact."), *HISTORY], model)
            self.assertEqual(seen.tools(asked), {one["name"]: one for one in TOOLS}, model)

    def test_every_model_asked_for_nothing_is_shown_nothing(self) -> None:
        for model in self.models:
            asked = self.ask(model=model, input="say: hi")
            self.assertEqual(seen.items(asked), [said("user", "say: hi")], model)
            self.assertEqual((seen.tools(asked), seen.extras(asked)), ({}, set()), model)

    def test_a_chat_history_keeps_its_roles_images_and_calls(self) -> None:
        self.assertEqual(self.daemon.say(CHAT_HISTORY), "done")
        self.assertEqual(
            seen.items(self.daemon.asked),
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

    def test_no_tools_by_choice_and_one_by_name(self) -> None:
        ask = {"input": "say: hi", "tools": TOOLS}
        named = {"type": "function", "name": "apply_patch"}
        allowed = {"type": "allowed_tools", "mode": "auto", "tools": [named]}
        self.assertEqual(seen.tools(self.ask(**ask, tool_choice="none")), {})
        self.assertEqual(set(seen.tools(self.ask(**ask, tool_choice=allowed))), {"apply_patch"})
        forced = self.ask(input="call: apply_patch {}", tools=TOOLS, tool_choice=named)
        self.assertEqual(set(seen.tools(forced)), {"apply_patch"})
        self.assertEqual(seen.texts(forced)[-1][0], "developer")

    def test_a_required_call_that_does_not_come_is_an_error(self) -> None:
        answer = self.daemon.post(
            RESPONSES,
            {"model": self.daemon.model, "input": "say: no", "tools": TOOLS, "tool_choice": "required"},
        )
        self.assertEqual((answer.status, answer.json["error"]["code"]), (502, "tool_choice_unmet"))

    def test_tools_whose_names_codex_takes_for_its_own_arrive_and_are_called(self) -> None:
        for model in self.models:
            for name in ("exec_command", "shell_command", "apply_patch", "web_search", "update_plan"):
                mine = tool(name, "Mine, not Codex's.", WEATHER)
                chat = {"type": "function", "function": {key: mine[key] for key in ("name", "parameters")}}
                text = f'call: {name} {{"city":"Oslo"}}'
                first = message(self.daemon.chat(text, model=model, tools=[chat]))
                (call,) = first["tool_calls"]
                self.assertEqual(call["function"], {"name": name, "arguments": '{"city":"Oslo"}'})
                result = {"role": "tool", "tool_call_id": call["id"], "content": "mine"}
                told = self.daemon.say([*user(text), first, result], model=model, tools=[chat])
                self.assertEqual(told, "tool said: mine")
            asked = self.ask(model=model, input="say: hi", tools=[tool("exec_command", "Mine.")])
            (shown,) = seen.tools(asked).values()
            self.assertEqual(shown, tool("exec_command", "Mine."))

    def test_an_earlier_call_of_such_a_tool_is_shown_where_the_tool_is(self) -> None:
        history = [
            said("user", "say: hi"),
            called("call_1", "shell_command", "{}"),
            {"type": "function_call_output", "call_id": "call_1", "output": "mine"},
        ]
        asked = self.ask(input=[*history, said("user", "say: hi")], tools=[tool("shell_command")])
        space = seen.items(asked)[1]["namespace"]
        self.assertEqual(list(seen.tools(asked)), [f"{space}.shell_command"])

    def test_tools_in_namespaces_keep_them(self) -> None:
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

    def test_requests_of_two_clients_at_once_are_not_mixed_up(self) -> None:
        texts = [f"number {number} is here" for number in range(6)]
        calls = [
            self.daemon.call(RESPONSES, {"model": self.daemon.model, "input": f"pace: 5\nsay: {text}"})
            for text in texts
        ]
        answers = [call.answer().json["output"] for call in calls]
        self.assertEqual([output[0]["content"][0]["text"] for output in answers], texts)


class KnownExceptionTests(LiveTestCase):
    """What Codex shows every model, whatever it is told."""

    kind = Setup(account=True, files=(("AGENTS.md", "Speak like a pirate."),))

    def test_the_home_s_agents_file_is_shown_to_the_model_and_the_log_warns_of_it(self) -> None:
        self.daemon.say([{"role": "system", "content": "Be brief."}, *user("say: hi")])
        extra, *rest = seen.texts(self.daemon.asked)
        self.assertEqual(rest, [("developer", "Be brief."), ("user", "say: hi")])
        self.assertIn("Speak like a pirate.", extra[1])
        warnings = [line for line in self.daemon.log.splitlines() if "AGENTS.md" in line]
        self.assertEqual(len(warnings), 1)
        self.assertIn(" warn ", warnings[0])
        self.assertEqual(decode(self.daemon.say("seen:"))["tools"], [])
