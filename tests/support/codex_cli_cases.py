"""What Codex as a client does with codexd, whatever its back end; for tests/live/test_codex_cli.py.

Its tools, an MCP server, images, resumed sessions, schemas, reasoning, compression, cancellation: with a model that
gets its tools directly and with one that gets them in an item of the input and calls them from code, as a custom
provider and by `openai_base_url`.
"""

import base64
import shutil
import signal
from collections.abc import Iterator
from typing import Any

from codexd.wire import json
from codexd.wire.json import Json
from tests.support.codex_cli import Access, CodexCli, CodexRun
from tests.support.live_daemon import LiveTestCase
from tests.support.mcp_server import PIXEL
from tests.support.processes import wait_until
from tests.support.provider_process import ProviderProcess
from tests.support.tapped_port import TappedPort

DIRECT, CODE = "gpt-5.5", "gpt-6-astra"
"""A model of Codex's catalog that calls tools directly, and one that calls them from code (`use_responses_lite`)."""

PATCH = "*** Begin Patch\n*** Add File: made.txt\n+made by a patch\n*** End Patch\n"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def call(name: str, arguments: Any) -> str:
    """Return a script that calls a function."""
    return f"call: {name} {json.encode(arguments).decode()}"


def code(source: str) -> str:
    """Return a script that runs code in the client, which has one tool for that."""
    return call("exec", {"input": source})


class CodexCliCases(LiveTestCase):
    """The cases; each back end is a subclass.

    Attributes:
        shout: the name that the model has for the MCP server's tool.
    """

    shout: str

    @property
    def provider(self) -> ProviderProcess:
        """The process of the model behind codexd."""
        raise NotImplementedError

    def client(self, model: str = DIRECT, access: Access = "provider", port: int | None = None) -> CodexCli:
        """Build a client with a new home."""
        url = f"http://127.0.0.1:{port or self.daemon.port}/v1"
        client = CodexCli(model=model, url=url, access=access)
        self.addCleanup(shutil.rmtree, client.home.parent, ignore_errors=True)
        return client

    def clients(self) -> Iterator[CodexCli]:
        """Yield a new client for each model and each way to reach codexd."""
        for model in (DIRECT, CODE):
            for access in ("provider", "api_key"):
                yield self.client(model, access)

    def succeed(self, client: CodexCli, *arguments: str) -> CodexRun:
        """Run a client, which must succeed."""
        run = client.run(*arguments)
        self.assertEqual(run.status, 0, (client, run.messages, run.events))
        return run

    def test_a_shell_command(self) -> None:
        scripts = {
            DIRECT: call("exec_command", {"cmd": "echo ran-$((40+2))"}),
            CODE: code("const r = await tools.exec_command({cmd: 'echo ran-$((40+2))'}); text(r.output)"),
        }
        for client in self.clients():
            run = self.succeed(client, scripts[client.model])
            self.assertIn("tool said:", run.answer)
            self.assertIn("ran-42", run.answer)
            (command,) = run.items("command_execution")
            self.assertEqual((command["exit_code"], command["aggregated_output"]), (0, "ran-42\n"))

    def test_a_patch(self) -> None:
        scripts = {
            DIRECT: call("apply_patch", {"input": PATCH}),
            CODE: code(f"text(await tools.apply_patch({json.encode(PATCH).decode()}))"),
        }
        for client in self.clients():
            run = self.succeed(client, f"{scripts[client.model]}\nthen: say: patched")
            self.assertEqual(run.answer, "patched")
            self.assertEqual((client.workspace / "made.txt").read_text(), "made by a patch\n")
            self.assertEqual([one["status"] for one in run.items("file_change")], ["completed"])

    def test_the_clients_tool_search_brings_an_mcp_servers_tool(self) -> None:
        search = call("tool_search", {"query": "shout", "limit": 2})
        script = f"{search}\nthen: {call(self.shout, {'text': 'aloud'})}"
        for access in ("provider", "api_key"):
            client = self.client(DIRECT, access)
            run = self.succeed(client, script)
            self.assertIn("ALOUD", run.answer)
            self.assertEqual([one["arguments"] for one in client.mcp_calls], [{"text": "aloud"}])
            (mcp,) = run.items("mcp_tool_call")
            self.assertEqual((mcp["server"], mcp["tool"], mcp["status"]), ("tiny", "shout", "completed"))

    def test_an_mcp_servers_tool_is_called_from_code(self) -> None:
        for access in ("provider", "api_key"):
            client = self.client(CODE, access)
            source = "const r = await tools.mcp__tiny__shout({text: 'aloud'}); text(r.content[0].text)"
            self.assertIn("ALOUD", self.succeed(client, code(source)).answer)
            self.assertEqual([one["name"] for one in client.mcp_calls], ["shout"])

    def test_a_picture_of_an_mcp_server_reaches_the_model(self) -> None:
        client = self.client(CODE)
        self.succeed(client, code("const r = await tools.mcp__tiny__look({}); image(r.content[0])"))
        self.assertIn(PIXEL, json.encode(self.provider.asked(1)).decode())

    def test_every_result_of_one_call_reaches_the_model(self) -> None:
        """`notify` sends another result for the same call."""
        run = self.succeed(self.client(CODE), code("notify('first news'); text('last words')"))
        self.assertIn("first news", json.encode(self.provider.asked(1)).decode())
        self.assertIn("last words", run.answer)

    def test_an_image(self) -> None:
        for client in self.clients():
            picture = client.workspace / "pixel.png"
            picture.write_bytes(base64.b64decode(PIXEL))
            self.assertIn("[1 images]", self.succeed(client, "What is this?", "-i", str(picture)).answer)

    def test_a_resumed_session_sends_its_whole_history(self) -> None:
        scripts = {
            DIRECT: call("exec_command", {"cmd": "echo first-run"}),
            CODE: code("const r = await tools.exec_command({cmd: 'echo first-run'}); text(r.output)"),
        }
        for client in self.clients():
            self.succeed(client, scripts[client.model])
            self.assertEqual(self.succeed(client, "resume", "--last", "say: again").answer, "again")
            history = json.encode(self.provider.asked(1)).decode()
            for expected in ("first-run", "tool said:", "say: again"):
                self.assertIn(expected, history)

    def test_an_output_schema(self) -> None:
        for client in self.clients():
            schema = client.workspace / "schema.json"
            schema.write_bytes(json.encode(SCHEMA))
            run = self.succeed(client, 'json: {"city":"Oslo"}', "--output-schema", str(schema))
            self.assertEqual(json.decode(run.answer), {"city": "Oslo"})
            self.assertEqual(self.find_schema(self.provider.asked(1)[0]), SCHEMA)

    def find_schema(self, asked: Json) -> Json:
        """Return the schema in a request to the model."""
        raise NotImplementedError

    def test_reasoning_is_part_of_the_history(self) -> None:
        for client in self.clients():
            run = self.succeed(client, "thinking: let me see\nsay: seen")
            self.assertEqual(run.answer, "seen")
            (reasoning,) = [item for item in client.history if item["type"] == "reasoning"]
            parts = [*reasoning["summary"], *(reasoning.get("content") or ())]
            self.assertEqual([part["text"] for part in parts], ["let me see"])

    def test_an_interrupt_cancels_the_turn_of_the_model(self) -> None:
        for client in self.clients():
            running = client.start("slow: 100000")
            wait_until(lambda: self.provider.open == 1, "the model responds")
            running.send_signal(signal.SIGINT)
            client.finish(running)
            wait_until(lambda: self.provider.open == 0, "the model has stopped")

    def test_a_login_compresses_its_requests_and_reads_the_list_of_models(self) -> None:
        for model in (DIRECT, CODE):
            wait_until(lambda model=model: self.daemon.get(f"/v1/models/{model}").status == 200, "the model is listed")
            port = TappedPort(self.daemon.port)
            self.addCleanup(port.close)
            client = self.client(model, "login", port.port)
            self.assertEqual(self.succeed(client, "say: packed").answer, "packed")
            self.assertIn(b"\r\ncontent-encoding: zstd\r\n", port.received)
            self.assertIn(b"GET /v1/models?client_version=", port.received)
            cached = json.decode((client.home / "models_cache.json").read_bytes())
            self.assertIn(model, [one["slug"] for one in cached["models"]])

    def test_an_upgrade_to_websocket_is_tried_once(self) -> None:
        port = TappedPort(self.daemon.port)
        self.addCleanup(port.close)
        self.assertEqual(
            self.succeed(self.client(access="api_key", port=port.port), "say: over HTTP").answer, "over HTTP"
        )
        self.assertEqual(port.received.lower().count(b"upgrade: websocket"), 1)
