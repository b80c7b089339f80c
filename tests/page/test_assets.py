import re

from twisted.trial.unittest import SynchronousTestCase

from codexd.page.assets import load_asset

PAIRS = (
    ("text", "background"),
    ("text", "surface"),
    ("muted", "background"),
    ("muted", "surface"),
    ("accent", "background"),
    ("on-accent", "accent"),
    ("good", "background"),
    ("bad", "background"),
    ("bad", "surface"),
)


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    """Return the contrast of two colours (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


class AssetTests(SynchronousTestCase):
    def test_every_text_has_enough_contrast_light_and_dark(self) -> None:
        style = load_asset("style.css").body.decode()
        schemes = [
            dict(re.findall(r"--([\w-]+): (#\w{6});", block))
            for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
        ]
        self.assertEqual(len(schemes), 2)
        for scheme in schemes:
            for text, background in PAIRS:
                self.assertGreaterEqual(contrast(scheme[text], scheme[background]), 4.5, (text, background))
            for shape in ("wait", "model", "answer", "muted"):
                self.assertGreaterEqual(contrast(scheme[shape], scheme["background"]), 3.0, shape)

    def test_nothing_is_loaded_from_elsewhere(self) -> None:
        for name in ("style.css", "script.js"):
            self.assertNotRegex(load_asset(name).body, rb"https?:|//[a-z]|@import|url\(|eval|innerHTML", name)

    def test_there_is_no_other_file(self) -> None:
        self.assertRaises(KeyError, load_asset, "html.py")
