"""``nnlens explore``: the page in the browser."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnlens.cli import options, values
from nnlens.cli.console import say, show
from nnlens.errors import ModelError, NNLensError

if TYPE_CHECKING:
    from nnlens.ui.serving.server import Show


NOT_INSTALLED = "The explorer is not installed.", "Run: pip install 'nnlens[ui]'."


def explore(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN|MODEL SAMPLES",
            help="A run or a folder of runs; or a model and its data set, which are captured while the page is open;"
            " or nothing for the digits demo.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER", min=1, max=65535, help="Port of the page; 5006 or a free one if not given."
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="The trained network of RUN, for attributions and layers it does not hold."
        ),
    ] = None,
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
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder of the run that is made; in the user's cache if not given."
        ),
    ] = None,
    layers: options.Layers = None,
    keep: options.Keep = None,
    budget: options.Budget = "2GB",
    split: options.Split = "train",
    download: options.Download = False,
    limit: options.Limit = None,
    seed: options.Seed = None,
    plugin: options.Plugin = None,
) -> None:
    """Explore in the browser: the digits demo, a run, or a model with its data set.

    Prints the address of the page; Ctrl-C ends the server.
    """
    words = what or []
    if len(words) > 2:
        raise typer.BadParameter("give a run, or a model and its data set, or nothing.")
    options.register_plugins(plugin)
    _refuse_bare()
    # of the interface these two need no more than the library: the capture starts while the rest is imported
    from nnlens.ui.serving import beginning, ports

    place = ports.free_port(port)
    network = words[0] if len(words) == 2 else model
    preprocess = options.read_preprocess(
        network, architecture, size, fit, resample, scale, mean, std, order, share, trust
    )
    if len(words) == 2:
        _refuse_missing(*words)
        options.fetch_samples(words[1], split, download)
        kept = {"layers": values.names(layers), "keep": options.layers_to_keep(keep), "budget": budget}
        begun = beginning.begin(
            words[0],
            words[1],
            run,
            architecture=architecture,
            preprocess=preprocess,
            trust=trust,
            split=split,
            limit=limit,
            seed=seed,
            options=kept,
        )
    elif not words:
        begun = beginning.begin_demo()
    else:
        begun = None
    launch, server = _interface()
    if begun is not None:
        page = launch.show_capture(begun)
    else:
        page = launch.show_runs(words[0], model, architecture, preprocess, trust)
    _serve(server, page, place, browser=not no_browser and _has_screen())


def _refuse_missing(model: str, samples: str) -> None:
    """Say at once what the capture in the background would say on the page."""
    if not model.startswith("zoo:") and not Path(model).expanduser().is_file():
        raise ModelError(f"There is no file {model!r}.", "Give the file of a trained network, or zoo:digits.")
    from nnlens.samples.loading import check_source

    check_source(samples)


def _refuse_bare() -> None:
    """Say how to get the explorer where it is not installed, before anything is begun."""
    try:
        found = importlib.util.find_spec("panel")
    except ValueError:  # taken away on purpose
        found = None
    if found is None:
        raise NNLensError(*NOT_INSTALLED)


def _interface() -> tuple[Any, Any]:
    """Import the explorer, or say how to get it."""
    try:
        from nnlens.ui.serving import launch, server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "nnlens":
            raise
        raise NNLensError(*NOT_INSTALLED) from error
    return launch, server


def _serve(server: Any, page: Show, port: int | None, *, browser: bool) -> None:
    say("Opening the explorer; Ctrl-C ends it.")
    if hasattr(page, "wait"):  # a capture goes on behind the page
        threading.Thread(target=_say_failure, args=(page,), daemon=True).start()
    with suppress(KeyboardInterrupt):  # how a server ends, whoever catches it first
        server.serve(page, port=port, browser=browser, ready=show)
    say("The explorer has ended.")


def _say_failure(page: Any) -> None:
    """Say here, too, why a capture failed; its page shows it."""
    page.wait()
    if page.error is not None:
        say(f"nnlens: {page.error}")


def _has_screen() -> bool:
    """Whether a browser would open in a window: one in the terminal would take the terminal."""
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
