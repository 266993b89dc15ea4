"""``nnlens capture``: a model and its data set become a run."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnlens.cli import options, values
from nnlens.cli.console import EXIT_INTERRUPTED, Progress, progress, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnlens.capturing import CaptureProgress
    from nnlens.models.base import Model
    from nnlens.samples import Samples
    from nnlens.store import Store


def capture(
    model: options.ModelArgument,
    samples: options.SamplesArgument,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run that is made.")],
    architecture: options.Architecture = None,
    size: options.InputSize = None,
    fit: options.Fit = None,
    resample: options.Resample = None,
    scale: options.Scale = None,
    mean: options.Mean = None,
    std: options.Std = None,
    order: options.Order = None,
    share: options.Share = None,
    trust: options.Trust = False,
    layers: options.Layers = None,
    keep: options.Keep = None,
    budget: options.Budget = "2GB",
    split: options.Split = "train",
    download: options.Download = False,
    limit: options.Limit = None,
    seed: options.Seed = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="COUNT", min=1, help="Samples that go through the network at once.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an earlier capture of the same run stopped.")
    ] = False,
) -> None:
    """Capture what a trained network makes of a data set into a run.

    Ctrl-C keeps what is committed; --resume goes on from there.
    """
    import nnlens
    from nnlens.capturing.run import existing_run

    preprocess = options.read_preprocess(
        model, architecture, size, fit, resample, scale, mean, std, order, share, trust
    )
    network = nnlens.load_model(model, architecture=architecture, preprocess=preprocess, trust=trust)
    for note in network.notes:
        say(note)
    options.fetch_samples(samples, split, download)
    data = nnlens.load_samples(samples, split=split, limit=limit, seed=seed)
    kept: dict[str, Any] = {
        "layers": values.names(layers),
        "keep": options.layers_to_keep(keep),
        "budget": budget,
    }
    existing_run(run, resume)  # what is wrong with the folder is said before what would lie in it
    _say_estimate(network, data, kept)
    try:
        with progress("samples") as report:
            store = nnlens.capture(
                network, data, run, batch_size=batch_size, resume=resume, progress=_reporter(report), **kept
            )
    except KeyboardInterrupt as interrupt:
        say(how_to_go_on(interrupt))
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _say_done(store)


def _say_estimate(model: Model, samples: Samples, kept: dict[str, Any]) -> None:
    from nnlens.capturing import estimate_capture

    for line in str(estimate_capture(model, samples, **kept)).splitlines():
        say(line)


def _reporter(report: Progress) -> Callable[[CaptureProgress], None]:
    def tell(state: CaptureProgress) -> None:
        accuracy = f", accuracy {state.accuracy:.4f}" if state.accuracy is not None else ""
        report(state.done, state.total, f"capturing{accuracy}", state.remaining_seconds)

    return tell


def how_to_go_on(interrupt: KeyboardInterrupt) -> str:
    """Say how much of a stopped capture is safe, and the command that goes on with it."""
    safe = str(interrupt).partition("; go on")[0].rstrip(".")
    arguments = [each for each in sys.argv[1:] if each != "--resume"]
    return f"{safe or 'Stopped'}. Go on with: nnlens {shlex.join([*arguments, '--resume'])}"


def _say_done(store: Store) -> None:
    accuracy = store.metadata.get("accuracy")
    measured = f", accuracy {accuracy:.4f}" if accuracy is not None else ""
    path = shlex.quote(str(store.path))
    say(f"{store.committed:,} samples captured{measured}. Look at them with: nnlens explore {path}")
