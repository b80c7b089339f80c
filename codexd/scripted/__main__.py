"""`python -m codexd.scripted`."""

import sys

from codexd.scripted.command import main

if __name__ == "__main__":
    sys.exit(main())
