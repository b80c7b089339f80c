"""codexd.fronts.compatibility: the modes of a request."""

from typing import get_args, get_type_hints

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.compatibility import HEADER, MODES, choose_modes
from codexd.neutral.fault import FaultError
from codexd.settings import Responses

sets = st.frozensets(st.sampled_from(MODES))
spaces = st.sampled_from(("", " ", "\t", "  "))


@st.composite
def headers(draw: st.DrawFn) -> tuple[str, frozenset[str]]:
    """Build a header and its modes: any order, spaces, empty elements, repeats, case."""
    named = draw(st.frozensets(st.sampled_from(MODES), min_size=1))
    written = draw(st.permutations([*named, *draw(st.lists(st.sampled_from(("", *sorted(named)))))]))
    cased = [draw(st.sampled_from((name, name.upper(), name.title()))) for name in written]
    return ",".join(draw(spaces) + name + draw(spaces) for name in cased), named


class ChooseModesTests(SynchronousTestCase):
    @given(headers(), sets)
    def test_a_header_chooses_for_itself_however_it_is_written(
        self, said: tuple[str, frozenset[str]], default: frozenset[str]
    ) -> None:
        header, named = said
        self.assertEqual(choose_modes(header, default), named)

    @given(sets)
    def test_without_a_header_the_server_chooses(self, default: frozenset[str]) -> None:
        for header in (None, "", " , "):
            self.assertEqual(choose_modes(header, default), default)

    @given(sets)
    def test_none_turns_all_modes_off(self, default: frozenset[str]) -> None:
        for header in ("none", " None ", "none,none"):
            self.assertEqual(choose_modes(header, default), frozenset())

    def test_an_unknown_mode_is_rejected_by_header_name_and_not_echoed(self) -> None:
        for header in ("tool-event", "none, tool-events", "tool-events; tool-messages", "secret"):
            with self.assertRaises(FaultError) as caught:
                choose_modes(header, frozenset())
            fault = caught.exception.fault
            self.assertEqual((fault.kind, fault.status, fault.param), ("wrong_value", 400, HEADER))
            self.assertIn(HEADER, fault.message)
            self.assertNotIn("secret", fault.message)

    def test_the_modes_are_those_that_the_settings_know(self) -> None:
        (literal, _) = get_args(get_type_hints(Responses)["compatibility"])
        self.assertEqual(get_args(literal), MODES)
