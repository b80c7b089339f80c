"""The tables hold every scenario that the project's laws require."""

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.parity.scenario import ScenarioRequest
from tests.parity.scenarios import SCENARIOS

IDS = frozenset(scenario.id for scenario in SCENARIOS)
ENDPOINTS = ("chat", "responses")
WAYS = ("", "-streamed")

FOURFOLD = (
    "text",
    "usage",
    "multi-turn",
    "reasoning",
    "json-schema",
    "length",
    "incomplete",
    "content-filter",
    "tools-one",
    "tools-parallel",
    "tools-continued",
    "tools-parallel-continued",
    "tools-rounds",
    "fail-400",
    "fail-401",
    "fail-403",
    "fail-404",
    "fail-invalid-prompt",
    "fail-path",
    "fail-409",
    "fail-418",
    "fail-422",
    "fail-429",
    "fail-500",
    "fail-503",
    "fail-rate-limit",
    "fail-context",
    "fail-quota",
    "fail-overloaded",
    "fail-prompt-late",
    "fail-other",
    "fail-late",
    "cut",
)

NEVER_FORWARDED = ("unknown-model", "bad-body")

CHAT = (
    "tool-choice-none",
    "tool-choice-required",
    "tool-choice-unmet",
    "tool-choice-named",
    "one-at-a-time",
    "stop",
    "stop-streamed",
    "choices",
    "repeats-digits-streamed",
    "repeats-letters-streamed",
    "repeats-newlines-streamed",
    "legacy-functions",
    "image",
    "cursor-streamed",
    "custom-tool",
)

AROUND = (
    "models/list",
    "models/one",
    "models/unknown",
    "probes/live",
    "probes/ready",
    "probes/health",
    "other/error-path",
    "other/error-ollama",
    "chat/error-method",
    "chat/error-too-large",
    "chat/error-media",
    "chat/error-encoding",
    "chat/error-key",
    "chat/preflight",
)

BOTH_WAYS = (
    "chat/web-search",
    "chat/logprobs",
    "responses/custom-tool",
    "responses/namespace-tool",
    "responses/web-search",
    "responses/web-search-continued",
    "responses/max-tool-calls",
    "responses/logprobs",
    "responses/continued",
    "responses/continued-tools",
    "responses/continued-reasoning",
    "responses/branches",
    "responses/reference",
    "responses/not-stored",
    "responses/retrieved",
    "responses/retrieved-encrypted",
    "conversations/used",
    "conversations/tools",
)

STORED = (
    "responses/input-items",
    "responses/deleted",
    "responses/deleted-ancestor",
    "responses/failed-streamed",
    "responses/client-gone-streamed",
    "responses/background",
    "responses/background-tools",
    "responses/background-failed",
    "responses/background-resumed-streamed",
    "responses/background-cancelled-streamed",
    "responses/background-deleted-streamed",
    "conversations/lifecycle",
    "conversations/items",
    "conversations/item-deleted",
    "conversations/branched",
    "conversations/deleted",
    "conversations/background",
    "responses/tool-events-streamed",
    "responses/tool-messages",
    "responses/input-tokens",
)

REJECTED = (
    "responses/error-unknown",
    "responses/error-other-key",
    "responses/error-foreground",
    "responses/error-state",
    "responses/error-input-items",
    "responses/error-metadata",
    "conversations/error-unknown",
    "conversations/error-other-key",
    "conversations/error-body",
    "responses/error-tool-messages",
    "responses/error-compatibility",
    "responses/error-attachments",
    "responses/error-uploads",
    "responses/hosted-file-search",
    "responses/hosted-choice",
    "responses/compact",
    "completions/error-unsupported",
    "chat/error-output-mode",
)

UPSTREAM = (
    "sampling",
    "logprobs",
    "unknown-fields",
    "unknown-fields-passed",
    "capable",
    "brief",
    "one-call",
    "refusal",
    "invalid-json",
    "invalid-json-first",
    "cut-first",
    "repeated",
    "not-repeated",
    "unreachable",
    "fallback",
    "fallback-refused",
    "fallback-exhausted",
)

UPSTREAM_ALONE = (
    "models/list",
    "chat/breaker-open",
    "chat/error-image",
    "chat/omitted",
    "chat/image",
    "chat/choices",
    "chat/stop",
    "chat/native-tool",
    "responses/namespace-tool",
    "responses/continued-tools",
    "responses/client-gone-streamed",
    "responses/background-tools",
    "chat/tools-as-text",
)

EVERYWHERE = (
    *(f"completions/{name}" for name in ("text", "echo", "prompts", "choices", "stop", "length", "cut")),
    *(f"chat/blocks-{name}" for name in ("made", "written", "broken", "read", "unknown")),
)

GATED = ("chat/blocks-most", "chat/blocks-burst", "chat/blocks-default", "completions/blocks-written")


class ScenariosTests(SynchronousTestCase):
    def assert_has(self, *ids: str) -> None:
        self.assertEqual([id for id in ids if id not in IDS], [])

    def test_what_chat_and_responses_share_is_there_at_both_endpoints_whole_and_streamed(self) -> None:
        for endpoint in ENDPOINTS:
            self.assert_has(*(f"upstream/{endpoint}/{name}{way}" for name in FOURFOLD for way in WAYS))
            both = (*FOURFOLD, *NEVER_FORWARDED)
            self.assert_has(*(f"codex/{endpoint}/{name}{way}" for name in both for way in WAYS))

    def test_what_upstreams_add_is_there_at_both_endpoints_whole_and_streamed(self) -> None:
        for endpoint in ENDPOINTS:
            self.assert_has(*(f"upstream/{endpoint}/{name}{way}" for name in UPSTREAM for way in WAYS))
        self.assert_has(*(f"upstream/{name}" for name in UPSTREAM_ALONE))

    def test_legacy_completions_and_tool_calls_as_text_are_there_over_codex_and_over_upstreams(self) -> None:
        self.assert_has(*(f"{place}/{name}" for place in ("codex", "upstream") for name in EVERYWHERE))
        self.assert_has(*(f"gated/{name}" for name in GATED))

    def test_what_one_endpoint_has_alone_is_there(self) -> None:
        self.assert_has(*(f"codex/chat/{name}" for name in CHAT), *(f"codex/{name}" for name in AROUND))

    def test_stored_responses_and_conversations_are_there_in_every_use(self) -> None:
        self.assert_has(*(f"codex/{name}{way}" for name in BOTH_WAYS for way in WAYS))
        self.assert_has(*(f"codex/{name}" for name in (*STORED, *REJECTED)))

    def test_ids_are_fit_for_paths_and_unique(self) -> None:
        self.assertEqual(len(IDS), len(SCENARIOS))
        for id in IDS:
            self.assertTrue(re.fullmatch(r"[a-z]+/[a-z]+/[a-z0-9]+(-[a-z0-9]+)*", id), id)

    def test_a_name_ends_in_streamed_where_a_request_asks_for_a_stream(self) -> None:
        for scenario in SCENARIOS:
            requests = [step for step in (scenario.first, *scenario.then) if isinstance(step, ScenarioRequest)]
            streamed = any(b'"stream":true' in request.body for request in requests)
            self.assertEqual(streamed, scenario.name.endswith("-streamed"), scenario.id)
