"""The list of a configured provider: when it is requested, and what a failure leaves."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from codexd.child.provider_catalog import RETRY_SECONDS, ProviderCatalog
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.model import ModelCard
from codexd.policy.provider_models import ProviderModels

FIRST, SECOND = (ModelCard(id="a"),), (ModelCard(id="b"),)


class ProviderCatalogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.response: tuple[ModelCard, ...] | str = FIRST
        models = ProviderModels(provider="mine", configured="q")
        self.catalog = ProviderCatalog(models, self.read, 60.0, self.clock)

    async def read(self) -> tuple[ModelCard, ...]:
        if isinstance(self.response, str):
            raise FaultError(fault(self.response))
        return self.response

    def refresh(self) -> bool:
        return self.successResultOf(Deferred.fromCoroutine(self.catalog.refresh()))

    def test_a_refresh_says_whether_the_models_have_changed(self) -> None:
        self.assertEqual([self.refresh(), self.refresh()], [True, False])
        self.response = SECOND
        self.assertTrue(self.refresh())
        self.assertEqual([card.id for card in self.catalog.models.cards], ["q", "b"])

    def test_it_is_due_at_once_and_then_at_every_interval(self) -> None:
        self.assertTrue(self.catalog.due)
        self.refresh()
        self.clock.advance(59)
        self.assertFalse(self.catalog.due)
        self.clock.advance(1)
        self.assertTrue(self.catalog.due)

    def test_a_failure_leaves_the_last_list_and_is_retried_soon(self) -> None:
        self.refresh()
        self.response = "unreachable"
        self.assertFalse(self.refresh())
        self.assertEqual([card.id for card in self.catalog.models.cards], ["q", "a"])
        self.clock.advance(RETRY_SECONDS)
        self.assertTrue(self.catalog.due)

    def test_an_answer_of_any_kind_shows_that_it_is_reachable(self) -> None:
        for response, reachable in (("unreachable", False), ("credentials_rejected", True), (FIRST, True)):
            self.response = response
            self.refresh()
            self.assertEqual(self.catalog.reachable, reachable, response)

    def test_only_the_first_of_consecutive_failures_is_logged(self) -> None:
        self.response = "credentials_rejected"
        with capturedLogs() as logged:
            self.refresh()
            self.refresh()
            self.response = FIRST
            self.refresh()
            self.response = "model_failed"
            self.refresh()
        self.assertEqual([event["kind"] for event in logged], ["credentials_rejected", "model_failed"])
