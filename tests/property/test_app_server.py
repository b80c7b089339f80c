"""Law 6 for the whole app-server back end, and that clients cannot tell what it keeps from what it replays.

Clients ask, go on, edit, leave and read slowly; children say a little at a time, lose words and die; time
passes. Every answer has one end, or none after it was cancelled; no slot and no thread is left behind; and
what is answered is what a back end answers that replays every history on a fresh thread.
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

from codexd.neutral.fault import Refused
from codexd.neutral.turn import Sampling, Thinking, Turn
from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings, Turns
from tests.support.appserver_thread import Habits
from tests.support.codex import Codex, CodexProcess
from tests.support.listener import TOOL, Asked, after, answered, turn, user

WATCHED = Settings(
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
PLAIN = Settings(turns=Turns(suspend_limit=0, affinity=False))
LONGER_THAN_ALL = 120

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
BY_ITSELF = ("stop", "tool_calls", "length", "rate_limited", "stream_cut")
"""The ends that a script asks for; the others are accidents, about which a replay knows nothing."""

LOST = st.sampled_from((frozenset(), frozenset(), frozenset({"turn/completed", "rawResponse/completed"})))
HABITS = st.builds(
    Habits, st.booleans(), st.booleans(), st.booleans(), st.booleans(), LOST.map(frozenset[str])
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "principal": st.sampled_from(("me", "you")),
        "parallel_tool_calls": st.booleans(),
        "thinking": st.sampled_from((Thinking(), Thinking("high"))),
        "sampling": st.sampled_from((Sampling(), Sampling(stop=("two",)), Sampling(max_tokens=1))),
        "instructions": st.sampled_from((None, "be brief")),
    },
)


@define
class Client:
    """A conversation: what was asked last, and whether its client still listens."""

    asked: Asked
    left: bool = False
    compared: bool = False

    @property
    def open(self) -> bool:
        return self.asked.kind is None and not self.left


class BackendMachine(RuleBasedStateMachine):
    """Everything that may happen around the back end."""

    @initialize()
    def start(self) -> None:
        state = Path("app-server-law").absolute()
        self.codex = Codex.up(state, WATCHED)
        self.reference = Codex.up(state, PLAIN)
        self.clients: list[Client] = []

    # Clients.

    @rule(script=st.sampled_from(SCRIPTS), options=OPTIONS)
    def ask(self, script: str, options: dict[str, Any]) -> None:
        self._begin(turn(script, tools=(TOOL,), **options))

    @precondition(lambda self: any(not client.open for client in self.clients))
    @rule(data=st.data(), script=st.sampled_from(SCRIPTS))
    def go_on(self, data: st.DataObject, script: str) -> None:
        self._go_on(
            data.draw(st.sampled_from([client for client in self.clients if not client.open])), data, script
        )

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), script=st.sampled_from(SCRIPTS))
    def go_on_at_once(self, data: st.DataObject, script: str) -> None:
        """The last to ask has an answer and asks on, before much else can happen."""
        self.catch_up()
        if not self.clients[-1].open:
            self._go_on(self.clients[-1], data, script)

    def _go_on(self, client: Client, data: st.DataObject, script: str) -> None:
        asked = client.asked
        if client.left or asked.reply.fault:
            self._begin(asked.turn)
        elif asked.kind == "tool_calls":
            given = answered(asked, *(f"result {call.arguments}" for call in asked.reply.calls))
            count = len(asked.reply.calls)
            results = data.draw(st.permutations(given.items[-count:]))
            self._begin(evolve(given, items=(*given.items[:-count], *results)))
        else:
            self._begin(after(asked, script))

    @precondition(lambda self: any(not client.open for client in self.clients))
    @rule(data=st.data(), script=st.sampled_from(SCRIPTS), changed=st.sampled_from(("principal", "first")))
    def go_on_otherwise(self, data: st.DataObject, script: str, changed: str) -> None:
        """As another principal, or with the beginning edited."""
        asked = data.draw(st.sampled_from([client for client in self.clients if not client.open])).asked
        follow_up = after(asked, script)
        if changed == "principal":
            self._begin(evolve(follow_up, principal="another"))
        else:
            self._begin(evolve(follow_up, items=(user("edited"), *follow_up.items[1:])))

    @precondition(lambda self: any(client.open for client in self.clients))
    @rule(data=st.data(), act=st.sampled_from(("leave", "leave", "hold", "release")))
    def read(self, data: st.DataObject, act: str) -> None:
        client = data.draw(st.sampled_from([client for client in self.clients if client.open]))
        if act == "leave":
            client.asked.leave()
            client.left = True
        elif act == "hold":
            client.asked.handle.hold()
        else:
            client.asked.handle.release()

    # Children and time.

    @rule(data=st.data(), habits=HABITS, held=st.booleans(), paced=st.booleans())
    def behave(self, data: st.DataObject, habits: Habits, held: bool, paced: bool) -> None:
        for child in self._one(data):
            child.server.habits, child.server.paced, child.held = habits, paced, held

    @rule(data=st.data(), said=st.integers(0, 4), read=st.integers(1, 4))
    def work(self, data: st.DataObject, said: int, read: int) -> None:
        for child in self._one(data):
            child.proceed(said)
            child.deliver(read)

    @rule()
    def catch_up(self) -> None:
        for _ in range(2):
            for child in self._living:
                child.catch_up()
            self.codex.reactor.advance(0)

    @rule(data=st.data(), luck=st.integers(0, 3))
    def die(self, data: st.DataObject, luck: int) -> None:
        for child in self._one(data):
            if luck == 0:
                child.exit(1)

    @rule(seconds=st.sampled_from((1, 1, 7, 26)))
    def wait(self, seconds: int) -> None:
        self.codex.reactor.pump([1.0] * seconds)

    # What always holds.

    @invariant()
    def every_answer_that_is_not_over_has_a_slot_and_no_other(self) -> None:
        running = sum(worker.running for worker in self._workers)
        assert running == sum(client.open for client in self.clients)

    @invariant()
    def what_is_kept_is_bounded(self) -> None:
        assert self.codex.figure("turns_waiting") <= WATCHED.turns.suspend_limit
        assert self.codex.figure("threads_warm") <= WATCHED.turns.affinity_limit

    @invariant()
    def nothing_of_ours_broke(self) -> None:
        assert self.codex.figure("internal_error") == 0

    @invariant()
    def the_client_cannot_tell_the_difference(self) -> None:
        for client in self.clients:
            if client.asked.kind in BY_ITSELF and not client.compared and not client.left:
                client.compared = True
                asked = client.asked.turn
                # A call that was held back is the one thing that a replay has forgotten.
                if asked.parallel_tool_calls:
                    _compare(client.asked, self.reference.ask(asked))

    def teardown(self) -> None:
        if not hasattr(self, "codex"):
            return
        for client in self.clients:
            if client.open:
                client.asked.handle.release()
        for _ in range(3):
            self.catch_up()
            self.codex.reactor.pump([1.0] * LONGER_THAN_ALL)
        self.every_answer_that_is_not_over_has_a_slot_and_no_other()
        self.the_client_cannot_tell_the_difference()
        assert not any(client.open for client in self.clients), "every answer ends"
        assert not any(worker._sessions or worker._located for worker in self._workers), "all is closed here"
        assert self.codex.threads == 0, "nothing is kept in the children"
        assert not any(child.server.turns for child in self._living), "no model works for nobody"
        assert not any(child.paused for child in self._living), "nobody holds a child"

    # The scene.

    def _begin(self, asked: Turn) -> None:
        try:
            self.clients.append(Client(self.codex.begin(asked)))
        except Refused as refused:
            kind = refused.fault.kind
            assert kind in ("busy", "not_ready"), kind
            return
        assert not self.clients[-1].asked.listener.events, "nothing is said before the handle is given"
        self.codex.reactor.advance(0)

    @property
    def _workers(self) -> tuple[Any, ...]:
        return self.codex.children._pools["plain"].workers

    @property
    def _living(self) -> list[CodexProcess]:
        return [child for child in self.codex.reactor.children if child.alive]

    def _one(self, data: st.DataObject) -> list[CodexProcess]:
        living = self._living
        return [data.draw(st.sampled_from(living))] if living else []


def _compare(asked: Asked, replayed: Asked) -> None:
    """See that both say the same, ids aside, and figures aside that one of them had to estimate."""
    one, other = _heard(asked), _heard(replayed)
    usages = [found.reply.usage for found in (asked, replayed)]
    if any(usage is None or usage.estimated for usage in usages):
        usages = []
    assert (one, usages[:1]) == (other, usages[1:]), f"{one} {usages}, replayed {other}"


def _heard(asked: Asked) -> object:
    reply = asked.reply
    return asked.kind, reply.text, reply.reasoning, [(call.name, call.arguments) for call in reply.calls]


class LawTests(SynchronousTestCase):
    def test_whatever_happens_every_answer_ends_once_and_nothing_is_left_behind(self) -> None:
        run_state_machine_as_test(
            BackendMachine, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
        )
