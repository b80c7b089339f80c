"""`python -m tests.parity`: list, capture or compare the golden transcripts."""

import sys

from tests.parity.command import main

sys.exit(main(sys.argv[1:]))
