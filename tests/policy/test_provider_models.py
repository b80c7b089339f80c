"""The models of a configured provider, and what is offered of them."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.model import ModelCard
from codexd.policy.catalog import AccountModel, ModelCatalog
from codexd.policy.provider_models import EFFORTS, ProviderModels

LISTED = (ModelCard(id="b", context_window=10), ModelCard(id="a"), ModelCard(id="gpt"))
KNOWN = (
    AccountModel(id="gpt", efforts=("low",)),
    AccountModel(id="gpt-pro", efforts=("high",)),
    AccountModel(id="a", efforts=()),
)


def ids(models: tuple[AccountModel, ...] | tuple[ModelCard, ...]) -> list[str]:
    return [model.id for model in models]


class ProviderModelsTests(SynchronousTestCase):
    def test_the_configured_model_is_first_and_once(self) -> None:
        self.assertEqual(ids(ProviderModels(provider="p", configured="a", listed=LISTED).cards), ["a", "b", "gpt"])
        self.assertEqual(ids(ProviderModels(provider="p", configured="q").cards), ["q"])
        self.assertEqual(ids(ProviderModels(provider="p", listed=LISTED).cards), ["b", "a", "gpt"])

    def test_only_the_provider_s_models_are_offered_without_an_account(self) -> None:
        offered = ProviderModels(provider="p", configured="q", listed=LISTED).offer(KNOWN)
        self.assertEqual(
            [(model.id, model.efforts, model.owned_by) for model in offered],
            [("q", EFFORTS, "p"), ("b", EFFORTS, "p"), ("a", EFFORTS, "p"), ("gpt", ("low",), "p")],
        )
        self.assertEqual(ProviderModels(provider="p").offer(KNOWN), ())

    def test_with_an_account_its_models_stay(self) -> None:
        offered = ProviderModels(provider="p", configured="q", keeps_account=True).offer(KNOWN)
        self.assertEqual((ids(offered), offered[1:]), (["q", *ids(KNOWN)], KNOWN))

    def test_the_configured_context_window_overrides_the_reported_ones(self) -> None:
        self.assertEqual(ProviderModels(provider="p", listed=LISTED).windows, {"b": 10})
        both = ProviderModels(provider="p", configured="q", context_window=7, listed=LISTED[:1])
        self.assertEqual(both.windows, {"q": 7, "b": 7})

    def test_the_cards_of_the_models_have_their_context_windows(self) -> None:
        cards = ModelCatalog(models=ProviderModels(provider="p", listed=LISTED).offer(KNOWN)).cards
        self.assertEqual([(card.id, card.context_window) for card in cards], [("b", 10), ("a", None), ("gpt", None)])

    def test_a_long_list_is_rendered_in_linear_time(self) -> None:
        models = ProviderModels(provider="p", listed=tuple(ModelCard(id=f"m{n}") for n in range(5000)))
        catalog = ModelCatalog(models=models.offer(()))
        self.assertEqual((len(catalog.cards), catalog.resolve("m4999-high").effort), (5000, "high"))
