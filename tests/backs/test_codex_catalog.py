"""The child's model catalog, built from the pinned binary's own."""

from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.codex_catalog import (
    MAX_PROVIDER_ENTRIES,
    PLAIN_OVERRIDES,
    SCRIPTED,
    CatalogError,
    build_plain_catalog,
    build_provider_catalog,
    build_scripted_catalog,
    read_context_windows,
    read_descriptions,
    read_template,
)
from codexd.neutral.model import ModelCard
from codexd.wire import json
from codexd.wire.json import Json
from tests.support.codex_binary import run_codex

# Fields that show the model a tool or a message of Codex's own (docs/app-server.md).
LEAKS = ("tool_mode", "multi_agent_version", "experimental_supported_tools")
KEPT = ("slug", "display_name", "context_window", "supported_reasoning_levels", "use_responses_lite")


class CatalogTests(SynchronousTestCase):
    original: ClassVar[bytes]

    def setUp(self) -> None:
        if not hasattr(CatalogTests, "original"):
            CatalogTests.original = run_codex(Path(self.mktemp()).absolute(), "debug", "models")

    def models(self, catalog: bytes) -> list[dict[str, Json]]:
        found = json.decode(catalog)["models"]
        assert isinstance(found, list)
        return found

    def test_the_descriptions_are_the_catalogs_own_entries(self) -> None:
        entries = {model["slug"]: model for model in self.models(self.original)}
        found = {name: json.decode(text) for name, text in read_descriptions(self.original).items()}
        scripted = found.pop(SCRIPTED)
        self.assertEqual(found, entries)
        self.assertEqual(scripted["use_responses_lite"], False)
        self.assertEqual(json.decode(read_template(self.original)), scripted)

    def test_a_catalog_with_lite_models_only_has_its_first_as_the_template(self) -> None:
        models: Json = [{"slug": "a", "use_responses_lite": True}, {"slug": "b", "use_responses_lite": True}]
        self.assertEqual(json.decode(read_template(json.encode({"models": models}))), models[0])

    def test_the_fields_that_are_overridden_exist_and_some_models_use_them(self) -> None:
        models = self.models(self.original)
        self.assertEqual(set(PLAIN_OVERRIDES) - {name for model in models for name in model}, set())
        for name in LEAKS:
            self.assertTrue(any(model.get(name) for model in models), name)

    def test_no_model_keeps_a_tool_of_codex(self) -> None:
        for model in self.models(build_plain_catalog(self.original)):
            self.assertEqual([model[name] for name in LEAKS if model.get(name)], [], model["slug"])

    def test_no_model_truncates_long_tool_results(self) -> None:
        self.assertTrue(all("limit" in model["truncation_policy"] for model in self.models(self.original)))
        for model in self.models(build_plain_catalog(self.original)):
            self.assertGreater(model["truncation_policy"]["limit"], 10**7, model["slug"])

    def test_models_keep_their_names_windows_and_efforts(self) -> None:
        for before, after in zip(
            self.models(self.original), self.models(build_plain_catalog(self.original)), strict=True
        ):
            self.assertEqual(before.keys(), after.keys())
            self.assertEqual([before.get(name) for name in KEPT], [after.get(name) for name in KEPT])

    def test_context_windows_are_the_usable_ones(self) -> None:
        windows_by_model = read_context_windows(build_plain_catalog(self.original))
        self.assertEqual(set(windows_by_model), {model["slug"] for model in self.models(self.original)})
        self.assertEqual(windows_by_model["gpt-5.5"], 258_400)
        odd = {"models": [{"slug": "a"}, {"slug": 7, "context_window": 9}, {"slug": "b", "context_window": "9"}]}
        self.assertEqual(read_context_windows(json.encode(odd)), {})

    def test_the_embedded_model_is_the_only_one_and_accepts_ordinary_requests(self) -> None:
        (model,) = self.models(build_scripted_catalog(self.original))
        self.assertEqual((model["slug"], model["visibility"]), (SCRIPTED, "list"))
        self.assertEqual((model["use_responses_lite"], model["service_tiers"]), (False, []))
        self.assertEqual(model.keys(), self.models(self.original)[0].keys())
        self.assertEqual([model[name] for name in LEAKS if model.get(name)], [])

    def test_models_of_a_provider_have_entries_without_effort_prompt_or_tool(self) -> None:
        cards = (ModelCard(id="qwen", context_window=4096), ModelCard(id="llama"), ModelCard(id="gpt-5.5"))
        models = self.models(build_provider_catalog(self.original, cards, ("low", "high")))
        plain = {model["slug"]: model for model in self.models(build_plain_catalog(self.original))}
        self.assertEqual([model["slug"] for model in models[:3]], ["qwen", "llama", "gpt-5.5"])
        self.assertEqual({model["slug"] for model in models}, {*plain, "qwen", "llama"})
        first = self.models(self.original)[0]
        for model in models[:2]:
            self.assertEqual(model.keys(), first.keys())
            self.assertEqual([model[name] for name in LEAKS if model.get(name)], [])
            self.assertEqual([level["effort"] for level in model["supported_reasoning_levels"]], ["low", "high"])
            found = [model[name] for name in ("default_reasoning_level", "apply_patch_tool_type", "base_instructions")]
            self.assertEqual(found, [None, None, ""])
        self.assertEqual((models[0]["context_window"], models[0]["max_context_window"]), (4096, 4096))
        self.assertEqual(models[1]["context_window"], first["context_window"])
        self.assertEqual(models[2], plain["gpt-5.5"] | {"apply_patch_tool_type": None})
        self.assertEqual(models[3], plain[models[3]["slug"]])

    def test_the_number_of_entries_is_limited(self) -> None:
        cards = [ModelCard(id=f"m{number}") for number in range(MAX_PROVIDER_ENTRIES + 9)]
        models = self.models(build_provider_catalog(self.original, cards, ()))
        self.assertEqual(len(models), MAX_PROVIDER_ENTRIES + len(self.models(self.original)))

    def test_another_form_is_a_catalog_error(self) -> None:
        for text in (b"", b"[]", b"{}", b'{"models":[]}', b'{"models":7}', b'{"models":["m"]}'):
            self.assertRaises(CatalogError, build_plain_catalog, text)
            self.assertRaises(CatalogError, build_scripted_catalog, text)
            self.assertRaises(CatalogError, read_context_windows, text)
