"""The ledger, the metrics and the providers count the same tokens, whatever ends a response."""

import atexit
import os
import signal
import time
from collections.abc import Iterator
from functools import cache
from hashlib import sha256

from openai import OpenAI

from codexd.wire.json import Json
from codexd.wire.sse import SseFrame
from tests.support.http_client import HttpResponse, PendingRequest
from tests.support.live_daemon import CHAT, RESPONSES, DaemonSetup, LiveTestCase, message, user
from tests.support.processes import TIMEOUT_SECONDS, wait_until
from tests.support.provider_process import ProviderProcess

COMPLETIONS = "/v1/completions"
KINDS = {
    "input": "input_tokens",
    "cached": "cached_tokens",
    "cache_write": "cache_write_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_tokens",
}
NAMES = ("alice", "bob")
LONG = "pace: 50\nshape: words\nsay: " + "word " * 2000
"""An answer that is still being sent when everything else is over."""

TOOL: Json = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@cache
def upstream() -> ProviderProcess:
    """Return the upstream of this test process; it stops at its exit."""
    process = ProviderProcess()
    atexit.register(process.stop)
    return process


def _settings() -> str:
    keys = "".join(
        f'[[key]]\nname = "{name}"\nsha256 = "{sha256(f"sk-{name}".encode()).hexdigest()}"\n{more}\n'
        for name, more in (("alice", ""), ("bob", ""), ("ops", "admin = true"))
    )
    return f'{keys}\n[[upstream]]\nname = "near"\nbase_url = "{upstream().url}"\nprefix = "near/"\n'


class UsageTests(LiveTestCase):
    """Attributes:
    server: the daemon of one test.
    """

    def setUp(self) -> None:
        self.server = self.new_daemon(DaemonSetup(account=True, settings=_settings())).start().await_ready()
        self._before = upstream().sent_usage
        self.await_child()

    # Load.

    @property
    def models(self) -> tuple[str, ...]:
        """A model of Codex and one of the upstream."""
        return self.server.model, "near/scripted"

    def call(self, path: str, body: Json, name: str = "alice") -> PendingRequest:
        return self.server.call(path, body, {"authorization": f"Bearer sk-{name}"})

    def get(self, path: str, name: str = "ops") -> HttpResponse:
        return self.server.get(path, {"authorization": f"Bearer sk-{name}"})

    def answer_everything(self) -> None:
        """Send requests of every kind, each with another usage, and read all responses."""
        number = 0
        pending: list[PendingRequest] = []
        for model in self.models:
            for stream in (False, True):
                for name in NAMES:
                    for path in (CHAT, RESPONSES, COMPLETIONS):
                        number += 1
                        text = f"usage: {100 + number},{number},{50 + number},{number}\nsay: hello"
                        body = {"model": model, "stream": stream} | _content(path, text)
                        pending.append(self.call(path, body, name))
            pending.append(self.call(CHAT, {"model": model, "messages": user("usage: 7,1,5,2\nsay: x"), "n": 2}))
        for one in pending:
            self.assertEqual(one.read().status, 200)

    def use_a_tool(self) -> None:
        """Let each model call a tool, and answer with its result."""
        for model in self.models:
            messages = user("usage: 30,3,20,2\ncall: look {}\nthen: say: done")
            body: Json = {"model": model, "messages": messages, "tools": [TOOL]}
            said = message(self.call(CHAT, body).read())
            result = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "sea"}
            self.assertEqual(
                message(self.call(CHAT, body | {"messages": [*messages, said, result]}).read())["role"], "assistant"
            )

    def respond_in_background(self) -> None:
        """Let each model respond in the background."""
        for model in self.models:
            body: Json = {"model": model, "input": "usage: 40,4,30,3\nsay: later", "background": True}
            id = self.call(RESPONSES, body).read().json["id"]
            wait_until(lambda id=id: self.get(f"{RESPONSES}/{id}", "alice").json["status"] == "completed", "completed")  # type: ignore[misc]

    def begin_long_streams(self, name: str, *models: str) -> list[tuple[PendingRequest, Iterator[SseFrame]]]:
        """Begin streams, and read their beginnings."""
        begun = []
        for model in models:
            for path in (CHAT, RESPONSES, COMPLETIONS):
                call = self.call(path, {"model": model, "stream": True} | _content(path, LONG), name)
                frames = call.frames()
                for _ in range(8):
                    next(frames)
                begun.append((call, frames))
        return begun

    def disconnect(self) -> None:
        """Disconnect from streams of each model."""
        for call, _ in self.begin_long_streams("bob", *self.models):
            call.disconnect()
        self.await_end()

    def kill_the_child(self) -> None:
        """Kill the Codex process while it answers; the upstream's responses go on."""
        codex, near = self.models
        broken = self.begin_long_streams("bob", codex)
        going_on = self.call(CHAT, {"model": near, "messages": user("pace: 20\nshape: words\nsay: " + "on " * 20)})
        os.kill(self.server.children[0], signal.SIGKILL)
        for _, frames in broken:
            self.assertIn(b"process exited", b"".join(frame.data for frame in frames))
        self.assertEqual(going_on.read().status, 200)
        self.await_end()
        self.await_child()

    def refuse(self) -> None:
        """Send what is refused."""
        for model in ("near/made-up" * 3, "made-up", self.server.model):
            self.call(CHAT, {"model": model, "messages": user("status: 400")}).read()

    def await_child(self) -> None:
        wait_until(lambda: self.metric("codexd_children_up") == 1, "Codex is up")

    def await_end(self) -> None:
        wait_until(lambda: self.metric("codexd_requests_running") == 0, "all requests are over")

    # What was counted.

    def metric(self, name: str) -> float:
        lines = self.get("/metrics").body.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name)

    def counted_by_metrics(self, name: str) -> dict[str, int]:
        """The tokens by kind, from a counter."""
        return {kind: int(self.metric(f'codexd_{name}_total{{kind="{kind}"}}')) for kind in KINDS}

    def counted_by_providers(self) -> dict[str, int]:
        """The tokens by kind that both providers have sent; they write no cache."""
        here, there = self.server.provider.sent_usage, upstream().sent_usage
        sums = {kind: here[kind] + there[kind] - self._before[kind] for kind in KINDS if kind != "cache_write"}
        return sums | {"cache_write": 0}

    def counted_by_ledger(self, query: str = "", name: str = "ops") -> tuple[dict[str, int], dict[str, int], int]:
        """The tokens by kind: what was counted, what is estimated; and the number of requests."""
        counted, estimated = self.get(f"/v1/usage{query}", name).json["totals"]
        sums = ({kind: one[member] for kind, member in KINDS.items()} for one in (counted, estimated))
        return *sums, counted["requests"] + estimated["requests"]  # type: ignore[return-value]

    def check(self) -> None:
        """Compare the ledger with the metrics and with the providers."""
        counted, estimated, requests = self.counted_by_ledger()
        self.assertEqual(counted, self.counted_by_metrics("tokens"))
        self.assertEqual(counted, self.counted_by_providers())
        self.assertEqual(estimated, self.counted_by_metrics("tokens_estimated"))
        self.assertGreater(min(estimated["input"], estimated["output"]), 0)
        posts = [line for line in self.get("/metrics").body.decode().splitlines() if 'route="/v1/' in line]
        routes = (CHAT, RESPONSES, COMPLETIONS)
        answered = sum(
            float(line.rpartition(" ")[2])
            for line in posts
            if line.startswith("codexd_requests_total{") and any(f'route="{route}"' in line for route in routes)
        )
        self.assertEqual(requests, answered)
        for name in NAMES:
            own, of_own, _ = self.counted_by_ledger(name=name)
            self.assertEqual((own, of_own), self.counted_by_ledger(f"?key={name}")[:2])
            for kind in KINDS:
                charged = self.metric(f'codexd_key_tokens_total{{key="{name}",kind="{kind}"}}')
                self.assertEqual(own[kind] + of_own[kind], charged, (name, kind))

    def test_ledger_metrics_and_providers_agree_to_the_token_also_after_a_restart(self) -> None:
        for load in (
            self.answer_everything,
            self.use_a_tool,
            self.respond_in_background,
            self.disconnect,
            self.kill_the_child,
            self.refuse,
            self.answer_everything,
        ):
            load()
        self.await_end()
        self.check()
        before = self.counted_by_ledger()
        self.server.end(signal.SIGTERM)
        self.server.start().await_ready()
        self.assertEqual(self.counted_by_ledger(), before)

    def test_what_is_written_survives_a_kill_and_openais_client_reads_it(self) -> None:
        start = int(time.time())
        self.call(CHAT, {"model": "near/scripted", "messages": user("usage: 11,1,5,2\nsay: hi")}).read()
        wait_until(lambda: self.metric("codexd_usage_rows_waiting") == 0, "written")
        self.server.end(signal.SIGKILL)
        self.server.start().await_ready()
        client = OpenAI(
            base_url=self.server.url, api_key="sk-ops", admin_api_key="sk-ops", timeout=TIMEOUT_SECONDS, max_retries=0
        )
        page = client.admin.organization.usage.completions(
            start_time=start, bucket_width="1h", group_by=["model", "api_key_id"], api_key_ids=["alice"]
        )
        results = [result for bucket in page.data for result in bucket.results]
        self.assertEqual(len(results), 1)
        found = results[0].model_dump()
        expected = {"input_tokens": 11, "output_tokens": 5, "input_cached_tokens": 1, "num_model_requests": 1}
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.assertEqual((found["model"], found["api_key_id"]), ("near/scripted", "alice"))


def _content(path: str, text: str) -> Json:
    if path == CHAT:
        return {"messages": user(text)}
    return {"input": text} if path == RESPONSES else {"prompt": text}
