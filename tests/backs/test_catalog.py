"""The model catalog the child runs on, made from the pinned binary's own."""

from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.catalog import PLAIN, SCRIPTED, NoCatalog, plain, scripted, windows
from codexd.wire import json
from codexd.wire.json import Json
from tests.support.binary import says

# What shows the model a tool or a message of Codex's own (docs/app-server.md).
LEAKS = ("tool_mode", "multi_agent_version", "experimental_supported_tools")
KEPT = ("slug", "display_name", "context_window", "supported_reasoning_levels", "use_responses_lite")


class CatalogTests(SynchronousTestCase):
    original: ClassVar[bytes]

    def setUp(self) -> None:
        if not hasattr(CatalogTests, "original"):
            CatalogTests.original = says(Path(self.mktemp()).absolute(), "debug", "models")

    def models(self, catalog: bytes) -> list[dict[str, Json]]:
        found = json.decode(catalog)["models"]
        assert isinstance(found, list)
        return found

    def test_the_binary_has_what_is_taken_out_and_some_of_its_models_use_it(self) -> None:
        models = self.models(self.original)
        self.assertEqual(set(PLAIN) - {name for model in models for name in model}, set())
        for name in LEAKS:
            self.assertTrue(any(model.get(name) for model in models), name)

    def test_no_model_is_left_with_a_tool_of_codexs_own(self) -> None:
        for model in self.models(plain(self.original)):
            self.assertEqual([model[name] for name in LEAKS if model.get(name)], [], model["slug"])

    def test_no_model_has_long_tool_results_cut(self) -> None:
        self.assertTrue(all("limit" in model["truncation_policy"] for model in self.models(self.original)))
        for model in self.models(plain(self.original)):
            self.assertGreater(model["truncation_policy"]["limit"], 10**7, model["slug"])

    def test_models_keep_their_names_limits_and_efforts(self) -> None:
        for before, after in zip(self.models(self.original), self.models(plain(self.original)), strict=True):
            self.assertEqual(before.keys(), after.keys())
            self.assertEqual([before.get(name) for name in KEPT], [after.get(name) for name in KEPT])

    def test_windows_are_told_as_far_as_they_are_filled(self) -> None:
        told = windows(plain(self.original))
        self.assertEqual(set(told), {model["slug"] for model in self.models(self.original)})
        self.assertEqual(told["gpt-5.5"], 258_400)
        odd = {
            "models": [{"slug": "a"}, {"slug": 7, "context_window": 9}, {"slug": "b", "context_window": "9"}]
        }
        self.assertEqual(windows(json.encode(odd)), {})

    def test_the_embedded_model_stands_alone_and_takes_ordinary_requests(self) -> None:
        (model,) = self.models(scripted(self.original))
        self.assertEqual((model["slug"], model["visibility"]), (SCRIPTED, "list"))
        self.assertEqual((model["use_responses_lite"], model["service_tiers"]), (False, []))
        self.assertEqual(model.keys(), self.models(self.original)[0].keys())
        self.assertEqual([model[name] for name in LEAKS if model.get(name)], [])

    def test_another_form_is_no_catalog(self) -> None:
        for text in (b"", b"[]", b"{}", b'{"models":[]}', b'{"models":7}', b'{"models":["m"]}'):
            self.assertRaises(NoCatalog, plain, text)
            self.assertRaises(NoCatalog, scripted, text)
            self.assertRaises(NoCatalog, windows, text)
