"""The table holds what the law asks for; a scenario that is dropped from it is missed here."""

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.parity.scenario import Ask
from tests.parity.scenarios import SCENARIOS

NAMES = frozenset(scenario.name for scenario in SCENARIOS)

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
    "fail-429",
    "fail-500",
    "fail-503",
    "fail-rate-limit",
    "fail-context",
    "fail-quota",
    "fail-overloaded",
    "fail-other",
    "fail-late",
    "cut",
    "unknown-model",
    "bad-body",
)

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

OTHERS = (
    "responses-custom-tool",
    "responses-namespace-tool",
    "models",
    "error-path",
    "error-method",
    "error-too-large",
    "error-media",
    "error-key",
)


BOTH_WAYS = (
    "chat-web-search",
    "chat-logprobs",
    "responses-web-search",
    "responses-web-search-continued",
    "responses-max-tool-calls",
    "responses-logprobs",
    "responses-continued",
    "responses-continued-tools",
    "responses-continued-reasoning",
    "responses-branches",
    "responses-reference",
    "responses-not-stored",
    "responses-retrieved",
    "responses-retrieved-sealed",
    "conversation-used",
    "conversation-tools",
)

KEPT = (
    "responses-input-items",
    "responses-deleted",
    "responses-deleted-ancestor",
    "responses-failed-streamed",
    "responses-left-streamed",
    "background",
    "background-tools",
    "background-failed",
    "background-resumed-streamed",
    "background-cancelled-streamed",
    "background-deleted-streamed",
    "conversation",
    "conversation-items",
    "conversation-taken-out",
    "conversation-branched",
    "conversation-deleted",
    "conversation-background",
    "tool-events-streamed",
    "tool-messages",
    "input-tokens",
)

REFUSED = (
    "responses-unknown",
    "responses-foreign",
    "responses-foreground",
    "responses-state",
    "responses-input-items",
    "responses-metadata",
    "conversation-unknown",
    "conversation-foreign",
    "conversation-body",
    "tool-messages",
    "compatibility",
    "attachments",
    "uploads",
    "hosted-file-search",
    "hosted-choice",
    "compact",
)


UPSTREAM = (
    "sampling",
    "logprobs",
    "unknown",
    "unknown-passed",
    "able",
    "brief",
    "one-call",
    "refusal",
    "garbled",
    "garbled-first",
    "cut-first",
    "repeated",
    "not-repeated",
    "unreachable",
    "fallback",
    "fallback-refused",
    "fallback-lost",
)

UPSTREAM_ALONE = (
    "models",
    "probe-ready",
    "left-alone",
    "error-image",
    "chat-omitted",
    "chat-image",
    "chat-choices",
    "chat-stop",
    "chat-native-tool",
    "responses-namespace-tool",
    "responses-continued-tools",
    "responses-left-streamed",
    "background-tools",
    "blocks-worded",
)

ANYWHERE = (
    *(f"completions-{name}" for name in ("text", "echo", "prompts", "choices", "stop", "length", "cut")),
    *(f"blocks-{name}" for name in ("made", "written", "broken", "read", "unknown")),
)

GATED = ("blocks-most", "blocks-burst", "blocks-default", "blocks-completions")


class ScenariosTests(SynchronousTestCase):
    def test_whatever_both_doors_have_is_told_of_an_upstream_too(self) -> None:
        for name in (*FOURFOLD, *UPSTREAM):
            for door in ("chat", "responses"):
                self.assertIn(f"upstream-{door}-{name}", NAMES)
                self.assertIn(f"upstream-{door}-{name}-streamed", NAMES)
        for name in UPSTREAM_ALONE:
            self.assertIn(f"upstream-{name}", NAMES)

    def test_legacy_texts_and_calls_as_text_are_told_in_every_place(self) -> None:
        for name in ANYWHERE:
            self.assertIn(name, NAMES)
            self.assertIn(f"upstream-{name}", NAMES)
        for name in (*(f"gated-{name}" for name in GATED), "error-completions", "error-output-mode"):
            self.assertIn(name, NAMES)

    def test_a_name_tells_the_place(self) -> None:
        for scenario in SCENARIOS:
            place = scenario.name.partition("-")[0]
            self.assertEqual(scenario.place, place if place in ("upstream", "gated") else "codex")

    def test_whatever_both_doors_have_is_told_in_four_ways(self) -> None:
        for name in FOURFOLD:
            for door in ("chat", "responses"):
                self.assertIn(f"{door}-{name}", NAMES)
                self.assertIn(f"{door}-{name}-streamed", NAMES)

    def test_what_one_door_has_alone_and_what_is_around_them_is_there(self) -> None:
        for name in (*(f"chat-{name}" for name in CHAT), *OTHERS):
            self.assertIn(name, NAMES)

    def test_what_is_kept_is_told_in_every_way_it_can_be_used(self) -> None:
        both_ways = (*BOTH_WAYS, *(f"{name}-streamed" for name in BOTH_WAYS))
        for name in (*both_ways, *KEPT, *(f"error-{name}" for name in REFUSED)):
            self.assertIn(name, NAMES)

    def test_names_are_fit_for_folders_and_no_two_are_the_same(self) -> None:
        self.assertEqual(len(NAMES), len(SCENARIOS))
        for name in NAMES:
            self.assertTrue(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), name)

    def test_what_is_called_streamed_asks_for_a_stream(self) -> None:
        for scenario in SCENARIOS:
            asks = [step for step in (scenario.first, *scenario.then) if isinstance(step, Ask)]
            streamed = any(b'"stream":true' in ask.body for ask in asks)
            self.assertEqual(streamed, scenario.name.endswith("-streamed"), scenario.name)
