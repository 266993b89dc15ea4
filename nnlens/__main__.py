"""``python -m nnlens`` is the command ``nnlens``."""

import sys

from nnlens.cli import main

if __name__ == "__main__":
    sys.exit(main())
