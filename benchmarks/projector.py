"""Check what ``nnlens export projector`` writes, rule by rule, and look at it in the real page.

    python benchmarks/projector.py [--run RUN] [--layer fc1] [--samples 10000 60000] [--viewer FOLDER] [--shots FOLDER]

The files are read by a reader of its own, as the page reads them. Without a run the small network of Fashion-MNIST is
captured over its 60,000 training samples. ``--viewer`` names a folder with the ``index.html`` of the repository
``tensorflow/embedding-projector-standalone``; without it the page is left out, and that is said.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from projector_page import look

import nnlens
from nnlens.capturing import capture
from nnlens.export import export_projector
from nnlens.samples import load_samples
from nnlens.testing import tiny_model
from nnlens.testing.tiny_run import tiny_images

PIECE = 1_000_000
LARGEST = 8192
SPACE = " \t\n\v\f\r\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What trims from a line in JavaScript: a line of nothing else is dropped, and all labels after it are shifted."""
TRAPS = [
    "a\tb", "two\nlines", "", " ", "\u00a0", "\ufeff", "\u200b", "\r", "same", "same", "<img src=x onerror=alert(1)>",
    "Straße", "猫", "=1+1", "label", "x" * 1000, '"quoted"', "it's, 5; then", "\u202eevil",
]  # fmt: skip


class Rules:
    """Counts what holds and what does not."""

    def __init__(self) -> None:
        self.broken = 0

    def check(self, rule: str, holds: bool, figure: object = "") -> None:
        self.broken += not holds
        print(
            f"  {'holds ' if holds else 'BROKEN'}  {rule}{f': {figure}' if figure != '' else ''}", flush=True
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="a run with pictures; captured when left out")
    parser.add_argument("--layer", default="fc1")
    parser.add_argument("--samples", type=int, nargs="+", default=[10_000, 60_000])
    parser.add_argument("--viewer", type=Path, help="folder with the standalone page")
    parser.add_argument("--shots", type=Path, help="where screenshots go")
    asked = parser.parse_args()
    rules = Rules()
    Image.MAX_IMAGE_PIXELS = None  # a sheet of 8,192 pixels a side is no bomb
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run = asked.run or captured(place)
        for samples in asked.samples:
            made = exported(run, place / f"of-{samples}", asked.layer, samples)
            ids = check_folder(rules, nnlens.open_store(run), made, asked.layer, samples)
            if asked.viewer is None:
                print("  left out: the real page; --viewer says where it is")
            else:
                look(rules, nnlens.open_store(run), ids, made, asked.viewer, asked.shots)
        check_traps(rules, place)
    print(f"\n{rules.broken} rules broken" if rules.broken else "\nall rules hold")
    return int(rules.broken > 0)


def captured(place: Path) -> Path:
    words = ["capture", "zoo:fashion-mnist", "fashion-mnist", str(place / "run")]
    subprocess.run([sys.executable, "-m", "nnlens", *words], check=True)
    return place / "run"


def exported(run: Path, out: Path, layer: str, samples: int) -> Path:
    """Export by the command line, and say how long it took."""
    words = ["export", "projector", run, out, "--layer", layer, "--limit", samples]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "nnlens", *map(str, words)], check=True, capture_output=True)
    seconds = time.perf_counter() - started
    sizes = {file.name: file.stat().st_size for file in sorted(out.iterdir())}
    told = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items() if size > 1e5)
    print(f"\n=== {samples:,} samples: {seconds:.1f} s, {sum(sizes.values()) / 1e6:.1f} MB ({told})")
    return out


def check_folder(rules: Rules, store: nnlens.Store, out: Path, layer: str, samples: int) -> np.ndarray:
    """Check config, vectors, labels and pictures, and that they belong together; return the id in each row."""
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    (entry,) = config["embeddings"]
    rows, units = entry["tensorShape"]
    rules.check("config.json names one tensor and its label", isinstance(config["modelCheckpointPath"], str))
    rules.check("tensorShape is [samples, units ≥ 2]", rows == samples and units >= 2, [rows, units])
    rules.check(
        "paths count from the page and exist",
        all((out / entry[f"{x}Path"]).is_file() for x in ("tensor", "metadata")),
    )
    rules.check("the tensor's name ends with .bytes", entry["tensorPath"].endswith(".bytes"))
    content = (out / entry["tensorPath"]).read_bytes()
    rules.check("float32 a number, no header", len(content) == 4 * rows * units, f"{len(content):,} bytes")
    told = read_labels((out / entry["metadataPath"]).read_bytes())
    rules.check("one label line a point, none empty", len(told) == rows, f"{len(told):,}")
    ids = np.array([int(row["id"]) for row in told])
    at = store.positions(ids)
    own = store.activation(layer).values[at]
    vectors = np.frombuffer(content, "<f4").reshape(rows, units)
    if own.shape[1:] == (units,):
        rules.check("row i is the vector of the sample named in line i", bool(np.array_equal(vectors, own)))
    names = store.class_names
    for column in ("label", "prediction"):
        codes = store.samples[column].values[at]
        same = all(row[column] == names[code] for row, code in zip(told, codes, strict=True))
        rules.check(f"the {column} of line i is that sample's", same)
    check_sprite(rules, store, out, entry, ids)
    raw = (out / entry["metadataPath"]).read_bytes()
    pieces = "".join(raw[i : i + PIECE].decode("utf-8", "replace") for i in range(0, len(raw), PIECE))
    rules.check("no sign lies across an edge of a megabyte", pieces == raw.decode(), f"{len(raw):,} bytes")
    rules.check("the table ends with a newline", raw.endswith(b"\n"))
    return ids


def read_labels(content: bytes) -> list[dict[str, str]]:
    """Read the table as the page does: piece by piece, nothing quoted, empty lines dropped."""
    text = "".join(content[i : i + PIECE].decode("utf-8", "replace") for i in range(0, len(content), PIECE))
    lines = [line.split("\t") for line in text.split("\n") if line.strip(SPACE)]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def check_sprite(rules: Rules, store: nnlens.Store, out: Path, entry: dict, ids: np.ndarray) -> None:
    """Check the grid, and every picture in it against that of the sample in its row."""
    width, height = entry["sprite"]["singleImageDim"]
    with Image.open(out / entry["sprite"]["imagePath"]) as opened:
        sheet = np.asarray(opened.convert("L"))
    side = math.ceil(math.sqrt(len(ids)))
    rules.check(
        "the grid is ⌈√N⌉ by ⌈√N⌉",
        sheet.shape == (side * height, side * width),
        f"{side} × {side} of {width}×{height}",
    )
    rules.check(
        f"the sheet is at most {LARGEST} px a side",
        max(sheet.shape) <= LARGEST,
        f"{sheet.shape[1]}×{sheet.shape[0]}",
    )
    cells = sheet.reshape(side, height, side, width).swapaxes(1, 2).reshape(-1, height, width)
    rules.check(
        "the rest of the grid is empty", not cells[len(ids) :].any(), f"{len(cells) - len(ids)} cells"
    )
    if store.samples["image"].shape[1:3] == (height, width) and store.samples["image"].shape[3] == 1:
        same = sum(
            int((cells[i : i + 1000] == store.images(ids[i : i + 1000])[..., 0]).all((1, 2)).sum())
            for i in range(0, len(ids), 1000)
        )
        rules.check(
            "cell i is the picture of the sample in row i, pixel by pixel", same == len(ids), f"{same:,}"
        )


def check_traps(rules: Rules, place: Path) -> None:
    """Check that names which break tables stay on their own points."""
    print(f"\n=== {len(TRAPS)} classes whose names break tables")
    images, labels = tiny_images(3 * len(TRAPS), len(TRAPS))
    store = capture(tiny_model(len(TRAPS)), load_samples((images, labels)), place / "traps", keep=[])
    store.class_names = tuple(TRAPS)
    export_projector(nnlens.Lens(store), place / "traps-out", layer="fc1")
    told = read_labels((place / "traps-out" / "metadata.tsv").read_bytes())
    names = [row["label"] for row in told]
    rules.check("one line a point", len(told) == len(labels), len(told))
    rules.check("line i is sample i", [int(row["id"]) for row in told] == store.ids.tolist())
    rules.check("each class has a name of its own", len(set(names)) == len(TRAPS), len(set(names)))
    alike = {
        name: {int(label) for n, label in zip(names, labels, strict=True) if n == name} for name in names
    }
    rules.check("a name stands on one class only", all(len(each) == 1 for each in alike.values()))
    rules.check("no name is empty to the page", all(name.strip(SPACE) for name in names))
    rules.check("signs beyond ASCII stay", {"Straße", "猫"} <= set(names))
    config = (place / "traps-out" / "config.json").read_text(encoding="utf-8")
    entry = json.loads(config)["embeddings"][0]
    rules.check(
        "no markup goes into the page by the tensor's name", not set(entry["tensorName"]) & set("<>&\"'")
    )
    shutil.rmtree(place / "traps-out")


if __name__ == "__main__":
    sys.exit(main())
