"""Write the page that says how near each attribution comes to its oracles, by running the tests that compare them.

    python docs/write_agreement.py

The tests of ``tests/plugins/attribution`` note every difference that they look at where ``NNLENS_AGREEMENT`` names a
file. Real networks need the real data, see CONTRIBUTING.md; without it their rows are missing, and this says so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "attribution-agreement.md"
HEAD = """# Agreement of attributions

<!-- Written by `python docs/write_agreement.py` from what the tests measured; do not edit. -->

The largest difference between a map of nnlens and that of an oracle, as a share of the oracle's largest value: what is
left is the order in which float32 sums are taken. *Captum* is compared where it is right; *rectifiers by hand* are the
same network with every rectifier replaced by one that follows the paper's rule; *the paper's sum* is the formula
written out in the test; *layer by layer by hand* shares relevance out so; *Keras twin* is the same network with the
same weights built in Keras. SqueezeNet, LeNet and MobileNet are trained networks on real photos and digits.
"""


def main() -> int:
    """Run the tests, then write the page."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.jsonl"
        command = [sys.executable, "-m", "pytest", "-q", "tests/plugins/attribution"]
        status = subprocess.run(
            command, cwd=ROOT, env=os.environ | {"NNLENS_AGREEMENT": str(notes)}, check=False
        ).returncode
        if status:
            print("The tests failed: the page stays as it is.", file=sys.stderr)
            return status
        rows = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()]
    PAGE.write_text(page(rows), encoding="utf-8")
    if not any(row["network"] == "SqueezeNet" for row in rows):
        print("The real data is not here: the rows of trained networks are missing.", file=sys.stderr)
    return 0


def page(rows: list[dict[str, object]]) -> str:
    """Lay out a table: a row for each method and oracle, a column for each network."""
    networks = list(dict.fromkeys(str(row["network"]) for row in rows))
    largest: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        cells = largest.setdefault((str(row["method"]), str(row["oracle"])), {})
        name = str(row["network"])
        cells[name] = max(cells.get(name, 0.0), float(str(row["difference"])))
    lines = [["method", "oracle", *networks], ["---"] * (2 + len(networks))]
    for (method, oracle), cells in sorted(largest.items()):
        lines.append([method, oracle, *(told(cells.get(name)) for name in networks)])
    return HEAD + "\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def told(difference: float | None) -> str:
    """Say a difference as the power of ten that it is below: the rest changes from machine to machine."""
    if difference is None:
        return ""
    return "0" if difference == 0 else f"< {10.0 ** (int(f'{difference:e}'.partition('e')[2]) + 1):.0e}"


if __name__ == "__main__":
    sys.exit(main())
