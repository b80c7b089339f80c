"""In which form calls are given."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import Refused
from codexd.tools.mode import HEADERS, Modes

KEY = "0123456789ab"
MODES = Modes.of("openai-json", (f"{KEY}=obsidian-xml",))


class ModesTests(SynchronousTestCase):
    def test_the_header_wins_over_the_key_and_the_key_over_the_default(self) -> None:
        table = (
            ((None, None), "other", "openai-json"),
            ((None, None), KEY, "obsidian-xml"),
            (("openai-json", None), KEY, "openai-json"),
            ((None, "obsidian-xml"), "other", "obsidian-xml"),
            (("openai-json", "obsidian-xml"), KEY, "openai-json"),
            (("", " "), KEY, "obsidian-xml"),
        )
        for headers, principal, mode in table:
            self.assertEqual(MODES.choose(headers, principal), mode, (headers, principal))

    def test_the_predecessors_spellings_are_understood(self) -> None:
        for value in ("obsidian", "obsidian-xml", "obsidian_xml", " Obsidian-XML "):
            self.assertEqual(MODES.choose((None, value), "other"), "obsidian-xml")
        for value in ("openai", "openai-json", "OPENAI_JSON"):
            self.assertEqual(MODES.choose((None, value), KEY), "openai-json")

    def test_another_value_is_refused_by_the_headers_name(self) -> None:
        for place, name in enumerate(HEADERS):
            values = [None, None]
            values[place] = "xml"  # type: ignore[call-overload]
            with self.assertRaises(Refused) as caught:
                MODES.choose(values, KEY)
            self.assertEqual(
                (caught.exception.fault.kind, caught.exception.fault.param), ("wrong_value", name)
            )
