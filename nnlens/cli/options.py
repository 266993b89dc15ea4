"""Options that several commands have, and what they become."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nnlens.cli import values
from nnlens.cli.console import progress, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnlens.models.preprocess import Preprocess

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="File of the trained network, or a small one that comes along: zoo:digits."
    ),
]
SamplesArgument = Annotated[
    str,
    typer.Argument(
        metavar="SAMPLES",
        help="Data set by name (digits, mnist, fashion-mnist, cifar10, cifar100, imagenette, imagewoof), a folder of"
        " pictures or of its files, a .npz or .npy file, or a CSV or Parquet table of paths and labels.",
    ),
]
Architecture = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.PY:CALLABLE",
        help="What builds the network of a file of weights: file.py:callable or package.module:callable, perhaps with"
        " arguments: 'net.py:Net(width=32)'.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Let a file that is a program of torch (TorchScript, .pt2, a pickled network) run its code.",
    ),
]
Download = Annotated[
    bool,
    typer.Option(
        "--download",
        help="Fetch a data set that is known by name and not here, into NNLENS_DATA or the user's cache.",
    ),
]
Split = Annotated[str, typer.Option(metavar="NAME", help="The part of the data set: train or test.")]
Limit = Annotated[
    int | None, typer.Option(metavar="COUNT", min=1, help="Take only this many samples of the data set.")
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER", min=0, help="Draw those of --limit at random with this seed; else the first."
    ),
]
InputSize = Annotated[
    str | None,
    typer.Option(
        "--size", metavar="PIXELS", help="Side of the network's input, or height and width: 32 or 224x160."
    ),
]
Fit = Annotated[
    Literal["stretch", "crop", "pad"] | None,
    typer.Option(metavar="stretch|crop|pad", help="How an image gets that size."),
]
Resample = Annotated[
    Literal["nearest", "bilinear", "bicubic", "lanczos"] | None,
    typer.Option(metavar="nearest|bilinear|bicubic|lanczos", help="Interpolation between pixels."),
]
Scale = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="Factor on values of 0 to 255, such as 1/255.")
]
Mean = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER,…", help="Subtracted after scaling; one number, or one a channel: .485,.456,.406."
    ),
]
Std = Annotated[
    str | None,
    typer.Option(metavar="NUMBER,…", help="Divided by after the mean; one number, or one a channel."),
]
Order = Annotated[
    Literal["RGB", "BGR", "grey"] | None,
    typer.Option(metavar="RGB|BGR|grey", help="Channels that the network expects."),
]
Share = Annotated[
    str | None,
    typer.Option(metavar="NUMBER", help="With --fit crop, how much of the shorter side stays: 224/256."),
]

Layers = Annotated[
    list[str] | None, typer.Option(metavar="NAME,…", help="Layers to capture; all if not given.")
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME,…",
        help="Layers with height and width to keep in full, all, or none; those that fit the budget if not given.",
    ),
]
Budget = Annotated[
    str, typer.Option(metavar="BYTES", help="What layers kept in full may take, such as 500MB.")
]
Plugin = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE.PY:CLASS", help="Also use an analysis or a view that is not yet a package."),
]


def read_preprocess(
    model: str | None,
    architecture: str | None,
    size: str | None,
    fit: str | None,
    resample: str | None,
    scale: str | None,
    mean: str | None,
    std: str | None,
    order: str | None,
    share: str | None = None,
    trust: bool = False,
) -> Preprocess | None:
    """Return the preprocessing that options ask for, None where there is none: then the model has a default.

    Options that are left out keep that default, too; so without a size the model is opened here once to see it.

    Raises
    ------
    typer.BadParameter
        If a text cannot be read, or there is no model that the options are for.
    ModelError
        If a value cannot be used, or the model cannot be opened and there is no size.
    """
    import nnlens

    given = _given(
        size=size if size is None else values.image_size(size),
        fit=fit,
        resample=resample,
        scale=scale if scale is None else values.number(scale),
        mean=mean if mean is None else values.numbers(mean),
        std=std if std is None else values.numbers(std),
        order=order,
        share=share if share is None else values.number(share),
    )
    if not given:
        return None
    if model is None:
        raise typer.BadParameter(
            f"--{next(iter(given))} says how a model gets its images; give the model too: --model FILE."
        )
    if "size" in given:
        return nnlens.Preprocess(**given)
    return replace(nnlens.load_model(model, architecture=architecture, trust=trust).preprocess, **given)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def fetch_samples(samples: str, split: str, download: bool) -> None:
    """Fetch a data set that is not here, if that was asked for; say where the split is a name and picks nothing."""
    from nnlens.samples.dividing import USUAL, is_undivided

    if download:
        from nnlens.samples.downloads import ensure

        with progress() as report:
            ensure(samples, split, report)
    if split not in (*USUAL, "all") and is_undivided(samples):
        say(f"{samples} has no splits: all of it is taken, and called {split}.")


def layers_to_keep(texts: list[str] | None) -> Sequence[str] | str | None:
    """Return what to keep in full: names, ``"all"``, or nothing for ``none``."""
    found = values.names(texts)
    return {"all": "all", "none": []}.get(found[0], found) if found and len(found) == 1 else found


def register_plugins(specs: list[str] | None) -> None:
    """Make classes of single files known as if they were installed: ``file.py:Class``."""
    from nnlens import registry

    for spec in specs or ():
        registry.register_file(spec)
