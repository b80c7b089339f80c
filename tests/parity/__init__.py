"""Golden transcripts: record whole exchanges with codexd and compare them, over Codex and over upstreams.

The package starts a whole codexd, is its client and, through the scripted model, its provider. `python -m
tests.parity` captures and compares; `test_golden.py` compares in every test run. The other modules' tests are
beside them.
"""

from pathlib import Path
from typing import Final

FIXTURES: Final = Path(__file__).parents[2] / "fixtures"
"""The committed transcripts."""
