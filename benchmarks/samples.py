"""Reading pictures through Samples against a bare decoding loop of Pillow, in the same run.

    python benchmarks/samples.py [--photos FOLDER] [--count N] [--side N] [--rounds N]

Reads the 500 photos of Imagenette, if they are there, and a folder of JPEG files that is made for it: pieces of those
photos, else noise. Prints samples a second, processor time and memory, and their ratios, which are what counts where
other programs take part of the machine. Every round opens the data set anew, so nothing is decoded before it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from measuring import table, taking_turns
from PIL import Image

from nnlens import load_samples

BATCH = 64
HERE = Path(__file__).resolve().parent
PHOTOS = Path(os.environ.get("NNLENS_TEST_DATA", HERE.parents[1] / "shared" / "data")) / "imagenette"


def main() -> None:
    arguments = parse()
    if arguments.memory:
        return print(peak(WAYS[arguments.memory], arguments.photos))
    if arguments.photos.is_dir():
        compare(arguments.photos, arguments.rounds)
    else:
        print(f"no photos in {arguments.photos.name}: set NNLENS_TEST_DATA")
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), arguments)
        compare(Path(folder), arguments.rounds)
    return None


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--count", type=int, default=20_000, help="files of the folder that is made")
    parser.add_argument("--side", type=int, default=128, help="height and width of its pictures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    return parser.parse_args()


def make(folder: Path, arguments: argparse.Namespace) -> None:
    """Write pieces of the photos as JPEG, in ten folders of classes."""
    chance, side = np.random.default_rng(0), arguments.side
    paths = sorted(arguments.photos.rglob("*.jp*g")) if arguments.photos.is_dir() else []
    photos = [np.asarray(Image.open(path).convert("RGB")) for path in paths[:200]]
    photos = photos or list(chance.integers(0, 256, (20, 2 * side, 2 * side, 3), np.uint8))
    for place in range(10):
        (folder / f"class {place}").mkdir()
    for place in range(arguments.count):
        photo = photos[chance.integers(len(photos))]
        y, x = (int(chance.integers(max(1, size - side))) for size in photo.shape[:2])
        picture = Image.fromarray(photo[y : y + side, x : x + side])
        picture.save(folder / f"class {place % 10}" / f"{place:06}.jpg", quality=90)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))


def decode(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def bare(folder: Path) -> Iterator[object]:
    """Decode one after another, with nothing around it."""
    paths = files(folder)
    for start in range(0, len(paths), BATCH):
        yield [decode(path) for path in paths[start : start + BATCH]]


def bare_in_threads(folder: Path) -> Iterator[object]:
    """The same with as many threads as there are cores."""
    paths = files(folder)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), BATCH):
            yield list(pool.map(decode, paths[start : start + BATCH]))


def through_samples(folder: Path) -> Iterator[object]:
    """Open the data set, which reads every header, and read it in batches as a capture does."""
    samples = load_samples(folder)
    for start in range(0, len(samples), BATCH):
        yield samples.images(slice(start, start + BATCH))


WAYS: dict[str, Callable[[Path], Iterator[object]]] = {
    "bare loop": bare,
    "bare loop in threads": bare_in_threads,
    "through Samples": through_samples,
}


def compare(folder: Path, rounds: int) -> None:
    count = len(files(folder))
    works = {name: lambda way=way: [None for _ in way(folder)] for name, way in WAYS.items()}
    clocks = taking_turns(works, rounds)
    base = clocks["bare loop"]
    rows = [("", "samples a second", "× bare loop", "processor × bare loop", "peak memory MB")]
    for name, own in clocks.items():
        seconds = statistics.median(clock.wall for clock in own)
        speed = statistics.median(first.wall / clock.wall for first, clock in zip(base, own, strict=True))
        work = statistics.median(
            clock.processor / first.processor for first, clock in zip(base, own, strict=True)
        )
        memory = subprocess.run(
            [sys.executable, __file__, "--memory", name, "--photos", str(folder)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        rows.append((name, f"{count / seconds:,.0f}", f"{speed:.2f}", f"{work:.2f}", memory))
    load = os.getloadavg()[0]
    print(f"\n{count:,} files, medians of {rounds}, {os.cpu_count()} cores, load {load:.1f}\n")
    print(table(rows), flush=True)


def peak(way: Callable[[Path], Iterator[object]], folder: Path) -> str:
    """Return what reading takes at most, above what was there before."""
    process = psutil.Process()
    before = process.memory_info().rss
    most = before
    for _ in way(folder):
        most = max(most, process.memory_info().rss)
    return f"{(most - before) / 1e6:.0f}"


if __name__ == "__main__":
    main()
