"""Verifies the fake app-server: the same scenarios with the real one and the fake, compared.

The fake's messages may have fewer members, but no others. Where the real order varies, one of the fake's
behaviours must reproduce it.
"""

import os
from collections.abc import Awaitable, Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from codexd import codex_home
from codexd.backs import bindings as b
from codexd.backs.items import encode_items
from codexd.backs.profile import Profile, build_thread_start
from codexd.child.launch import LaunchConfig, prepare_catalog
from codexd.child.process import ChildProcess, launch
from codexd.neutral.turn import Message, TextPart, Tool, Turn, UserLocation, WebSearch, WebSearchCall
from codexd.scripted.server import ScriptedModel, build_site
from codexd.settings import Codex
from codexd.wire import json
from codexd.wire.json import Json
from tests.support.app_server_client import AppServerClient, FakeTransport, ProcessTransport
from tests.support.fake_app_server import FakeAppServer
from tests.support.fake_app_server_thread import AppServerBehaviour, message

Scenario = Callable[[AppServerClient, Json], Awaitable[None]]

TOOLS = (
    Tool(name="f", description="a tool", parameters='{"type":"object","properties":{"x":{"type":"integer"}}}'),
    Tool(
        name="g",
        description="another",
        parameters='{"type":"object","properties":{}}',
        namespace="ns",
        namespace_description="a group",
    ),
)
HABITS = [
    AppServerBehaviour(calls_early=early, calls_reversed=backwards, calls_together=at_once)
    for early, backwards, at_once in product((False, True), repeat=3)
]


PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAA"
    "BJRU5ErkJggg=="
)


def user(text: str) -> Json:
    return message("user", text)


def text(said: str) -> Json:
    return {"type": "inputText", "text": said}


def setup(workspace: Path, **changes: Any) -> Json:
    """Build the params of `thread/start` as codexd does."""
    turn = Turn(model="scripted", items=(), tools=TOOLS, **changes)
    return json.decode(json.encode(b.encode(build_thread_start(turn, Profile(agent=False, cwd=str(workspace))))))


class FakeAppServerTests(TestCase):
    timeout = 60

    def setUp(self) -> "Deferred[None]":
        self.model = ScriptedModel(reactor)
        port = reactor.listenTCP(0, build_site(reactor, self.model), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        state = Path(self.mktemp()).absolute()
        (state / "home").mkdir(parents=True)
        url = f"http://127.0.0.1:{port.getHost().port}/v1"
        self.how = LaunchConfig(
            binary=codex_home.find_codex_binary(Codex()),
            home=state / "home",
            state=state,
            environ=os.environ,
            codex=Codex(),
            provider=url,
        )
        self.how.workspace.mkdir()
        self.setup = setup(self.how.workspace)
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        prepared = await prepare_catalog(self.how, reactor)
        self.real = await self._join(self.how.command(None if prepared is None else prepared.path))

    async def _join(self, command: Any) -> AppServerClient:
        child, gone = ChildProcess(), Deferred[None]()
        child.on_ended = lambda: gone.callback(None)
        launch(reactor, command, child)
        self.addCleanup(lambda: gone)
        self.addCleanup(child.send_signal, "KILL")
        return await handshake(ProcessTransport(child).client)

    async def compare(self, scenario: Scenario, loose: bool = False) -> None:
        """Run a scenario on the real one and on the fake with each of its behaviours, and compare."""
        await scenario(self.real, self.setup)
        real, differences = shown(self.real), []
        for behaviour in HABITS:
            server = FakeAppServer(behaviour=behaviour)
            client = await handshake(FakeTransport(server).client)
            await scenario(client, self.setup)
            found = difference(shown(client), real, loose) or (None if loose else bodies(server, self.model))
            if found is None:
                return
            differences.append(found)
        self.fail(f"nothing like it in any habit: {max(differences)}")

    def compare_turns(self, *texts: str) -> "Deferred[None]":
        """Compare turns that end by themselves, each on a new thread."""

        async def scenario(client: AppServerClient, setup: Json) -> None:
            for number, said in enumerate(texts):
                client.turn(await client.start(**setup), user(said))
                await client.done(number + 1)

        return Deferred.fromCoroutine(self.compare(scenario))

    def test_pings(self) -> "Deferred[None]":
        async def scenario(client: AppServerClient, setup: Json) -> None:
            await client.call("thread/loaded/list", limit=1)
            await client.start(**setup)
            listed = await client.call("thread/loaded/list", limit=1)
            self.assertEqual(len(listed["result"]["data"]), 1)

        return Deferred.fromCoroutine(self.compare(scenario))

    def test_answers(self) -> "Deferred[None]":
        return self.compare_turns(
            "say: one two three",
            "think: one two",
            "shape: empty\nsay: one two",
            "thinking: hm\npreface: well\nsay: one",
            "say: ",
            "usage: 100,50,20,7\nlong: 100",
        )

    def test_a_web_search_without_the_tool(self) -> "Deferred[None]":
        return self.compare_turns("search: one two")

    def test_web_searches(self) -> "Deferred[None]":
        place = UserLocation("NO", city="Oslo")
        search = WebSearch("low", ("a.org", "b.org"), place, live=False)
        self.setup = setup(self.how.workspace, web_search=search)
        return self.compare_turns("search: one two", "thinking: hm\npreface: well\nsearch: one")

    async def test_an_earlier_search_is_injected(self) -> None:
        self.setup = setup(self.how.workspace, web_search=WebSearch())
        history = (
            WebSearchCall("ws_1", '{"type":"search","query":"a","queries":["a"]}'),
            WebSearchCall("ws_2", '{"type":"open_page","url":"https://a.org"}'),
            WebSearchCall("ws_3"),
            Message(role="assistant", parts=(TextPart("found", ('{"type":"url_citation","url":"https://a.org"}',)),)),
        )

        async def scenario(client: AppServerClient, setup: Json) -> None:
            items = json.decode(json.encode(encode_items(history)))
            client.turn(await client.start(**setup), user("search: a"), *items, user("say: fine"))
            await client.done()

        await self.compare(scenario)

    def test_failures(self) -> "Deferred[None]":
        statuses = (400, "400 invalid_prompt", 401, 403, 404, 409, 429, 500, 503)
        codes = (
            "rate_limit_exceeded",
            "context_length_exceeded",
            "insufficient_quota",
            "invalid_prompt",
            "server_is_overloaded",
        )
        return self.compare_turns(*(f"fail: {what}" for what in (*statuses, *codes, "nonsense")))

    def test_answers_that_break_off(self) -> "Deferred[None]":
        reasons = ("max_output_tokens", "content_filter")
        return self.compare_turns(*(f"incomplete: {reason} one two" for reason in reasons), "cut: one two")

    async def test_a_thread_continues(self) -> None:
        async def scenario(client: AppServerClient, setup: Json) -> None:
            thread = await client.start(**setup)
            client.turn(thread, user("think: one"))
            await client.done()
            client.turn(thread, user("say: two"))
            await client.done(2)
            await client.call("thread/unsubscribe", threadId=thread)
            await client.wait_until(lambda message: message["method"] == "thread/closed")
            await client.call("thread/unsubscribe", threadId=thread)
            await client.call("turn/start", threadId=thread, input=[])
            await client.call("thread/inject_items", threadId=thread)

        await self.compare(scenario)

    async def test_a_whole_history_is_injected(self) -> None:
        async def scenario(client: AppServerClient, setup: Json) -> None:
            history = (
                message("system", "dropped"),
                message("developer", "kept"),
                user("call: f {}"),
                {"type": "nonsense"},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "done"},
                message("assistant", "so"),
                user("say: fine"),
            )
            client.turn(await client.start(**setup), *history)
            await client.done()

        await self.compare(scenario)

    async def test_one_call(self) -> None:
        async def scenario(client: AppServerClient, setup: Json) -> None:
            client.turn(await client.start(**setup), user('preface: now\ncall: f {"x": 1}'))
            client.reply(await client.called(), text("good"))
            await client.done()

        await self.compare(scenario)

    async def test_calls_in_rounds(self) -> None:
        async def scenario(client: AppServerClient, setup: Json) -> None:
            asked = user('call: f {"x": 1}\ncall: ns.g {}\nthen: call: f {"x": 2}\nthen: say: over')
            client.turn(await client.start(**setup), asked)
            for number in (1, 2, 3):
                request = await client.called(number)
                client.reply(request, text(f"{request['params']['tool']} said"), success=number != 2)
            await client.done()

        await self.compare(scenario)

    async def test_a_call_is_declined(self) -> None:
        async def scenario(client: AppServerClient, setup: Json) -> None:
            client.turn(await client.start(**setup), user("call: f {}"))
            client.decline(await client.called())
            await client.done()

        await self.compare(scenario)

    async def test_a_call_result_with_images_and_audio(self) -> None:
        async def scenario(client: AppServerClient, setup: Json) -> None:
            client.turn(await client.start(**setup), user("call: f {}"))
            image = {"type": "inputImage", "imageUrl": PIXEL}
            client.reply(await client.called(), text("see"), image)
            await client.done()

        await self.compare(scenario)

    async def test_a_long_result_is_not_truncated(self) -> None:
        long = "a long result " * 20_000

        async def scenario(client: AppServerClient, setup: Json) -> None:
            given = {"type": "function_call_output", "call_id": "c1", "output": long}
            call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
            client.turn(await client.start(**setup), user("go"), call, given, user("call: f {}"))
            client.reply(await client.called(), text(long))
            await client.done()

        await self.compare(scenario)

    async def test_a_silent_turn_is_interrupted(self) -> None:
        async def scenario(client: AppServerClient, setup: Json) -> None:
            thread = await client.start(**setup)
            client.turn(thread, user("stall: one two"))
            delta = await client.wait_until(lambda message: message["method"] == "item/agentMessage/delta", 2)
            await client.call("turn/interrupt", threadId=thread, turnId="another")
            await client.call("turn/interrupt", threadId=thread, turnId=delta["params"]["turnId"])
            await client.done()

        await self.compare(scenario)

    async def test_a_turn_that_waits_for_a_tool_is_interrupted(self) -> None:
        async def scenario(client: AppServerClient, setup: Json) -> None:
            thread = await client.start(**setup)
            client.turn(thread, user("call: f {}"))
            request = await client.called()
            await client.wait_until(lambda message: message["method"] == "rawResponse/completed")
            await client.call("turn/interrupt", threadId=thread, turnId=request["params"]["turnId"])
            await client.done()

        await self.compare(scenario)

    async def test_the_settings_of_a_turn_stay_for_the_next(self) -> None:
        self.setup = setup(self.how.workspace, instructions="be brief", verbosity="low")
        schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}

        async def scenario(client: AppServerClient, setup: Json) -> None:
            thread = await client.start(**setup)
            client.turn(thread, user("say: 1"), effort="high", serviceTier="flex", outputSchema=schema)
            await client.done()
            client.turn(thread, user("say: 2"))
            await client.done(2)

        await self.compare(scenario)

    async def test_a_full_thread_is_compacted(self) -> None:
        async def scenario(client: AppServerClient, setup: Json) -> None:
            thread = await client.start(**setup)
            client.turn(thread, user("usage: 200000,0,10,0\nsay: hi"))
            await client.done()
            client.turn(thread, user("say: " + "long " * 40_000), user("say: hi"))
            await client.done(2)

        await self.compare(scenario, loose=True)

    async def test_a_full_thread_is_compacted_within_a_turn_too(self) -> None:
        async def scenario(client: AppServerClient, setup: Json) -> None:
            client.turn(await client.start(**setup), user("usage: 250000,0,10,0\ncall: f {}"))
            client.reply(await client.called(), text("good"))
            await client.done()

        await self.compare(scenario, loose=True)


async def handshake(client: AppServerClient) -> AppServerClient:
    """Run codexd's handshake and clear the recorded messages."""
    silenced = {
        "experimentalApi": True,
        "optOutNotificationMethods": [*b.OPTED_OUT_NOTIFICATIONS, b.RATE_LIMITS_UPDATED],
    }
    await client.call("initialize", clientInfo={"name": "codexd", "version": "0"}, capabilities=silenced)
    client.notify("initialized")
    for method, form in (("config/read", dict[str, Any]), ("model/list", b.ModelPage)):
        b.structure((await client.call(method))["result"], form)
    return client


# Comparison.

HANDSHAKE = 3
"""How many replies of a conversation are its handshake's."""


def shown(client: AppServerClient) -> list[Json]:
    """Normalise a conversation: replace generated ids by numbers and put the replies last."""
    names: dict[str, str] = {}
    replies = client.replies[HANDSHAKE:]
    for made in _made_up([*replies, *client.messages]):
        names.setdefault(made, f"<{len(names)}>")
    whole = json.encode([client.messages, replies]).decode()
    for made, name in names.items():
        whole = whole.replace(made, name)
    messages, replies = json.decode(whole)
    return [*_calls_last(messages), *replies]


def _calls_last(messages: list[Json]) -> list[Json]:
    """Move the messages of a tool call behind the end of its response, since they may come before."""
    found: list[Json] = []
    early: list[Json] = []
    in_response = False
    for said in messages:
        kind = said["params"].get("item", {}).get("type")
        if kind == "function_call":
            in_response = True
        if in_response and (kind == "dynamicToolCall" or said["method"] == b.TOOL_CALL):
            early.append(said)
            continue
        found.append(said)
        if said["method"] == "rawResponse/completed":
            found += early
            early, in_response = [], False
    return found + early


def _made_up(messages: list[Json]) -> Iterator[str]:
    for said in messages:
        result, params = said.get("result") or {}, said.get("params") or {}
        for place in (result, params):
            yield from (place[kind]["id"] for kind in ("thread", "turn") if kind in place)


def difference(fake: list[Json], real: list[Json], loose: bool) -> tuple[int, str] | None:
    """Return the first difference."""
    if loose:
        fake, real = _outline(fake), _outline(real)
    for place, (ours, theirs) in enumerate(zip(fake, real, strict=False)):
        if not within(ours, theirs):
            return place, f"message {place}: {ours}\nreally: {theirs}"
    if len(fake) != len(real):
        return min(len(fake), len(real)), f"{len(fake)} messages, really {len(real)}"
    return None


def _outline(messages: list[Json]) -> list[Json]:
    """Return the parts of a message that do not depend on the model's text."""
    items = [(said.get("method"), said.get("params", {}).get("item", {})) for said in messages]
    return [
        [method, item.get("type"), item.get("role")] for method, item in items if method != "item/agentMessage/delta"
    ]


def bodies(server: FakeAppServer, model: ScriptedModel) -> tuple[int, str] | None:
    """Compare the model requests that the providers received."""
    for place, (ours, asked) in enumerate(zip(server.model_requests, model.received, strict=True)):
        if not within(ours, asked.body):
            return 10_000 + place, f"asked {place}: {ours}\nreally: {asked.body}"
    return None


def within(ours: Json, theirs: Json) -> bool:
    """Return whether all members of ours are in theirs; of an error message the beginning is enough."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(
            theirs.get(key, "").startswith(value)
            if key == "message" and isinstance(value, str)
            else key in theirs and within(value, theirs[key])
            for key, value in ours.items()
            if value is not None
        )
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(within, ours, theirs))
    return bool(ours == theirs)
