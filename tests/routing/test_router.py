"""Tests of codexd.routing.router."""

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IModelBackend, ModelCard
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.turn import Turn
from codexd.routing.router import BackendEntry, ModelRouter
from codexd.settings import ModelAlias
from tests.routing.test_fallback import EventRecorder
from tests.support.contexts import context
from tests.support.fake_backend import FakeBackend

UNKNOWN = fault("unknown_model", param="model")
EMBEDDER = fault(
    "unknown_model",
    "The model 'what' does not exist, or no upstream offers it.",
    param="model",
)


class ModelRouterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.codex, self.local = FakeBackend(), FakeBackend()
        self.codex.cards = (ModelCard(id="gpt-5"), ModelCard(id="both"))
        self.local.cards = (ModelCard(id="local/llama", created=7), ModelCard(id="both"))
        aliases = {
            "small": ModelAlias(name="small", model="llama", upstream="local", fallback=("gpt-5",)),
            "gpt-5": ModelAlias(name="gpt-5", effort="low"),
        }
        entries = (
            BackendEntry(name="codex", backend=self.codex, is_codex=True),
            BackendEntry(name="local", backend=self.local, prefix="local/", embedder=self.local),
        )
        self.counted: list[str] = []
        self.router = ModelRouter(entries, aliases, self.counted.append)

    def route(self, model: str) -> tuple[list[str], list[str]]:
        self.router.begin(Turn(model=model, items=()), context(), EventRecorder())
        return [turn.turn.model for turn in self.codex.turns], [turn.turn.model for turn in self.local.turns]

    def test_it_implements_the_back_end_interface(self) -> None:
        self.assertTrue(verifyObject(IModelBackend, self.router))

    def test_a_listed_model_is_routed_to_the_back_end_that_lists_it(self) -> None:
        self.assertEqual(self.route("local/llama"), ([], ["local/llama"]))

    def test_a_model_listed_twice_is_routed_to_the_first_back_end(self) -> None:
        self.assertEqual(self.route("both"), (["both"], []))

    def test_an_unlisted_model_is_routed_to_the_first_back_end_that_accepts_it(self) -> None:
        self.codex.begin_errors = [UNKNOWN]
        self.assertEqual(self.route("new"), ([], ["new"]))

    def test_an_unlisted_model_with_a_prefix_is_routed_to_that_back_end_first(self) -> None:
        self.codex.begin_errors = [fault("not_ready")]
        self.assertEqual(self.route("local/new"), ([], ["local/new"]))
        self.router.embed("local/new", str.encode, context())
        self.assertEqual(self.local.embedding[0][0], "local/new")

    def test_of_several_prefixes_the_longest_decides(self) -> None:
        longer = FakeBackend()
        entries = (
            BackendEntry(name="local", backend=self.local, prefix="local/"),
            BackendEntry(name="longer", backend=longer, prefix="local/more/"),
        )
        self.router = ModelRouter(entries, {}, self.counted.append)
        self.assertEqual(self.route("local/new"), ([], ["local/new"]))
        self.assertEqual(self.route("local/more/new"), ([], ["local/new"]))
        self.assertEqual([turn.turn.model for turn in longer.turns], ["local/more/new"])

    def test_a_model_that_no_back_end_accepts_is_unknown(self) -> None:
        self.codex.begin_errors, self.local.begin_errors = [UNKNOWN], [UNKNOWN]
        self.assertEqual(self.refusal("what"), UNKNOWN)

    def test_an_upstream_that_is_not_ready_is_skipped_and_its_refusal_raised_last(
        self,
    ) -> None:
        unlisted, accepting = FakeBackend(), FakeBackend()
        router = ModelRouter(
            (BackendEntry(name="unlisted", backend=unlisted), BackendEntry(name="accepting", backend=accepting)),
            {},
            self.counted.append,
        )
        unlisted.begin_errors = [fault("not_ready"), fault("not_ready")]
        router.begin(Turn(model="new", items=()), context(), EventRecorder())
        self.assertEqual(len(accepting.turns), 1)
        accepting.begin_errors = [UNKNOWN]
        refused = self.assertRaises(
            FaultError, router.begin, Turn(model="new", items=()), context(), EventRecorder()
        ).fault
        self.assertEqual(refused, fault("not_ready"))

    def test_any_other_refusal_is_raised_at_once(self) -> None:
        self.codex.begin_errors = [fault("not_ready")]
        self.assertEqual(self.refusal("gpt-5-high"), fault("not_ready"))

    def refusal(self, model: str) -> Fault:
        return self.assertRaises(
            FaultError, self.router.begin, Turn(model=model, items=()), context(), EventRecorder()
        ).fault

    def test_an_alias_is_routed_to_its_upstream_with_the_upstreams_model_name(self) -> None:
        self.assertEqual(self.route("small"), ([], ["local/llama"]))

    def test_the_fallback_of_an_alias_is_tried_after_a_refusal(self) -> None:
        self.local.begin_errors = [fault("not_ready")]
        self.assertEqual(self.route("small"), (["gpt-5"], []))
        self.assertEqual(self.counted, ["fallback_used"])

    def test_every_attempt_gets_the_context_of_the_request(self) -> None:
        asked, embedding = context("req_1"), context("req_2")
        self.router.begin(Turn(model="small", items=()), asked, EventRecorder())
        self.local.turns[0].emit(e.Failed(fault("not_ready")))
        self.router.embed("small", str.encode, embedding)
        self.assertEqual([turn.context for turn in (*self.local.turns, *self.codex.turns)], [asked, asked])
        self.assertEqual(self.local.embed_contexts, [embedding])

    def test_an_exception_in_a_fallback_is_logged_with_the_request_id(self) -> None:
        self.router.begin(Turn(model="small", items=()), context("req_1"), EventRecorder())
        self.codex.begin_errors = [ZeroDivisionError("secret")]
        with capturedLogs() as logged:
            self.local.turns[0].emit(e.Failed(fault("not_ready")))
        self.assertEqual([event["id"] for event in logged], ["req_1"])

    def test_the_list_contains_every_model_once(self) -> None:
        self.assertEqual([card.id for card in self.router.models()], ["small", "gpt-5", "both", "local/llama"])
        self.assertEqual(self.router.models()[-1].created, 7)

    def test_embeddings_are_routed_to_the_upstream_of_the_model_with_its_own_name(self) -> None:
        for model in ("local/llama", "small"):
            self.router.embed(model, str.encode, context())
        self.assertEqual([model for model, _ in self.local.embedding], ["local/llama", "local/llama"])

    def test_codex_has_no_embeddings(self) -> None:
        for model in ("gpt-5", "both"):
            refused = self.assertRaises(FaultError, self.router.embed, model, str.encode, context()).fault
            self.assertEqual((refused.kind, refused.param), ("unsupported", "model"))
            self.assertIn("[[upstream]]", refused.message)

    def test_without_an_upstream_an_unknown_embedding_model_is_named_with_what_to_configure(self) -> None:
        router = ModelRouter((BackendEntry(name="codex", backend=self.codex),), {}, self.counted.append)
        refused = self.assertRaises(FaultError, router.embed, "text-embedding-3", str.encode, context()).fault
        self.assertEqual((refused.kind, refused.status, refused.param), ("unknown_model", 404, "model"))
        self.assertIn("'text-embedding-3'", refused.message)
        self.assertIn("[[upstream]]", refused.message)

    def test_embeddings_of_an_unlisted_model_are_routed_to_the_first_upstream_that_accepts_it(self) -> None:
        self.router.embed("local/new", str.encode, context())
        self.assertEqual(self.local.embedding[0][0], "local/new")
        self.local.begin_errors = [UNKNOWN]
        self.assertEqual(
            self.assertRaises(FaultError, self.router.embed, "what", str.encode, context()).fault, EMBEDDER
        )

    def test_the_name_of_an_unknown_embedding_model_is_shortened_and_printable(self) -> None:
        self.local.begin_errors = [UNKNOWN]
        name = "a\r\n" + "b" * 100
        refused = self.assertRaises(FaultError, self.router.embed, name, str.encode, context()).fault
        self.assertIn(f"'a??{'b' * 61}'", refused.message)

    def test_it_is_ready_if_any_back_end_is(self) -> None:
        self.codex.is_ready = False
        self.assertTrue(self.router.ready())
        self.local.is_ready = False
        self.assertFalse(self.router.ready())
