"""The table holds what the law asks for; a scenario that is dropped from it is missed here."""

import re

from twisted.trial.unittest import SynchronousTestCase

from codexd.parity.scenarios import SCENARIOS

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


class ScenariosTests(SynchronousTestCase):
    def test_whatever_both_doors_have_is_told_in_four_ways(self) -> None:
        for name in FOURFOLD:
            for door in ("chat", "responses"):
                self.assertIn(f"{door}-{name}", NAMES)
                self.assertIn(f"{door}-{name}-streamed", NAMES)

    def test_what_one_door_has_alone_and_what_is_around_them_is_there(self) -> None:
        for name in (*(f"chat-{name}" for name in CHAT), *OTHERS):
            self.assertIn(name, NAMES)

    def test_names_are_fit_for_folders_and_no_two_are_the_same(self) -> None:
        self.assertEqual(len(NAMES), len(SCENARIOS))
        for name in NAMES:
            self.assertTrue(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), name)

    def test_what_is_called_streamed_asks_for_a_stream(self) -> None:
        for scenario in SCENARIOS:
            self.assertEqual(b'"stream":true' in scenario.first.body, scenario.name.endswith("-streamed"))
