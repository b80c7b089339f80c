"""Tool calls as text: clients that read blocks and models that write them, with both back ends."""

from typing import Any

from codexd.tools.block_format import format_call
from codexd.wire.json import Json, decode
from tests.support import chat_stream
from tests.support.live_daemon import CHAT, message, user
from tests.support.live_upstreams import BARE, NEAR, UpstreamTestCase

CODEX = "scripted"
HEADERS = ("x-codexd-output-mode", "x-proxy-output-mode")

FIND_BLOCK: Json = {
    "type": "function",
    "function": {
        "name": "find",
        "description": "Finds notes.",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
        },
    },
}
ARGUMENTS = '{"query":"R&D <haha>","limit":3}'
BLOCK = """\
<use_tool>
  <name>find</name>
  <query>R&amp;D &lt;haha></query>
  <limit>3</limit>
</use_tool>"""
AROUND = "aabbb <use 🂡 haha <b>x</b>\n\n"


class BlockReadingClientTests(UpstreamTestCase):
    """Clients that read blocks."""

    def read(self, model: str, said: Any, header: str = HEADERS[0], **more: Any) -> Json:
        """Send a request, streamed and not, check that both agree, and return the choice."""
        body = {"model": model, "messages": user(said) if isinstance(said, str) else said} | more
        headers = {header: "obsidian-xml"}
        whole = self.daemon.post(CHAT, body, headers)
        message(whole)
        streamed = chat_stream.read(self.daemon.post(CHAT, body | {"stream": True}, headers).body)
        self.assertTrue(streamed.done)
        (choice,) = chat_stream.merge(streamed.chunks)["choices"]
        self.assertEqual(choice["message"], whole.json["choices"][0]["message"], (model, said))
        return choice

    def test_a_call_is_one_block_with_either_header(self) -> None:
        for model in (CODEX, NEAR):
            for header in HEADERS:
                choice = self.read(model, f"call: find {ARGUMENTS}", header, tools=[FIND_BLOCK])
                self.assertEqual(choice["message"]["content"], BLOCK, (model, header))
                self.assertEqual(choice["finish_reason"], "tool_calls")
                self.assertNotIn("tool_calls", choice["message"])

    def test_a_written_block_arrives_once_however_it_is_split(self) -> None:
        for model in (CODEX, NEAR, BARE):
            for shape in ("whole", "words", "chars", "repeats", "random:7"):
                choice = self.read(model, f"shape: {shape}\nsay: {AROUND}{BLOCK}", tools=[FIND_BLOCK])
                self.assertEqual(choice["message"]["content"], AROUND + BLOCK, (model, shape))
                self.assertEqual(choice["finish_reason"], "tool_calls")

    def test_text_that_is_no_block_is_unchanged(self) -> None:
        broken = f"{AROUND}<use_tool><name>find</name><use_tool>aabbcc</use_too></use_tool ><use_tool"
        for model in (CODEX, NEAR, BARE):
            for shape in ("chars", "repeats"):
                choice = self.read(model, f"shape: {shape}\nsay: {broken}")
                self.assertEqual(choice["message"]["content"], broken, (model, shape))

    def test_a_block_is_one_delta_of_a_stream(self) -> None:
        for model in (CODEX, NEAR):
            said = f"shape: chars\nsay: ab\n\n{BLOCK}\n\ncd"
            answer = self.daemon.post(
                CHAT,
                {"model": model, "messages": user(said), "tools": [FIND_BLOCK], "stream": True},
                {HEADERS[0]: "obsidian-xml"},
            )
            chunks = chat_stream.read(answer.body).chunks
            pieces = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks]
            self.assertEqual("".join(pieces), f"ab\n\n{BLOCK}\n\ncd")
            self.assertEqual(sum("use_tool" in piece for piece in pieces), 1, pieces)

    def test_several_calls_are_several_blocks(self) -> None:
        for model in (CODEX, NEAR):
            choice = self.read(model, 'call: find {"query":"a"}\ncall: find {"query":"a"}', tools=[FIND_BLOCK])
            self.assertEqual(choice["message"]["content"].count("<use_tool>"), 2)


class BlockWritingModelTests(UpstreamTestCase):
    """Clients with tools, and a model that writes blocks."""

    def test_a_block_becomes_a_call_and_its_result_returns(self) -> None:
        for model in (CODEX, NEAR, BARE):
            said = f"shape: random:3\nsay: Let me see.\n\n{BLOCK}"
            client = self.daemon.client()
            with client.chat.completions.stream(model=model, messages=user(said), tools=[FIND_BLOCK]) as stream:
                called = stream.get_final_completion().choices[0]
            (call,) = called.message.tool_calls
            self.assertEqual((called.finish_reason, call.function.name), ("tool_calls", "find"), model)
            self.assertEqual(decode(call.function.arguments), decode(ARGUMENTS))
            self.assertEqual((called.message.content or "").strip(), "Let me see.")
            history = [
                *user(said),
                called.message.model_dump(exclude_none=True, exclude={"parsed"}),
                {"role": "tool", "tool_call_id": call.id, "content": "<b>42</b>"},
                {"role": "user", "content": "say: thanks"},
            ]
            self.assertEqual(self.ask(history, model, tools=[FIND_BLOCK]).choices[0].message.content, "thanks")
            if model != CODEX:
                self.check_shown(model, call.id)

    def check_shown(self, model: str, call_id: str) -> None:
        """Check that the upstream received only what it supports."""
        asked = self.upstream_request
        reply = "\n".join(str(one.get("content")) for one in asked["messages"])
        roles = [one["role"] for one in asked["messages"]]
        if model == NEAR:
            self.assertEqual((roles, len(asked["tools"])), (["user", "assistant", "tool", "user"], 1))
            self.assertEqual(asked["messages"][2]["tool_call_id"], call_id)
        else:
            self.assertNotIn("tools", asked)
            self.assertEqual(set(roles), {"system", "user", "assistant"})
            self.assertTrue("Finds notes." in reply and BLOCK in reply and "<b>42</b>" in reply, reply)

    def test_at_the_responses_endpoint_a_block_is_a_call_item(self) -> None:
        tool = FIND_BLOCK["function"] | {"type": "function", "strict": False}
        for model in (CODEX, NEAR, BARE):
            called = self.respond(f"say: Look.\n\n{BLOCK}", model, tools=[tool])
            (call,) = [item for item in called.output if item.type == "function_call"]
            self.assertEqual((call.name, decode(call.arguments)), ("find", decode(ARGUMENTS)))
            result = {"type": "function_call_output", "call_id": call.call_id, "output": "found it"}
            again = [result, {"role": "user", "content": "say: done"}]
            reply = self.respond(again, model, previous_response_id=called.id, tools=[tool])
            self.assertEqual(reply.output_text, "done")

    def test_a_block_of_an_unknown_tool_stays_text(self) -> None:
        for model in (CODEX, NEAR, BARE):
            said = self.ask(f"say: {BLOCK}", model, tools=[FIND_BLOCK | {"function": {"name": "other"}}])
            self.assertEqual(said.choices[0].message.content, BLOCK, model)

    def test_a_client_that_reads_blocks_with_a_model_without_tools(self) -> None:
        written = format_call("find", ARGUMENTS)
        answer = self.daemon.post(
            CHAT,
            {"model": BARE, "messages": user(f"say: {written}"), "tools": [FIND_BLOCK]},
            {HEADERS[1]: "obsidian-xml"},
        )
        self.assertEqual(message(answer)["content"], written)

    def test_blocks_are_counted(self) -> None:
        names = [f"codexd_tool_buffer_{end}_total" for end in ("started", "flushed", "aborted")]
        before = [self.daemon.metric(name) for name in names]
        self.ask(f"say: {BLOCK} <use_tool>broken", NEAR, tools=[FIND_BLOCK])
        self.assertEqual([self.daemon.metric(name) for name in names], [before[0] + 2, before[1] + 1, before[2] + 1])
