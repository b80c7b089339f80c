"""Law 6 (one end) for the whole app-server back end, and equivalence of reused threads and replays.

Clients ask, continue, edit, disconnect and read slowly; children answer step by step, lose notifications
and die; time passes. Every answer has exactly one end, or none after it was cancelled; no slot and no
thread leaks; and every answer equals that of a back end that replays each history on a new thread.
"""

from pathlib import Path
from typing import Any

from attrs import define, evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import FaultError
from codexd.neutral.turn import ReasoningOptions, Sampling, Turn
from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings, Turns
from tests.support.fake_app_server_thread import AppServerBehaviour
from tests.support.in_memory_codex import FakeCodexProcess, InMemoryCodex
from tests.support.recording_sink import TOOL, StartedTurn, continued, turn, user_message, with_results

SETTINGS = Settings(
    codex=CodexSettings(workers=2, turns_per_worker=2, call_seconds=15),
    turns=Turns(
        first_event_seconds=20,
        idle_seconds=25,
        total_seconds=60,
        suspend_seconds=30,
        suspend_limit=2,
        affinity_seconds=40,
        affinity_limit=2,
    ),
)
REPLAY_SETTINGS = Settings(codex=CodexSettings(breaker_failures=10**6), turns=Turns(suspend_limit=0, affinity=False))
LONGEST_SECONDS = 120

SCRIPTS = (
    "say: one two",
    "think: hm",
    "thinking: hm\npreface: so\nsay: end",
    "call: f {}",
    'preface: so\ncall: f {"x": 1}\ncall: f {"x": 2}\nthen: say: done',
    "call: f {}\nthen: call: f {}\nthen: say: done",
    "usage: 240000,0,10,0\nsay: full",
    "usage: 240000,0,10,0\ncall: f {}\nthen: say: full",
    "incomplete: max_output_tokens one two",
    "fail: 429",
    "cut: one",
    "hang:",
    "stall: one",
)
SCRIPTED_ENDS = ("stop", "tool_calls", "length", "rate_limited", "stream_cut")
"""The ends that a script asks for. Others (a crash, a timeout) have no counterpart in a replay."""

LOST_NOTIFICATIONS = st.sampled_from((frozenset(), frozenset(), frozenset({"turn/completed", "rawResponse/completed"})))
BEHAVIOURS = st.builds(
    AppServerBehaviour,
    starts_first=st.booleans(),
    calls_together=st.booleans(),
    calls_early=st.booleans(),
    calls_reversed=st.booleans(),
    loses=LOST_NOTIFICATIONS.map(frozenset[str]),
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "principal": st.sampled_from(("me", "you")),
        "parallel_tool_calls": st.booleans(),
        "reasoning": st.sampled_from((ReasoningOptions(), ReasoningOptions("high"))),
        "sampling": st.sampled_from((Sampling(), Sampling(stop=("two",)), Sampling(max_tokens=1))),
        "instructions": st.sampled_from((None, "be brief")),
    },
)


@define
class Client:
    """A conversation: its last turn, and whether its client has disconnected."""

    asked: StartedTurn
    left: bool = False
    compared: bool = False

    @property
    def open(self) -> bool:
        return self.asked.kind is None and not self.left


class BackendMachine(RuleBasedStateMachine):
    """Clients, children and time around one back end."""

    @initialize()
    def start(self) -> None:
        state = Path("app-server-law").absolute()
        self.codex = InMemoryCodex.started(state, SETTINGS)
        self.reference = InMemoryCodex.started(state, REPLAY_SETTINGS)
        self.clients: list[Client] = []

    # Clients.

    @rule(script=st.sampled_from(SCRIPTS), options=OPTIONS)
    def ask(self, script: str, options: dict[str, Any]) -> None:
        self._begin(turn(script, tools=(TOOL,), **options))

    @precondition(lambda self: any(not client.open for client in self.clients))
    @rule(data=st.data(), script=st.sampled_from(SCRIPTS))
    def continue_turn(self, data: st.DataObject, script: str) -> None:
        self._continue(data.draw(st.sampled_from([client for client in self.clients if not client.open])), data, script)

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), script=st.sampled_from(SCRIPTS))
    def continue_at_once(self, data: st.DataObject, script: str) -> None:
        """Finish the last client's answer and continue it before anything else happens."""
        self.catch_up()
        if not self.clients[-1].open:
            self._continue(self.clients[-1], data, script)

    def _continue(self, client: Client, data: st.DataObject, script: str) -> None:
        asked = client.asked
        if client.left or asked.reply.fault:
            self._begin(asked.turn)
        elif asked.kind == "tool_calls":
            given = with_results(asked, *(f"result {call.arguments}" for call in asked.reply.calls))
            count = len(asked.reply.calls)
            results = data.draw(st.permutations(given.items[-count:]))
            self._begin(evolve(given, items=(*given.items[:-count], *results)))
        else:
            self._begin(continued(asked, script))

    @precondition(lambda self: any(not client.open for client in self.clients))
    @rule(data=st.data(), script=st.sampled_from(SCRIPTS), changed=st.sampled_from(("principal", "first")))
    def continue_changed(self, data: st.DataObject, script: str, changed: str) -> None:
        """Continue as another principal, or with an edited history."""
        asked = data.draw(st.sampled_from([client for client in self.clients if not client.open])).asked
        follow_up = continued(asked, script)
        if changed == "principal":
            self._begin(evolve(follow_up, principal="another"))
        else:
            self._begin(evolve(follow_up, items=(user_message("edited"), *follow_up.items[1:])))

    @precondition(lambda self: any(client.open for client in self.clients))
    @rule(data=st.data(), act=st.sampled_from(("cancel", "cancel", "pause", "resume")))
    def control(self, data: st.DataObject, act: str) -> None:
        client = data.draw(st.sampled_from([client for client in self.clients if client.open]))
        if act == "cancel":
            client.asked.cancel()
            client.left = True
        elif act == "pause":
            client.asked.handle.pause()
        else:
            client.asked.handle.resume()

    # Children and time.

    @rule(data=st.data(), behaviour=BEHAVIOURS, holds_output=st.booleans(), stepwise=st.booleans())
    def change_behaviour(
        self, data: st.DataObject, behaviour: AppServerBehaviour, holds_output: bool, stepwise: bool
    ) -> None:
        for child in self._draw_child(data):
            child.server.behaviour, child.server.stepwise, child.holds_output = (
                behaviour,
                stepwise,
                holds_output,
            )

    @rule(data=st.data(), emitted=st.integers(0, 4), read=st.integers(1, 4))
    def emit_and_read(self, data: st.DataObject, emitted: int, read: int) -> None:
        for child in self._draw_child(data):
            child.proceed(emitted)
            child.deliver(read)

    @rule()
    def catch_up(self) -> None:
        for _ in range(2):
            for child in self._living:
                child.catch_up()
            self.codex.reactor.advance(0)

    @rule(data=st.data(), luck=st.integers(0, 3))
    def kill_child(self, data: st.DataObject, luck: int) -> None:
        for child in self._draw_child(data):
            if luck == 0:
                child.exit(1)

    @rule(seconds=st.sampled_from((1, 1, 7, 26)))
    def wait(self, seconds: int) -> None:
        self.codex.reactor.pump([1.0] * seconds)

    # Invariants.

    @invariant()
    def exactly_the_open_answers_hold_a_slot(self) -> None:
        running = sum(worker.running_turns for worker in self._workers)
        waiting = len(self.codex.backend.waiting)
        assert running + waiting == sum(client.open for client in self.clients)

    @invariant()
    def suspended_turns_and_idle_threads_are_bounded(self) -> None:
        assert self.codex.metric("turns_suspended") <= SETTINGS.turns.suspend_limit
        assert self.codex.metric("threads_idle") <= SETTINGS.turns.affinity_limit

    @invariant()
    def no_internal_error(self) -> None:
        assert self.codex.metric("internal_error") == 0

    @invariant()
    def reused_threads_answer_like_replays(self) -> None:
        for client in self.clients:
            if client.asked.kind in SCRIPTED_ENDS and not client.compared and not client.left:
                client.compared = True
                asked = client.asked.turn
                # A replay does not know the call that was held back.
                if asked.parallel_tool_calls:
                    _compare(client.asked, self.reference.ask(asked))

    def teardown(self) -> None:
        if not hasattr(self, "codex"):
            return
        for client in self.clients:
            if client.open:
                client.asked.handle.resume()
        for _ in range(3):
            self.catch_up()
            self.codex.reactor.pump([1.0] * LONGEST_SECONDS)
        self.exactly_the_open_answers_hold_a_slot()
        self.reused_threads_answer_like_replays()
        assert not any(client.open for client in self.clients), "every answer ends"
        assert not any(worker._sessions or worker._sessions_by_thread for worker in self._workers), (
            "all sessions are closed"
        )
        assert self.codex.threads == 0, "no thread is left in the children"
        assert not any(child.server.turns for child in self._living), "no turn runs without a client"
        assert not any(child.paused for child in self._living), "no child is paused"

    # Helpers.

    def _begin(self, asked: Turn) -> None:
        try:
            self.clients.append(Client(self.codex.begin(asked)))
        except FaultError as refused:
            kind = refused.fault.kind
            assert kind in ("busy", "not_ready", "circuit_open"), kind
            return
        assert not self.clients[-1].asked.sink.events, "no event before `begin` returns"
        self.codex.reactor.advance(0)

    @property
    def _workers(self) -> tuple[Any, ...]:
        return self.codex.pool.workers

    @property
    def _living(self) -> list[FakeCodexProcess]:
        return [child for child in self.codex.reactor.children if child.alive]

    def _draw_child(self, data: st.DataObject) -> list[FakeCodexProcess]:
        living = self._living
        return [data.draw(st.sampled_from(living))] if living else []


def _compare(asked: StartedTurn, replayed: StartedTurn) -> None:
    """Check that both answers are equal, apart from ids and from usage that one of them estimated."""
    one, other = _summary(asked), _summary(replayed)
    usages = [found.reply.usage for found in (asked, replayed)]
    if any(usage is None or usage.estimated for usage in usages):
        usages = []
    assert (one, usages[:1]) == (other, usages[1:]), f"{one} {usages}, replayed {other}"


def _summary(asked: StartedTurn) -> object:
    reply = asked.reply
    return asked.kind, reply.text, reply.reasoning, [(call.name, call.arguments) for call in reply.calls]


class AppServerTests(SynchronousTestCase):
    def test_every_answer_ends_once_and_nothing_leaks_whatever_happens(self) -> None:
        run_state_machine_as_test(
            BackendMachine, settings=settings(settings.get_profile("machines"), stateful_step_count=40)
        )
