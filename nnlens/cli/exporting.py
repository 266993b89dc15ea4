"""``nnlens export``: a run for other programs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnlens.cli import values
from nnlens.cli.console import progress, say
from nnlens.cli.options import Architecture, Plugin, Trust, register_plugins
from nnlens.cli.running import open_model_of, result_key

if TYPE_CHECKING:
    import xarray as xr

    from nnlens.export import Exported
    from nnlens.lens import Lens

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")]
Filter = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Only the samples that a filter finds: 'loss > 1 and label == 9'."),
]
SampleIds = Annotated[
    str | None, typer.Option(metavar="IDS", help="Only these: 3,17 or 0-99 or @file with one id a line.")
]


def projector(
    run: RunArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that is made; not there, or empty.")],
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Layer whose vectors are written, or @input for the pixels; the hidden vector if not given.",
        ),
    ] = None,
    pca: Annotated[
        int,
        typer.Option(
            metavar="COUNT", min=0, help="Principal components to keep of longer vectors; 0 keeps them whole."
        ),
    ] = 128,
    limit: Annotated[
        int | None, typer.Option(metavar="COUNT", min=2, help="Draw so many samples at random.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="NUMBER", min=0, help="Seed of that draw.")] = 0,
    sample: SampleIds = None,
    filter: Filter = None,  # noqa: A002 - the name of the flag
    coordinates: Annotated[
        str | None,
        typer.Option(
            metavar="ANALYSIS|KEY",
            help="Write the coordinates of a map in place of the vectors: of a result, or of an analysis that is run.",
        ),
    ] = None,
    thumbnail: Annotated[
        int, typer.Option(metavar="PIXELS", min=0, help="Largest side of a picture; 0 for no pictures.")
    ] = 64,
    model: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The trained network, for a layer that the run does not hold."),
    ] = None,
    architecture: Architecture = None,
    trust: Trust = False,
    plugin: Plugin = None,
) -> None:
    """Write a folder for the TensorFlow Embedding Projector: vectors, labels and pictures.

    A README in the folder says how to open and how to publish it.
    """
    import nnlens
    from nnlens.export import export_projector
    from nnlens.export.folder import check_free

    register_plugins(plugin)
    check_free(folder)
    lens = nnlens.Lens(run, model=open_model_of(run, model, architecture, trust))
    with progress() as report:
        made = export_projector(
            lens,
            folder,
            layer=layer,
            pca=pca,
            limit=limit,
            seed=seed,
            sample=None if sample is None else values.ids(sample),
            where=filter,
            coordinates=None if coordinates is None else _map(lens, coordinates, layer, report),
            thumbnail=thumbnail,
            progress=report,
        )
    _say_made(made)


def _map(lens: Lens, text: str, layer: str | None, report: Any) -> xr.Dataset:
    """Return the result that a key names, else that of an analysis, which is run where it is not there."""
    found = lens.result(result_key(lens, text))
    return lens.run(text, layer=layer, progress=report) if found is None else found


def _say_made(made: Exported) -> None:
    for note in made.notes:
        say(note)
    if made.left_out:
        say(f"{made.left_out:,} samples are left out, because they have values that are not finite.")
    pictures = f", pictures of {made.thumbnail[1]}×{made.thumbnail[0]}" if made.thumbnail else ", no pictures"
    say(f"{made.samples:,} × {made.units:,} ({made.title}){pictures}, {made.bytes / 1e6:,.1f} MB.")
    say(f"How to open it stands in {shlex.quote(str(made.folder / 'README.md'))}.")


def table(
    run: RunArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What is written: .csv or .parquet.")],
    filter: Filter = None,  # noqa: A002 - the name of the flag
    sample: SampleIds = None,
    results: Annotated[
        bool, typer.Option("--results/--no-results", help="Whether results are columns too.")
    ] = True,
) -> None:
    """Write the table of a run: a row for each sample with its label, prediction, loss, and what results say of it.

    In .csv a text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    import nnlens
    from nnlens.export import export_table

    chosen = None if sample is None else values.ids(sample)
    rows = export_table(nnlens.Lens(run), file, where=filter, sample=chosen, results=results)
    say(f"{rows:,} row{'' if rows == 1 else 's'} written to {file}.")
