from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.model_labels import LOOKUPS, MAX_MODELS, ModelLabels


class ModelLabelsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.models, self.calls = ["gpt-5"], 0
        self.labels = ModelLabels()
        self.labels.list_models = self.list_models

    def list_models(self) -> list[str]:
        self.calls += 1
        return self.models

    def test_a_model_on_offer_is_its_own_label(self) -> None:
        self.assertEqual([self.labels.label("gpt-5") for _ in range(3)], ["gpt-5"] * 3)
        self.assertEqual(self.calls, 1)

    def test_names_that_clients_make_up_are_other(self) -> None:
        self.assertEqual({self.labels.label(f"made-up-{n}") for n in range(1000)}, {"other"})

    def test_an_unknown_name_is_not_looked_up_at_every_request(self) -> None:
        for _ in range(LOOKUPS - 1):
            self.labels.label("made-up")
        self.assertEqual(self.calls, 1)

    def test_a_model_that_is_listed_later_gets_its_label(self) -> None:
        self.assertEqual(self.labels.label("new"), "other")
        self.models.append("new")
        self.assertEqual([self.labels.label("new") for _ in range(LOOKUPS)][-1], "new")

    def test_there_are_at_most_so_many_labels(self) -> None:
        self.models = [f"m{n}" for n in range(2 * MAX_MODELS)]
        self.assertEqual(len({self.labels.label(name) for name in self.models}), MAX_MODELS + 1)
