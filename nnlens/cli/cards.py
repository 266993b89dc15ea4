"""The data card for ``nnlens info``: of a data set, or of the samples of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnlens.cli.console import progress, show, show_json, show_table

if TYPE_CHECKING:
    from nnlens.samples.card import Card
    from nnlens.samples.pixels import Images
    from nnlens.store import Store

SHOWN = 100
"""Classes that are listed."""
BROKEN_SHOWN = 10
LONGEST = 40
"""Letters of a class name."""
MODELS = (".keras", ".h5", ".hdf5", ".pt", ".pth", ".th", ".onnx", ".safetensors")
"""Endings of models, which may be zip files as data sets are."""


def is_data_set(what: str) -> bool:
    """Whether `info` is asked about a data set, and not about a run."""
    from nnlens.samples.dividing import holds_samples
    from nnlens.store.layout import COMMIT, DATA

    folder = Path(what)
    try:
        run = (folder / DATA).is_dir() or (folder / COMMIT).is_file()
        return not run and folder.suffix.lower() not in MODELS and holds_samples(what)
    except OSError:  # no permission, or no name for a file: `load_samples` says why
        return True


def show_data_set(source: str, split: str | None, as_json: bool) -> None:
    """Print the cards of all splits of a data set, or of one."""
    import nnlens
    from nnlens.samples.dividing import splits_of

    with progress("samples") as report:
        parts = splits_of(source) if split is None else [split]
        found = [nnlens.load_samples(source, split=part).card(report) for part in parts]
    if as_json:
        show_json({"name": found[0].name, "cards": [card.facts() for card in found]})
        return
    show(f"{found[0].name}: {', '.join(f'{n:,} {part}' for card in found for part, n in _parts(card))}")
    for card in found:
        if len(found) > 1:
            show("")
            show(f"{next(iter(card.counts))}: {card.samples:,} samples")
        _show_images(card)
    _show_classes(found)


def card_of_run(store: Store) -> Card:
    """Make the card of what is committed; of thumbnails only their number is told, and there may be no images."""
    import numpy as np

    from nnlens.samples.card import make_card, spans
    from nnlens.schema import UNLABELLED

    known, count = store.samples, store.committed
    image = known.get("image")

    def images() -> Iterator[Images]:
        if image is not None and not store.metadata.get("thumbnails"):
            y, x, channel = image.shape[1:]
            for span in spans(count, (y, x, channel)):
                yield image[span].values

    with progress("samples") as report:
        return make_card(
            store.metadata.get("samples", {}).get("name", store.name),
            known["label"].values if "label" in known else np.full(count, UNLABELLED),
            known["split"].values.astype(object) if "split" in known else ["all"] * count,
            store.class_names,
            0 if image is None else image.shape[-1],
            images(),
            {},
            report,
        )


def show_card(card: Card) -> None:
    """Print a card."""
    show(f"{card.name}: {', '.join(f'{count:,} {split}' for split, count in _parts(card))}")
    _show_images(card)
    _show_classes([card])


def _parts(card: Card) -> Iterator[tuple[str, int]]:
    """Yield the splits with their numbers of samples."""
    for split, counts in card.counts.items():
        yield split, sum(counts) + card.unlabelled[split]


def _show_images(card: Card) -> None:
    if not card.channels:
        show("no images")
        return
    color = "grey" if card.channels == 1 else "RGB"
    show(f"images {_sizes(card)}, {color}")
    if card.mean:
        show(f"pixels from 0 to 255: mean {_numbers(card.mean)}, deviation {_numbers(card.std)}")
        mean, std = (",".join(f"{each / 255:.4f}" for each in values) for values in (card.mean, card.std))
        show(f"for a network that was trained so: --scale 1/255 --mean {mean} --std {std}")
    if card.broken:
        show(f"{len(card.broken):,} cannot be read:")
        for name, why in list(card.broken.items())[:BROKEN_SHOWN]:
            show(f"  {name} {why}")


def _sizes(card: Card) -> str:
    if not card.sizes:
        return "of several sizes or large, of which the run holds thumbnails"
    (y, x), count = next(iter(card.sizes.items()))
    if len(card.sizes) == 1:
        return f"{y}×{x}"
    areas = sorted(card.sizes, key=lambda size: size[0] * size[1])
    ends = " to ".join("×".join(map(str, size)) for size in (areas[0], areas[-1]))
    return f"of {len(card.sizes):,} sizes from {ends}, {count:,} of {y}×{x}"


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def _short(name: str) -> str:
    return (name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…") or "''"


def _show_classes(cards: Sequence[Card]) -> None:
    columns = {
        split: (counts, card.unlabelled[split]) for card in cards for split, counts in card.counts.items()
    }
    names = max((card.class_names for card in cards), key=len)
    rows: list[tuple[object, ...]] = [
        (
            _short(name),
            *(f"{counts[place] if place < len(counts) else 0:,}" for counts, _ in columns.values()),
        )
        for place, name in enumerate(names[:SHOWN])
    ]
    if len(names) > SHOWN:
        rows.append((f"… {len(names) - SHOWN:,} more, all of them with --json", *("" for _ in columns)))
    if any(missing for _, missing in columns.values()):
        rows.append(("unlabelled", *(f"{missing:,}" for _, missing in columns.values())))
    show("")
    show_table(rows, ("class", *columns))
