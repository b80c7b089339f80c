"""The model list."""

from openai.types import Model
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import models
from codexd.neutral.model import ModelCard
from codexd.wire import json
from tests.fronts.test_json_fields import refusal

CARDS = (
    ModelCard(id="gpt-x", created=1700000000, owned_by="openai", efforts=("low",), context_window=1000),
    ModelCard(id="local"),
)
FIRST = {"id": "gpt-x", "object": "model", "created": 1700000000, "owned_by": "openai"}


class ModelsTests(SynchronousTestCase):
    def test_the_list_has_every_model_and_an_empty_list_for_codex(self) -> None:
        found = json.decode(models.render_models(CARDS))
        self.assertEqual((found["object"], found["models"]), ("list", []))
        self.assertEqual(found["data"][0], FIRST)
        for model in found["data"]:
            Model.model_validate(model, strict=True)

    def test_no_models_are_an_empty_list(self) -> None:
        self.assertEqual(json.decode(models.render_models(())), {"object": "list", "data": [], "models": []})

    def test_one_model_is_found_by_its_id(self) -> None:
        self.assertEqual(json.decode(models.render_model(CARDS, "gpt-x")), FIRST)

    def test_a_model_is_also_found_by_its_name_with_an_effort(self) -> None:
        cards = (ModelCard(id="gpt-x", efforts=("low", "high")),)
        self.assertEqual(json.decode(models.render_model(cards, "gpt-x-high"))["id"], "gpt-x-high")
        self.assertEqual(refusal(lambda: models.render_model(cards, "gpt-x-ultra")).kind, "unknown_model")

    def test_an_unknown_model_is_named_in_a_404(self) -> None:
        found = refusal(lambda: models.render_model(CARDS, "gpt-y"))
        self.assertEqual((found.status, found.code, found.param), (404, "model_not_found", "model"))
        self.assertIn("'gpt-y'", found.message)

    def test_a_long_name_is_not_repeated_whole(self) -> None:
        self.assertLess(len(models.model_not_found("x" * 100_000).message), 300)
