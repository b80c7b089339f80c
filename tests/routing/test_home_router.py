from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IEmbedder, IModelBackend, ModelCard
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.turn import Turn
from codexd.policy.key_policy import KeyPolicy
from codexd.routing.home_router import HomeRouter
from codexd.routing.router import BackendEntry, ModelRouter
from codexd.settings import ModelAlias
from tests.routing.test_fallback import EventRecorder
from tests.support.contexts import context
from tests.support.fake_backend import FakeBackend

WORK = KeyPolicy(name="ann", codex="work")


class HomeRouterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.own, self.work = FakeBackend(), FakeBackend()
        self.own.cards, self.work.cards = (ModelCard(id="gpt"),), (ModelCard(id="work/gpt"),)
        self.entries = {
            "own": BackendEntry(name="own", backend=self.own, is_codex=True),
            "work": BackendEntry(name="work", backend=self.work, prefix="work/", is_codex=True),
        }
        aliases = {"fast": ModelAlias(name="fast"), "job": ModelAlias(name="job", codex="work", fallback=("gpt",))}
        both = ModelRouter(self.entries.values(), aliases, lambda _: None, "own")
        bound = ModelRouter([self.entries["work"]], aliases, lambda _: None, "work")
        self.router = HomeRouter(both, {"work": bound})

    def begin(self, model: str, policy: KeyPolicy | None = None) -> tuple[list[str], list[str]]:
        asked = context() if policy is None else evolve(context(), policy=policy)
        self.router.begin(Turn(model=model, items=()), asked, EventRecorder())
        return [one.turn.model for one in self.own.turns], [one.turn.model for one in self.work.turns]

    def test_it_implements_the_interfaces(self) -> None:
        self.assertTrue(verifyObject(IModelBackend, self.router))
        self.assertTrue(verifyObject(IEmbedder, self.router))

    def test_a_key_without_a_home_reaches_all(self) -> None:
        self.begin("gpt")
        self.begin("fast")
        self.assertEqual(self.begin("work/gpt"), (["gpt", "fast"], ["work/gpt"]))
        self.assertEqual({card.id for card in self.router.models()}, {"gpt", "work/gpt", "fast", "job"})

    def test_a_key_with_a_home_reaches_only_that(self) -> None:
        self.assertEqual(self.begin("fast", WORK), ([], ["work/fast"]))
        self.assertEqual({card.id for card in self.router.models_of(WORK)}, {"work/gpt", "fast", "job"})

    def test_no_attempt_goes_from_one_home_to_another_although_only_the_other_lists_the_model(self) -> None:
        self.work.begin_errors = [fault("quota_exhausted"), fault("unknown_model")]
        error = self.assertRaises(FaultError, self.begin, "job")
        self.assertEqual(error.fault.kind, "quota_exhausted")
        self.assertEqual(self.own.turns, [])
