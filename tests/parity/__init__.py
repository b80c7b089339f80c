"""Golden transcripts: whole exchanges with codexd, recorded once and compared in every test run.

The package starts a complete codexd, sends it requests and, through the scripted model, is its provider.
`python -m tests.parity` captures and compares; `test_golden.py` compares all scenarios. The tests of the
modules are beside them.
"""

from pathlib import Path
from typing import Final

FIXTURES: Final = Path(__file__).parents[2] / "fixtures"
"""The committed transcripts."""
