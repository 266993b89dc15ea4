"""Let the tests and the page of the reference find the table."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
