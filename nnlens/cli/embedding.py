"""``nnlens capture-embeddings``: vectors that were made elsewhere become a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnlens.cli import options, values
from nnlens.cli.capturing import how_to_go_on
from nnlens.cli.console import EXIT_INTERRUPTED, progress, say

if TYPE_CHECKING:
    from nnlens.capturing import CaptureProgress
    from nnlens.store import Store


def capture_embeddings(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A .npy, .npz or .parquet file of embeddings, or a folder of the Embedding Projector.",
        ),
    ],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run that is made.")],
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Column of SOURCE, .npy file, or text file with a line a sample; if not given, the one called label.",
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            metavar="SAMPLES",
            help="Pictures in the order of the embeddings: a folder, or what else capture takes as SAMPLES.",
        ),
    ] = None,
    class_names: Annotated[
        list[str] | None, typer.Option(metavar="NAME,…", help="Names of the classes, in label order.")
    ] = None,
    ids: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="Column or file of the ids; they count from 0 if there is none."
        ),
    ] = None,
    array: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The array, column of lists or tensor, where SOURCE has several."),
    ] = None,
    split: options.Split = "train",
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What titles call the run; SOURCE if not given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an earlier call with the same SOURCE stopped.")
    ] = False,
) -> None:
    """Make a run of embeddings that come from elsewhere, without a network.

    Maps, neighbors and what else needs no network work on it as on any other run.
    """
    import nnlens

    try:
        with progress("samples") as report:

            def tell(state: CaptureProgress) -> None:
                report(state.done, state.total, "writing", state.remaining_seconds)

            store = nnlens.capture_embeddings(
                source,
                run,
                labels=labels,
                images=images,
                class_names=values.names(class_names),
                ids=ids,
                array=array,
                split=split,
                name=name,
                resume=resume,
                progress=tell,
            )
    except KeyboardInterrupt as interrupt:
        say(how_to_go_on(interrupt))
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _say_done(store)


def _say_done(store: Store) -> None:
    units = store.layers[0].info.shape[0]
    labelled = int(store.metadata.get("labelled", 0))
    classes = f"{len(store.class_names):,} classes" if labelled else "no labels"
    unlabelled = f", {store.committed - labelled:,} unlabelled" if 0 < labelled < store.committed else ""
    pictures = "with pictures" if "image" in store.samples else "without pictures"
    say(
        f"{store.committed:,} embeddings of {units:,} units, {classes}{unlabelled}, {pictures}."
        f" Look at them with: nnlens explore {shlex.quote(str(store.path))}"
    )
