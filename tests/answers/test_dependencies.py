from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.answers.dependencies import AnswerDependencies
from codexd.policy.byte_budget import ByteBudget
from codexd.policy.flow import FlowLimits
from tests.support.in_memory_server import InMemoryServer


class IdentityTests(SynchronousTestCase):
    def setUp(self) -> None:
        server = InMemoryServer()
        self.times = iter((1.5, 2.5, 3.5))
        self.dependencies = AnswerDependencies(
            backend=server.backend,
            store=server.store,
            active=server.active,
            request_log=server.site.request_log,
            clock=server.clock,
            now=lambda: next(self.times),
            flow_limits=FlowLimits(1, 1.0, 1.0),
            unsent=ByteBudget(2**20),
            keepalive_seconds=1.0,
        )

    def test_an_identity_has_its_model_and_the_time_of_its_creation_in_whole_seconds(self) -> None:
        identity = self.dependencies.identity("gpt-5")
        self.assertEqual((identity.model, identity.created), ("gpt-5", 1))
        self.assertRegex(identity.token, "^[0-9a-f]{24}$")

    def test_the_completion_time_of_an_answer_is_the_same_at_every_call(self) -> None:
        identity = self.dependencies.identity("gpt-5")
        self.assertEqual((identity.now(), identity.now()), (2, 2))

    def test_answers_share_neither_tokens_nor_times(self) -> None:
        dependencies = evolve(self.dependencies, now=iter(range(100)).__next__)
        first, second = dependencies.identity("a"), dependencies.identity("a")
        self.assertNotEqual(first.token, second.token)
        self.assertNotEqual(first.now(), second.now())
