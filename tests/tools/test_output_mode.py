"""Tests of codexd.tools.output_mode."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import FaultError
from codexd.tools.output_mode import HEADERS, OutputModes

KEY = "0123456789ab"
MODES = OutputModes.from_settings("openai-json", (f"{KEY}=obsidian-xml",))


class OutputModesTests(SynchronousTestCase):
    def test_the_header_has_priority_over_the_key_and_the_key_over_the_default(self) -> None:
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

    def test_the_predecessors_spellings_are_accepted(self) -> None:
        for value in ("obsidian", "obsidian-xml", "obsidian_xml", " Obsidian-XML "):
            self.assertEqual(MODES.choose((None, value), "other"), "obsidian-xml")
        for value in ("openai", "openai-json", "OPENAI_JSON"):
            self.assertEqual(MODES.choose((None, value), KEY), "openai-json")

    def test_an_invalid_value_is_refused_with_the_name_of_the_header(self) -> None:
        for place, name in enumerate(HEADERS):
            values = [None, None]
            values[place] = "xml"  # type: ignore[call-overload]
            with self.assertRaises(FaultError) as caught:
                MODES.choose(values, KEY)
            self.assertEqual((caught.exception.fault.kind, caught.exception.fault.param), ("wrong_value", name))
