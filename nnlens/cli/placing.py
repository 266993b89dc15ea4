"""``nnlens coordinates``: a map that was made elsewhere."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from nnlens.cli.console import say


def coordinates(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")],
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A .npy, .npz, .csv, .tsv or .parquet file of two or three numbers a sample.",
        ),
    ],
    name: Annotated[
        str, typer.Option(metavar="TEXT", help="What the map is called; FILE if not given.")
    ] = "",
    ids: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Column of the ids; if not given, the one called id or sample, else rows go by their order.",
        ),
    ] = None,
) -> None:
    """Add a map that was made elsewhere to a run: the explorer then lists it among the methods.

    The map is kept beside the run. Samples that the file has no row for are left out of it.
    """
    import nnlens

    lens = nnlens.Lens(run)
    made = lens.add_coordinates(file, name, ids)
    count, axes = made["projection"].shape
    left_out = len(lens.store.ids) - count
    missing = f", {left_out:,} samples left out" if left_out else ""
    say(
        f"{made.attrs['title']}: {count:,} × {axes}{missing}."
        f" Look at it with: nnlens explore {shlex.quote(str(run))}, under Method."
    )
