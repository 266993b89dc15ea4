"""Check that what is installed is what constraints.txt names; .ci/run starts this in .venv."""

import re
import sys
from importlib.metadata import distributions
from pathlib import Path

OWN = re.compile(r"nnlens(-|$)")


def canonical(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Print every difference; return how many there are."""
    lines = Path("constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    pins = {canonical(name): version for name, version in pins.items()}
    found = {canonical(each.name): each.version.partition("+")[0] for each in distributions()}
    found = {name: version for name, version in found.items() if not OWN.match(name) and name != "pip"}
    wrong = [
        f"{name}: {found[name]} is installed, {pins.get(name, 'nothing')} is pinned"
        for name in sorted(found)
        if pins.get(name) != found[name]
    ]
    print("\n".join(wrong) or f"{len(found)} distributions, all at their pins")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
