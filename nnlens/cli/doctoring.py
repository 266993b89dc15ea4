"""``nnlens doctor``: whether the preprocessing in use is the one that a network was trained with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnlens.cli import options
from nnlens.cli.console import EXIT_BETTER, progress, say, show, show_json, show_table
from nnlens.errors import ModelError

if TYPE_CHECKING:
    from nnlens.capturing.doctor import Diagnosis, Trial
    from nnlens.models.base import Model
    from nnlens.models.preprocess import Preprocess


def doctor(
    model: options.ModelArgument,
    samples: options.SamplesArgument,
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
    split: options.Split = "train",
    download: options.Download = False,
    samples_tried: Annotated[
        int,
        typer.Option(metavar="COUNT", min=1, help="Labelled samples to try, spread over the whole data set."),
    ] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a program to read.")] = False,
) -> None:
    """Find out whether images are preprocessed as the network was trained, by trying what is common.

    Prints the accuracy with each preprocessing, best first, and the options that choose it. Give the options that
    capture gets, or --size alone where nothing is known. Exit status 4 if one is clearly better than the one in use.
    """
    import nnlens
    from nnlens.capturing.doctor import diagnose

    preprocess = options.read_preprocess(
        model, architecture, size, fit, resample, scale, mean, std, order, share, trust
    )
    network = _open(model, architecture, preprocess, order, trust)
    for note in network.notes:
        say(note)
    options.fetch_samples(samples, split, download)
    data = nnlens.load_samples(samples, split=split)
    with progress() as report:
        diagnosis = diagnose(network, data, samples_tried, report)
    if diagnosis.note:
        say(diagnosis.note)
    if as_json:
        show_json(facts_of(diagnosis))
    else:
        _show(diagnosis, more=len(diagnosis.ids) < int((data.labels >= 0).sum()))
    if diagnosis.better is not None:
        raise typer.Exit(EXIT_BETTER)


def facts_of(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as plain data."""
    better = diagnosis.better
    return {
        "samples": len(diagnosis.ids),
        "in_use": _facts_of_trial(diagnosis.used),
        "better": None if better is None else _facts_of_trial(better),
        "near_chance": diagnosis.near_chance,
        "note": diagnosis.note,
        "trials": [_facts_of_trial(trial) for trial in diagnosis.trials],
    }


def _open(
    source: str, architecture: str | None, preprocess: Preprocess | None, order: str | None, trust: bool
) -> Model:
    """Open a network; where nobody told the order of its channels and it does not take three, it takes one."""
    import nnlens

    try:
        return nnlens.load_model(source, architecture=architecture, preprocess=preprocess, trust=trust)
    except ModelError:
        if preprocess is None or order is not None or not isinstance(preprocess.mean, float):
            raise
        grey = replace(preprocess, order="grey")
        try:
            network = nnlens.load_model(source, architecture=architecture, preprocess=grey, trust=trust)
        except ModelError:
            network = None
        if network is None:
            raise
    say("The network takes no images of three channels: --order grey is assumed.")
    return network


def _facts_of_trial(trial: Trial) -> dict[str, Any]:
    from nnlens.capturing.wording import options_of

    return {
        "name": trial.name,
        "accuracy": None if trial.error else trial.accuracy,
        "correct": int(trial.correct.sum()),
        "invalid": trial.invalid,
        "error": trial.error,
        "p_value": trial.p_value,
        "in_use": trial.in_use,
        "preprocess": trial.preprocess.to_dict(),
        "options": options_of(trial.preprocess),
    }


def _show(diagnosis: Diagnosis, *, more: bool) -> None:
    from nnlens.capturing.wording import options_of

    show_table(
        [
            (
                "failed" if trial.error else f"{trial.accuracy:.4f}",
                trial.name,
                options_of(trial.preprocess),
            )
            for trial in diagnosis.trials
        ],
        ("accuracy", "values", "options"),
    )
    for trial in diagnosis.trials:
        if trial.error:
            say(f"{trial.name} failed: {trial.error}")
        elif trial.invalid:
            say(f"{trial.name} gives logits that are not finite for {trial.invalid:,} samples.")
    show("")
    show(_verdict(diagnosis) + _hint(diagnosis) * more)
    if diagnosis.near_chance:
        say("Even the best is near guessing: check size, the order of the classes and the weights.")


def _verdict(diagnosis: Diagnosis) -> str:
    from nnlens.capturing.wording import options_of

    used, best, better = diagnosis.used, diagnosis.best, diagnosis.better
    count = f"{len(diagnosis.ids):,} samples"
    if better is not None:
        accuracies = f"{better.accuracy:.4f} against {used.accuracy:.4f} on {count}, p = {better.p_value:.1g}"
        return f"Another preprocessing is clearly better, {accuracies}: {options_of(better.preprocess)}"
    if diagnosis.near_chance:
        return f"Nothing can be told: on {count} no preprocessing tried does much better than guessing."
    if best.in_use:
        return (
            f"The preprocessing in use is the best of those tried on {count}: {options_of(used.preprocess)}"
        )
    return (
        f"No preprocessing is clearly better than the one in use; on {count} {best.name!r} may be so by chance, "
        f"p = {best.p_value:.1g}."
    )


def _hint(diagnosis: Diagnosis) -> str:
    undecided = diagnosis.better is None and not diagnosis.best.in_use
    return " Try more with --samples-tried." if undecided else ""
