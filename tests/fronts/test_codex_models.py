"""The model list in the form of Codex's own catalog."""

from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.codex_catalog import read_descriptions
from codexd.fronts import models
from codexd.fronts.codex_models import MAX_GENERIC
from codexd.neutral.model import ModelCard
from codexd.wire import json
from tests.support.codex_binary import run_codex

LITE, DIRECT = "gpt-6-astra", "gpt-5.5"
"""Models of the pinned binary's catalog: one with `use_responses_lite`, and one without."""


class CodexModelTests(SynchronousTestCase):
    descriptions: ClassVar[dict[str, str]] = {}

    def setUp(self) -> None:
        if not self.descriptions:
            self.descriptions.update(read_descriptions(run_codex(Path(self.mktemp()).absolute(), "debug", "models")))

    def describe(self, *cards: ModelCard) -> list[Any]:
        described: list[Any] = json.decode(models.render_models(cards, for_codex=True))["models"]
        return described

    def card(self, id: str, model: str | None = None, **more: Any) -> ModelCard:
        return ModelCard(id=id, description=self.descriptions[model or id], **more)

    def test_a_model_of_the_catalog_is_described_as_there(self) -> None:
        found = self.describe(self.card(LITE), self.card(DIRECT))
        self.assertEqual(found, [json.decode(self.descriptions[name]) for name in (LITE, DIRECT)])

    def test_an_alias_is_its_model_with_its_own_name_and_effort(self) -> None:
        (found,) = self.describe(self.card("fast", DIRECT, effort="low"))
        own = json.decode(self.descriptions[DIRECT])
        self.assertEqual((found["slug"], found["display_name"]), ("fast", "fast"))
        self.assertEqual(found["default_reasoning_level"], "low")
        for name in ("base_instructions", "context_window", "supported_reasoning_levels", "apply_patch_tool_type"):
            self.assertEqual(found[name], own[name])
        self.assertIsNone(found["upgrade"])

    def test_another_model_gets_codex_tools_but_nothing_of_a_models_own(self) -> None:
        other = ModelCard(id="near/qwen", efforts=("low",), context_window=33_000)
        for known in ((LITE, DIRECT), (LITE,)):
            found = self.describe(*map(self.card, known), other)[-1]
            self.assertEqual((found["slug"], found["display_name"]), ("near/qwen", "near/qwen"))
            self.assertEqual((found["context_window"], found["max_context_window"]), (33_000, 33_000))
            self.assertEqual([level["effort"] for level in found["supported_reasoning_levels"]], ["low"])
            self.assertEqual((found["use_responses_lite"], found.get("tool_mode")), (False, None))
            self.assertEqual(found["apply_patch_tool_type"], "freeform")
            self.assertTrue(found["base_instructions"].startswith("You are Codex, a"))
            self.assertNotIn("GPT", found["base_instructions"].partition(".")[0])
            self.assertEqual(set(found), set(json.decode(self.descriptions[known[-1]])))

    def test_the_list_is_limited(self) -> None:
        others = tuple(ModelCard(id=f"near/{number}") for number in range(MAX_GENERIC + 10))
        found = self.describe(*others, self.card(DIRECT))
        self.assertEqual(len(found), MAX_GENERIC + 1)
        self.assertEqual(found[0]["slug"], DIRECT)
        self.assertLess(len(json.encode(found[1])), 40_000)

    def test_without_a_catalog_there_are_no_descriptions(self) -> None:
        self.assertEqual(self.describe(ModelCard(id="near/qwen", context_window=33_000)), [])

    def test_other_clients_get_no_descriptions(self) -> None:
        self.assertEqual(json.decode(models.render_models((self.card(DIRECT),)))["models"], [])
