"""Run the benchmarks one after another, each in a process of its own; ``make bench`` calls this.

    python benchmarks/run.py [capture projection analyses attribution views explore samples kills]

Fashion-MNIST and chromium must be there. Each prints its own figures; the last lines say how long each took and which
failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ALL = ("capture", "projection", "analyses", "attribution", "views", "explore", "samples", "kills")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which; all of {', '.join(ALL)} when left out")
    names = parser.parse_args().names or ALL
    unknown = set(names) - set(ALL)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    ended = [(name, *run(name)) for name in names]
    print("\n=== benchmarks")
    for name, status, seconds in ended:
        print(f"{name:<12}{seconds:6.0f} s  {'done' if status == 0 else f'failed with {status}'}")
    return int(any(status for _, status, _ in ended))


def run(name: str) -> tuple[int, float]:
    """Return how a benchmark ended and its seconds."""
    print(f"\n=== {name}", flush=True)
    started = time.monotonic()
    status = subprocess.run([sys.executable, Path(__file__).with_name(f"{name}.py")], check=False).returncode
    return status, time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
