"""``nnlens run``: compute an analysis of a run, with a flag for each of the analysis' own parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnlens.cli import values
from nnlens.cli.console import progress, say, show_json
from nnlens.cli.options import Architecture, Plugin, Trust, register_plugins
from nnlens.cli.parameters import read_parameters, refuse_flags_before
from nnlens.cli.showing import SHORT_KEY, facts_of, show_result
from nnlens.cli.tables import check_ending, write_result

if TYPE_CHECKING:
    from nnlens.lens import Lens
    from nnlens.models.base import Model


def run(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")],
    analysis: Annotated[
        str, typer.Argument(metavar="ANALYSIS", help="Its name, as 'nnlens plugins' lists it.")
    ],
    layer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Layer by the framework's own name, or @input for the pixels."),
    ] = None,
    sample: Annotated[
        str | None, typer.Option(metavar="IDS", help="Only these: 3,17 or 0-99 or @file with one id a line.")
    ] = None,
    channel: Annotated[
        int | None, typer.Option(metavar="INDEX", min=0, help="The channel that is explained.")
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            metavar="TARGET",
            help="What is explained: predicted, label, the number of a class, or LAYER:INDEX for a unit or channel.",
        ),
    ] = "predicted",
    seed: Annotated[
        str,
        typer.Option(
            metavar="NUMBER", help="Seed of the random numbers; 'none' allows faster, unrepeatable work."
        ),
    ] = "0",
    using: Annotated[
        list[str] | None,
        typer.Option(metavar="ANALYSIS|KEY", help="A result that this one is computed from."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A parameter of the analysis; --name value after ANALYSIS does the same.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="FILE", help="The trained network, for analyses that need it.")
    ] = None,
    architecture: Architecture = None,
    trust: Trust = False,
    plugin: Plugin = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the result: .csv, .json or .npz.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result for a program to read.")] = False,
) -> None:
    """Compute an analysis of a run, or take its stored result.

    The parameters of ANALYSIS are flags too, after its name: nnlens run RUN tsne --layer fc1 --perplexity 40.
    'nnlens run RUN ANALYSIS --help' lists them.
    """
    import nnlens

    refuse_flags_before(str(run), analysis)
    register_plugins(plugin)
    parameters = read_parameters(analysis, context.args, param)
    if out is not None:
        check_ending(out)
    lens = nnlens.Lens(run, model=open_model_of(run, model, architecture, trust, analysis))
    with progress() as report:
        result = lens.run(
            analysis,
            layer=layer,
            sample=None if sample is None else values.ids(sample),
            channel=channel,
            target=values.target(target),
            seed=None if seed.lower() == "none" else values.whole_number(seed),
            using=[result_key(lens, each) for each in using or ()],
            progress=report,
            **parameters,
        )
    if out is not None:
        write_result(result, out)
        say(f"Written to {out}.")
    if as_json:
        show_json(facts_of(result))
    elif out is None:
        show_result(result, lens.store.results.has(result.attrs["analysis"], result.attrs["key"]))


def open_model_of(
    run: Path, source: str | None, architecture: str | None, trust: bool, analysis: str | None = None
) -> Model | None:
    """Open the model of a run with the run's own preprocessing: it must match what was captured.

    A file that the run names is never opened; only what comes with nnlens is, where the analysis needs a model.
    """
    import nnlens
    from nnlens import registry
    from nnlens.lens.checking import check_has_model

    store = nnlens.open_store(run)
    metadata = store.metadata
    told = str((metadata.get("model", {}).get("reference") or {}).get("source", ""))
    if source is None and told.startswith("zoo:") and analysis and registry.load(analysis).needs_model:
        source = told
    if source is None:
        return None
    check_has_model(store)
    preprocess = nnlens.Preprocess.from_dict(metadata["preprocess"])
    return nnlens.load_model(source, architecture=architecture, preprocess=preprocess, trust=trust)


def result_key(lens: Lens, text: str) -> str:
    """Return the key of the one result that begins like this; any other text is the name of an analysis."""
    found = [
        result.key for result in lens.results() if len(text) >= SHORT_KEY and result.key.startswith(text)
    ]
    return found[0] if len(found) == 1 else text
