"""The application: its commands, and how an error becomes one line and an exit status."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from nnlens.cli import (
    capturing,
    doctoring,
    embedding,
    exploring,
    exporting,
    listing,
    placing,
    reporting,
    running,
)
from nnlens.cli.console import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_USAGE, results_only, say
from nnlens.cli.parameters import FREE_FLAGS, RunCommand
from nnlens.errors import NNLensError

EPILOG = (
    "Exit status: 0 done, 1 an error that is named, 2 the command was called wrongly, 3 verify found damage, "
    "4 doctor found a better preprocessing, 130 stopped by Ctrl-C."
)

app = typer.Typer(
    name="nnlens",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"nnlens {version('nnlens')}")
        raise typer.Exit


@app.callback()
def nnlens(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")
    ] = False,
) -> None:
    """See a whole data set the way a trained image classifier sees it.

    capture fills a run from a model and its data set, capture-embeddings from vectors made elsewhere; run computes an
    analysis of it, coordinates adds a map that was made elsewhere; explore shows it in the browser; export writes it
    for other programs; doctor tells whether the preprocessing is the right one.
    """


app.command("capture")(results_only(capturing.capture))
app.command("capture-embeddings")(results_only(embedding.capture_embeddings))
app.command("coordinates")(results_only(placing.coordinates))
app.command("doctor")(results_only(doctoring.doctor))
app.command("run", cls=RunCommand, context_settings=FREE_FLAGS)(results_only(running.run))
app.command("info")(results_only(reporting.info))
app.command("verify")(results_only(reporting.verify))
app.command("plugins")(results_only(listing.plugins))
app.command("explore")(results_only(exploring.explore))

export = typer.Typer(
    no_args_is_help=True,
    help="Write a run for other programs: their table, or the Embedding Projector's folder.",
)
export.command("projector")(results_only(exporting.projector))
export.command("table")(results_only(exporting.table))
app.add_typer(export, name="export")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows ``nnlens``; ``sys.argv`` when not given.

    Returns
    -------
    int
        0 done, 1 an error that nnlens names, 2 called wrongly, 3 ``verify`` found damage, 4 ``doctor`` found
        a better preprocessing, 130 Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    with warnings.catch_warnings():
        if not debug:
            _speak_own_warnings()
        try:
            status = app(
                [each for each in given if each != "--debug"], prog_name="nnlens", standalone_mode=False
            )
        except (KeyboardInterrupt, typer.Abort):
            say("nnlens: stopped")
            return EXIT_INTERRUPTED
        except typer.TyperException as error:
            return _called_wrongly(error)
        except NNLensError as error:
            return _failed(str(error), debug)
        except Exception as error:  # a bug of ours or of a library; a person still gets a line to act on
            return _failed(
                f"unexpected {type(error).__name__}: {error}. Add --debug for the traceback.", debug
            )
    return status if isinstance(status, int) else 0


def _failed(text: str, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    say(f"nnlens: {' '.join(text.split())}")
    return EXIT_ERROR


def _called_wrongly(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    message = " ".join(
        error.format_message().replace("Value error, ", "").split()
    )  # pydantic's word for choices
    if message:  # the bare command has none: it has shown its help
        say(f"nnlens: {message} Try '{context.command_path if context else 'nnlens'} --help'.")
    return EXIT_USAGE


def _speak_own_warnings() -> None:
    """Print warnings that nnlens gives on purpose as one line; those of libraries only with ``--debug``."""

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        if category.__module__.partition(".")[0] == "nnlens":
            say(f"warning: {message}")

    warnings.simplefilter("default")
    warnings.showwarning = show
