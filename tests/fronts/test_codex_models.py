"""The model list in the form of Codex's own catalog."""

from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.codex_catalog import read_descriptions, read_template
from codexd.fronts import models
from codexd.fronts.codex_models import MAX_GENERIC
from codexd.neutral.model import ModelCard
from codexd.wire import json
from tests.support.codex_binary import run_codex

LITE, DIRECT = "gpt-6-astra", "gpt-5.5"
"""Models of the pinned binary's catalog: one with `use_responses_lite`, and one without."""

REQUIRED = {
    "slug", "display_name", "supported_reasoning_levels", "shell_type", "visibility", "supported_in_api", "priority",
    "support_verbosity", "truncation_policy", "experimental_supported_tools", "base_instructions",
}  # fmt: skip
"""Fields without which the pinned binary rejects the whole list."""


class CodexModelTests(SynchronousTestCase):
    descriptions: ClassVar[dict[str, str]] = {}
    template: ClassVar[str]

    def setUp(self) -> None:
        if not self.descriptions:
            catalog = run_codex(Path(self.mktemp()).absolute(), "debug", "models")
            self.descriptions.update(read_descriptions(catalog))
            type(self).template = read_template(catalog)

    def describe(self, *cards: ModelCard) -> list[Any]:
        described: list[Any] = json.decode(models.render_models(cards, for_codex=True))["models"]
        return described

    def card(self, id: str, model: str | None = None, **more: Any) -> ModelCard:
        return ModelCard(id=id, description=self.descriptions[model or id], template=self.template, **more)

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
        provider = evolve(other, template=self.template)
        for cards in ((self.card(LITE), self.card(DIRECT), other), (self.card(LITE), other), (provider,)):
            found = self.describe(*cards)[-1]
            self.assertEqual((found["slug"], found["display_name"]), ("near/qwen", "near/qwen"))
            self.assertEqual((found["context_window"], found["max_context_window"]), (33_000, 33_000))
            self.assertEqual([level["effort"] for level in found["supported_reasoning_levels"]], ["low"])
            self.assertEqual((found["use_responses_lite"], found.get("tool_mode")), (False, None))
            self.assertEqual(found["apply_patch_tool_type"], "freeform")
            self.assertTrue(found["base_instructions"].startswith("You are Codex, a"))
            self.assertNotIn("GPT", found["base_instructions"].partition(".")[0])
            self.assertEqual(set(found), {*json.decode(self.template), "default_reasoning_level"})

    def test_a_context_window_of_the_provider_replaces_that_of_the_entry(self) -> None:
        for name in (DIRECT, "fast"):
            (found,) = self.describe(self.card(name, DIRECT, context_window=9))
            self.assertEqual((found["context_window"], found["max_context_window"]), (9, 9))

    def test_the_list_is_limited(self) -> None:
        others = tuple(ModelCard(id=f"near/{number}") for number in range(MAX_GENERIC + 10))
        found = self.describe(*others, self.card(DIRECT))
        self.assertEqual(len(found), MAX_GENERIC + 1)
        self.assertEqual(found[0]["slug"], DIRECT)
        self.assertLess(len(json.encode(found[1])), 40_000)

    def test_without_a_catalog_the_template_has_what_the_client_requires(self) -> None:
        (found,) = self.describe(ModelCard(id="near/qwen", context_window=33_000, efforts=("low",)))
        self.assertEqual((found["slug"], found["context_window"]), ("near/qwen", 33_000))
        self.assertEqual([level["effort"] for level in found["supported_reasoning_levels"]], ["low"])
        self.assertEqual(REQUIRED - set(found), set())
        own = json.decode(self.template)
        self.assertEqual(set(found) - set(own), {"default_reasoning_level"} - set(own))
        for name in ("shell_type", "apply_patch_tool_type", "supports_search_tool", "default_reasoning_summary"):
            self.assertEqual(found[name], own[name])

    def test_without_a_catalog_the_clients_own_entries_stay(self) -> None:
        names = (LITE, DIRECT, "gpt-5", "gpt-oss:20b", "gpt-4o", "near/gpt-5.5")
        found = self.describe(*(ModelCard(id=name) for name in names))
        self.assertEqual([one["slug"] for one in found], ["gpt-oss:20b", "gpt-4o", "near/gpt-5.5"])

    def test_other_clients_get_no_descriptions(self) -> None:
        self.assertEqual(json.decode(models.render_models((self.card(DIRECT),)))["models"], [])
