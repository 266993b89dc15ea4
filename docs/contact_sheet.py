"""Draw photos × methods as one picture, to look at: does every map make sense.

    python docs/contact_sheet.py MODEL PHOTOS [--architecture SPEC] [--size …] [--layer LAYER] [--count 10] [--out FILE]

Takes of each class the first photo that the network is right about, runs every installed method that explains a sample,
and draws them in the explorer's own colors. The picture holds the photos, so it goes to ``docs/_build``, which is not
kept.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image, ImageDraw, ImageFont

import nnlens
from nnlens.errors import NNLensError
from nnlens.registry import Registry
from nnlens.ui.core.catalog import Catalog, Tool
from nnlens.ui.look.heat import Heat

CELL, GAP, HEAD, SIDE = 168, 6, 30, 150
MASKS = 400
PAPER, INK, FAINT = (255, 255, 255), (20, 24, 31), (98, 106, 119)


def main() -> None:
    """Read the command line, run, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("photos")
    parser.add_argument("--architecture")
    parser.add_argument(
        "--layer", help="for methods that look at one; the last with height and width if left out"
    )
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    out = (
        arguments.out or Path(__file__).parent / "_build" / f"contact-sheet-{Path(arguments.model).stem}.png"
    )
    model = nnlens.load_model(arguments.model, architecture=arguments.architecture)
    with tempfile.TemporaryDirectory() as folder:
        samples = nnlens.load_samples(arguments.photos)
        lens = nnlens.Lens(nnlens.capture(model, samples, f"{folder}/run", layers=[]), model, samples=samples)
        ids = chosen(lens.store.samples, arguments.count)
        rows = columns(lens, ids, arguments.layer)
        sheet = draw(lens, ids, rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out)
    print(out)


def chosen(samples: xr.Dataset, count: int) -> list[int]:
    """Return the first sample of each class that is predicted right, then others."""
    labels, right = samples["label"].values, (samples["label"] == samples["prediction"]).values
    first = {int(label): int(place) for place, label in reversed(list(enumerate(labels))) if right[place]}
    places = [*first.values(), *(place for place in range(len(labels)) if place not in set(first.values()))]
    return [int(samples["sample"].values[place]) for place in sorted(places[:count])]


def columns(lens: nnlens.Lens, ids: list[int], layer: str | None) -> list[tuple[str, xr.Dataset]]:
    """Run every method that explains samples; what refuses is said and left out."""
    found = []
    for tool in Catalog(Registry()).attributions:
        started = time.perf_counter()
        try:
            result = lens.run(tool.id, sample=ids, **chosen_for(tool, layer))
        except NNLensError as error:
            print(f"{tool.title:<24} {error}", file=sys.stderr)
            continue
        print(f"{tool.title:<24} {time.perf_counter() - started:6.1f} s  {result.attrs['caption']}")
        found.append((tool.title, result))
    return found


def chosen_for(tool: Tool, layer: str | None) -> dict[str, object]:
    """Return the layer for methods that look at one, and few masks for the one that takes thousands."""
    chosen: dict[str, object] = {"layer": layer} if layer and tool.on_layer else {}
    return chosen | ({"masks": MASKS} if "masks" in tool.cls.param else {})


def draw(lens: nnlens.Lens, ids: list[int], rows: list[tuple[str, xr.Dataset]]) -> Image.Image:
    """Lay the photos out downwards and the methods across."""
    width = SIDE + (len(rows) + 1) * (CELL + GAP)
    sheet = Image.new("RGB", (width, HEAD + len(ids) * (CELL + GAP)), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, name in enumerate(("input", *(name for name, _ in rows))):
        pen.text((SIDE + column * (CELL + GAP), 8), name.replace("×", "x"), INK, font)
    told = lens.store.samples.sel(sample=ids)
    logits = told["logit"].values
    powers = np.exp(logits - logits.max(1, keepdims=True))
    for row, sample in enumerate(ids):
        top = HEAD + row * (CELL + GAP)
        words = [lens.store.class_names[int(told[name].values[row])] for name in ("label", "prediction")]
        chance = powers[row].max() / powers[row].sum()
        for line, text in enumerate(
            (f"{sample}", f"label {words[0]}", f"is {words[1]}", f"p = {chance:.2f}")
        ):
            pen.text((4, top + 4 + 18 * line), text[:22], FAINT if line else INK, font)
        photo = Image.fromarray(
            np.asarray(lens.runner._assembler.inputs.read(np.array([sample])))[0].squeeze()
        )
        photo = photo.convert("RGB").resize((CELL, CELL))
        sheet.paste(photo, (SIDE, top))
        for column, (_, result) in enumerate(rows, 1):
            place = (SIDE + column * (CELL + GAP), top)
            if sample in result["sample"].values:
                sheet.paste(over(photo, result["attribution"].sel(sample=sample).values), place)
            else:
                pen.text((place[0] + 4, top + 4), "left out", FAINT, font)
    return sheet


def over(photo: Image.Image, values: np.ndarray) -> Image.Image:
    """Color a map as the explorer does: signed ones alone, others over the faint photo."""
    heat = Heat.of(values)
    painted = Image.fromarray(heat.pixels("light"), "RGBA")
    under = Image.blend(photo.convert("L").convert("RGB"), Image.new("RGB", photo.size, PAPER), 0.55)
    under = under.convert("RGBA")
    under.alpha_composite(painted.resize(photo.size, Image.Resampling.BILINEAR))
    return under.convert("RGB")


if __name__ == "__main__":
    main()
