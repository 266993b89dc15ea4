"""``nnlens info`` and ``nnlens verify``: what a run holds, and whether all of it can still be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnlens.cli.console import EXIT_DAMAGED, say, show, show_json, show_table
from nnlens.cli.showing import SHORT_KEY
from nnlens.errors import StoreDamagedError

if TYPE_CHECKING:
    from nnlens.store import Store

What = Annotated[
    str,
    typer.Argument(
        metavar="RUN|SAMPLES", help="Folder of a run; or a data set: its name, or a folder or file of images."
    ),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it for a program to read.")]


def info(
    run: What,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="One part of a data set; all if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a run holds: samples, layers, accuracy and results; or what a data set holds.

    The data card counts the samples of each split and class, and gives sizes, mean and deviation of the images.
    """
    from nnlens.cli import cards

    if cards.is_data_set(run):
        cards.show_data_set(run, split, as_json)
    else:
        _show_run(run, as_json)


def _show_run(run: str, as_json: bool) -> None:
    import nnlens
    from nnlens.capturing.plan import size_text
    from nnlens.cli import cards

    store = nnlens.open_store(run)
    card = cards.card_of_run(store)
    facts = facts_of(store) | {"card": card.facts()}
    if as_json:
        show_json(facts)
        return
    show(f"{store.name}: {_state(store)}")
    if facts["accuracy"] is not None:
        show(f"accuracy {facts['accuracy']:.4f}, {len(store.class_names)} classes")
    elif not store.has_model:
        show(f"embeddings made elsewhere, without a network; {len(store.class_names)} classes")
    cards.show_card(card)
    show("")
    show_table(
        [
            (
                layer["name"],
                layer["kind"],
                "×".join(map(str, layer["shape"])),
                f"{layer['parameters']:,}",
                _how_kept(layer),
            )
            for layer in facts["layers"]
        ],
        ("layer", "kind", "shape", "parameters", "kept"),
    )
    if facts["results"]:
        show("")
        show_table(
            [
                (each["analysis"], each["layer"] or "", size_text(each["bytes"]), each["key"][:SHORT_KEY])
                for each in facts["results"]
            ],
            ("result", "layer", "size", "key"),
        )


def verify(run: Run, as_json: AsJson = False) -> None:
    """Read everything that is committed and every result; name what is lost or changed."""
    import nnlens
    from nnlens.capturing.plan import size_text

    try:
        report = nnlens.open_store(run).verify()
    except StoreDamagedError as error:  # so damaged that there is nothing to read
        say(f"nnlens: {error}")
        raise typer.Exit(EXIT_DAMAGED) from None
    if as_json:
        show_json({"problems": list(report.problems), "chunks": report.chunks, "bytes": report.bytes})
    else:
        for problem in report.problems:
            show(problem)
        say(f"{report.chunks:,} chunks, {size_text(report.bytes)} read: {_verdict(report.problems)}")
    if report.problems:
        raise typer.Exit(EXIT_DAMAGED)


def facts_of(store: Store) -> dict[str, Any]:
    """Return what a run holds as plain data."""
    return {
        "name": store.name,
        "samples": store.committed,
        "total": store.total,
        "complete": store.complete,
        "classes": list(store.class_names),
        "accuracy": store.metadata.get("accuracy"),
        "fingerprint": store.fingerprint,
        "layers": [
            {
                "name": layer.info.name,
                "kind": layer.info.kind,
                "shape": list(layer.info.shape),
                "parameters": layer.info.parameters,
                "kept": layer.kept,
                "pooled": layer.pooled,
            }
            for layer in store.layers
        ],
        "results": [
            {
                "analysis": result.analysis,
                "key": result.key,
                "layer": result.attrs.get("layer"),
                "bytes": result.bytes,
            }
            for result in store.results.list()
        ],
    }


def _state(store: Store) -> str:
    if store.complete:
        return f"{store.committed:,} samples"
    return f"{store.committed:,} of {store.total:,} samples; the capture is not finished"


def _how_kept(layer: dict[str, Any]) -> str:
    if layer["kept"]:
        return "in full"
    return "pooled" if layer["pooled"] else "not kept"


def _verdict(problems: Any) -> str:
    if not problems:
        return "all is well"
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
