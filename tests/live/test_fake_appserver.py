"""The fake app-server says what the real one says: the same conversations with both, compared.

The fake may say less of each message, never anything else; where the real one takes turns (which of two
parallel things comes first) one of the fake's habits must be what it did.
"""

import os
from collections.abc import Awaitable, Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from codexd import home
from codexd.backs import bindings as b
from codexd.backs.items import raw_items
from codexd.backs.profile import Profile, thread_start
from codexd.child.launch import Launch, prepare_catalog
from codexd.child.process import ChildProcess, launch
from codexd.neutral.turn import Message, Place, Search, TextPart, Tool, Turn, WebSearch
from codexd.scripted.server import ScriptedModel, scripted_site
from codexd.settings import Codex
from codexd.wire import json
from codexd.wire.json import Json
from tests.support.appserver import FakeAppServer
from tests.support.appserver_thread import Habits, message
from tests.support.talk import FakePipe, RealPipe, Talk

Story = Callable[[Talk, Json], Awaitable[None]]

TOOLS = (
    Tool("f", "a tool", '{"type":"object","properties":{"x":{"type":"integer"}}}'),
    Tool(
        "g", "another", '{"type":"object","properties":{}}', namespace="ns", namespace_description="a group"
    ),
)
HABITS = [
    Habits(calls_early=early, calls_backwards=backwards, calls_at_once=at_once)
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
    """Give the params of `thread/start` as codexd would."""
    turn = Turn("scripted", (), tools=TOOLS, **changes)
    return json.decode(json.encode(b.encode(thread_start(turn, Profile(False, str(workspace))))))


class FakeAppServerTests(TestCase):
    timeout = 60

    def setUp(self) -> "Deferred[None]":
        self.model = ScriptedModel(reactor)
        port = reactor.listenTCP(0, scripted_site(reactor, self.model), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        state = Path(self.mktemp()).absolute()
        (state / "home").mkdir(parents=True)
        url = f"http://127.0.0.1:{port.getHost().port}/v1"
        self.how = Launch(home.binary(Codex()), state / "home", state, os.environ, Codex(), url)
        self.how.workspace.mkdir()
        self.setup = setup(self.how.workspace)
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        self.real = await self._join(self.how.command(await prepare_catalog(self.how, reactor)))

    async def _join(self, command: Any) -> Talk:
        child, gone = ChildProcess(), Deferred[None]()
        child.on_ended = lambda: gone.callback(None)
        launch(reactor, command, child)
        self.addCleanup(lambda: gone)
        self.addCleanup(child.terminate, "KILL")
        return await handshake(RealPipe(child).talk)

    async def hold_to(self, story: Story, loose: bool = False) -> None:
        """Have the same conversation with the real one and with the fake in each of its habits."""
        await story(self.real, self.setup)
        real, differences = shown(self.real), []
        for habits in HABITS:
            server = FakeAppServer(habits=habits)
            talk = await handshake(FakePipe(server).talk)
            await story(talk, self.setup)
            found = difference(shown(talk), real, loose) or (None if loose else bodies(server, self.model))
            if found is None:
                return
            differences.append(found)
        self.fail(f"nothing like it in any habit: {max(differences)}")

    def tell(self, *texts: str) -> "Deferred[None]":
        """Hold the fake to what it makes of turns that end by themselves, each on a thread of its own."""

        async def story(talk: Talk, setup: Json) -> None:
            for number, said in enumerate(texts):
                talk.turn(await talk.start(**setup), user(said))
                await talk.done(number + 1)

        return Deferred.fromCoroutine(self.hold_to(story))

    def test_answers(self) -> "Deferred[None]":
        return self.tell(
            "say: one two three",
            "think: one two",
            "shape: empty\nsay: one two",
            "thinking: hm\npreface: well\nsay: one",
            "say: ",
            "usage: 100,50,20,7\nlong: 100",
        )

    def test_a_web_search_that_is_not_offered(self) -> "Deferred[None]":
        return self.tell("search: one two")

    def test_web_searches(self) -> "Deferred[None]":
        place = Place("NO", city="Oslo")
        search = WebSearch("low", ("a.org", "b.org"), place, live=False)
        self.setup = setup(self.how.workspace, web_search=search)
        return self.tell("search: one two", "thinking: hm\npreface: well\nsearch: one")

    async def test_an_earlier_search_is_injected(self) -> None:
        self.setup = setup(self.how.workspace, web_search=WebSearch())
        history = (
            Search("ws_1", '{"type":"search","query":"a","queries":["a"]}'),
            Search("ws_2", '{"type":"open_page","url":"https://a.org"}'),
            Search("ws_3"),
            Message("assistant", (TextPart("found", ('{"type":"url_citation","url":"https://a.org"}',)),)),
        )

        async def story(talk: Talk, setup: Json) -> None:
            items = json.decode(json.encode(raw_items(history)))
            talk.turn(await talk.start(**setup), user("search: a"), *items, user("say: fine"))
            await talk.done()

        await self.hold_to(story)

    def test_failures(self) -> "Deferred[None]":
        statuses = (400, 401, 403, 404, 429, 500, 503)
        codes = (
            "rate_limit_exceeded",
            "context_length_exceeded",
            "insufficient_quota",
            "server_is_overloaded",
        )
        return self.tell(*(f"fail: {what}" for what in (*statuses, *codes, "nonsense")))

    def test_answers_that_break_off(self) -> "Deferred[None]":
        reasons = ("max_output_tokens", "content_filter")
        return self.tell(*(f"incomplete: {reason} one two" for reason in reasons), "cut: one two")

    async def test_a_thread_goes_on(self) -> None:
        async def story(talk: Talk, setup: Json) -> None:
            thread = await talk.start(**setup)
            talk.turn(thread, user("think: one"))
            await talk.done()
            talk.turn(thread, user("say: two"))
            await talk.done(2)
            await talk.ask("thread/unsubscribe", threadId=thread)
            await talk.until(lambda told: told["method"] == "thread/closed")
            await talk.ask("thread/unsubscribe", threadId=thread)
            await talk.ask("turn/start", threadId=thread, input=[])
            await talk.ask("thread/inject_items", threadId=thread)

        await self.hold_to(story)

    async def test_a_whole_history_is_injected(self) -> None:
        async def story(talk: Talk, setup: Json) -> None:
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
            talk.turn(await talk.start(**setup), *history)
            await talk.done()

        await self.hold_to(story)

    async def test_one_call(self) -> None:
        async def story(talk: Talk, setup: Json) -> None:
            talk.turn(await talk.start(**setup), user('preface: now\ncall: f {"x": 1}'))
            talk.reply(await talk.called(), text("good"))
            await talk.done()

        await self.hold_to(story)

    async def test_calls_in_rounds(self) -> None:
        async def story(talk: Talk, setup: Json) -> None:
            asked = user('call: f {"x": 1}\ncall: ns.g {}\nthen: call: f {"x": 2}\nthen: say: over')
            talk.turn(await talk.start(**setup), asked)
            for number in (1, 2, 3):
                request = await talk.called(number)
                talk.reply(request, text(f"{request['params']['tool']} said"), success=number != 2)
            await talk.done()

        await self.hold_to(story)

    async def test_a_call_is_declined(self) -> None:
        async def story(talk: Talk, setup: Json) -> None:
            talk.turn(await talk.start(**setup), user("call: f {}"))
            talk.decline(await talk.called())
            await talk.done()

        await self.hold_to(story)

    async def test_a_call_gives_more_than_text(self) -> None:
        async def story(talk: Talk, setup: Json) -> None:
            talk.turn(await talk.start(**setup), user("call: f {}"))
            image = {"type": "inputImage", "imageUrl": PIXEL}
            talk.reply(await talk.called(), text("see"), image)
            await talk.done()

        await self.hold_to(story)

    async def test_a_long_result_is_not_cut(self) -> None:
        long = "a long result " * 20_000

        async def story(talk: Talk, setup: Json) -> None:
            given = {"type": "function_call_output", "call_id": "c1", "output": long}
            call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
            talk.turn(await talk.start(**setup), user("go"), call, given, user("call: f {}"))
            talk.reply(await talk.called(), text(long))
            await talk.done()

        await self.hold_to(story)

    async def test_a_silent_turn_is_interrupted(self) -> None:
        async def story(talk: Talk, setup: Json) -> None:
            thread = await talk.start(**setup)
            talk.turn(thread, user("stall: one two"))
            delta = await talk.until(lambda told: told["method"] == "item/agentMessage/delta", 2)
            await talk.ask("turn/interrupt", threadId=thread, turnId="another")
            await talk.ask("turn/interrupt", threadId=thread, turnId=delta["params"]["turnId"])
            await talk.done()

        await self.hold_to(story)

    async def test_a_turn_that_waits_for_a_tool_is_interrupted(self) -> None:
        async def story(talk: Talk, setup: Json) -> None:
            thread = await talk.start(**setup)
            talk.turn(thread, user("call: f {}"))
            request = await talk.called()
            await talk.until(lambda told: told["method"] == "rawResponse/completed")
            await talk.ask("turn/interrupt", threadId=thread, turnId=request["params"]["turnId"])
            await talk.done()

        await self.hold_to(story)

    async def test_what_a_turn_sets_stays_set(self) -> None:
        self.setup = setup(self.how.workspace, instructions="be brief", verbosity="low")
        schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}

        async def story(talk: Talk, setup: Json) -> None:
            thread = await talk.start(**setup)
            talk.turn(thread, user("say: 1"), effort="high", serviceTier="flex", outputSchema=schema)
            await talk.done()
            talk.turn(thread, user("say: 2"))
            await talk.done(2)

        await self.hold_to(story)

    async def test_a_full_thread_is_compacted(self) -> None:
        async def story(talk: Talk, setup: Json) -> None:
            thread = await talk.start(**setup)
            talk.turn(thread, user("usage: 200000,0,10,0\nsay: hi"))
            await talk.done()
            talk.turn(thread, user("say: " + "long " * 40_000), user("say: hi"))
            await talk.done(2)

        await self.hold_to(story, loose=True)

    async def test_a_full_thread_is_compacted_within_a_turn_too(self) -> None:
        async def story(talk: Talk, setup: Json) -> None:
            talk.turn(await talk.start(**setup), user("usage: 250000,0,10,0\ncall: f {}"))
            talk.reply(await talk.called(), text("good"))
            await talk.done()

        await self.hold_to(story, loose=True)


async def handshake(talk: Talk) -> Talk:
    """Begin a conversation as codexd does; what was said is not kept."""
    silenced = {"experimentalApi": True, "optOutNotificationMethods": list(b.SILENCED)}
    await talk.ask("initialize", clientInfo={"name": "codexd", "version": "0"}, capabilities=silenced)
    talk.notify("initialized")
    for method, form in (("config/read", dict[str, Any]), ("model/list", b.ModelPage)):
        b.structure((await talk.ask(method))["result"], form)
    return talk


# How two conversations are compared.

HANDSHAKE = 3
"""How many replies of a conversation are its handshake's."""


def shown(talk: Talk) -> list[Json]:
    """Give a conversation with the ids each side made up replaced by numbers, replies after the rest."""
    names: dict[str, str] = {}
    replies = talk.replies[HANDSHAKE:]
    for made in _made_up([*replies, *talk.told]):
        names.setdefault(made, f"<{len(names)}>")
    whole = json.encode([talk.told, replies]).decode()
    for made, name in names.items():
        whole = whole.replace(made, name)
    told, replies = json.decode(whole)
    return [*_calls_last(told), *replies]


def _calls_last(told: list[Json]) -> list[Json]:
    """Move what comes of a tool call behind the end of the response it is in: it may come before."""
    found: list[Json] = []
    early: list[Json] = []
    in_response = False
    for said in told:
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
    """Give the first place where the two differ."""
    if loose:
        fake, real = _outline(fake), _outline(real)
    for place, (ours, theirs) in enumerate(zip(fake, real, strict=False)):
        if not within(ours, theirs):
            return place, f"message {place}: {ours}\nreally: {theirs}"
    if len(fake) != len(real):
        return min(len(fake), len(real)), f"{len(fake)} messages, really {len(real)}"
    return None


def _outline(messages: list[Json]) -> list[Json]:
    """Give what remains when the model's words do not matter."""
    items = [(said.get("method"), said.get("params", {}).get("item", {})) for said in messages]
    return [
        [method, item.get("type"), item.get("role")]
        for method, item in items
        if method != "item/agentMessage/delta"
    ]


def bodies(server: FakeAppServer, model: ScriptedModel) -> tuple[int, str] | None:
    """Compare what the models were asked, as their provider saw it."""
    for place, (ours, asked) in enumerate(zip(server.bodies, model.asked, strict=True)):
        if not within(ours, asked.body):
            return 10_000 + place, f"asked {place}: {ours}\nreally: {asked.body}"
    return None


def within(ours: Json, theirs: Json) -> bool:
    """Tell whether everything we say is said there too; of an error's text the beginning is enough."""
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
