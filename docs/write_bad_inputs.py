"""Write docs/reference/bad-inputs.md: make every bad input of tests/bad_inputs and note what nnlens says of it.

    python docs/write_bad_inputs.py

Takes a minute or two; the tests of the table say when the page is old.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "bad_inputs"))

from bad_rows import ROWS, meet_in_program
from bad_rows.page import PAGE, line_of, page_of


def main() -> int:
    """Meet every input and write the page."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for number, row in enumerate(ROWS):
            place = Path(folder, str(number))
            place.mkdir()
            lines.append(line_of(row, meet_in_program(row, place).said))
            print(lines[-1])
    PAGE.write_text(page_of(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
