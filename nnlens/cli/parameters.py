"""The parameters of an analysis as flags of ``nnlens run`` and in its help."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

FREE_FLAGS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""How typer lets flags through that it does not know: those of the analysis."""


class RunCommand(TyperCommand):
    """A command whose help also tells the parameters of the analysis that is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the words, so that the help knows which analysis was meant."""
        ctx.meta["nnlens.words"] = list(args)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, then the parameters of the analysis if one stands among the words."""
        super().format_help(ctx, formatter)
        words = [word for word in ctx.meta.get("nnlens.words", []) if not word.startswith("-")]
        for word in words[1:]:
            typer.echo("\n".join(describe_parameters(word)))


def describe_parameters(analysis: str) -> list[str]:
    """Return lines of help on an analysis' parameters; none where there is no such analysis."""
    from nnlens import registry
    from nnlens.errors import PluginError
    from nnlens.lens.casting import legal
    from nnlens.registry.vetting import parameters_of

    try:
        cls = registry.load(analysis)
    except PluginError:
        return []
    names = parameters_of(cls)
    lines = ["", f"Parameters of {analysis}:" if names else f"{analysis} has no parameters of its own."]
    for name in names:
        parameter = cls.param[name]
        doc = " ".join((parameter.doc or "").split())
        lines += ["", f"  --{_flag(name)}  [default: {parameter.default}]", f"      {doc} {legal(parameter)}"]
    return lines


def read_parameters(analysis: str, words: list[str], pairs: list[str] | None) -> dict[str, str]:
    """Turn flags and NAME=VALUE pairs into the text of each parameter; the Lens checks names and values.

    Parameters
    ----------
    analysis : str
        Its name.
    words : list of str
        What follows it: ``--name value``, ``--name=value``, ``--name`` for true and ``--no-name`` for false.
    pairs : list of str or None
        Of the form ``name=value``.

    Raises
    ------
    typer.BadParameter
        If a word has no such form.
    PluginError
        If there is no such analysis or it is broken.
    """
    from nnlens import registry
    from nnlens.registry.vetting import parameters_of

    names = parameters_of(registry.load(analysis))
    read: dict[str, str] = {}
    for flag, text in [*_flags(words), *_pairs(pairs)]:
        name = flag.replace("-", "_")
        if text is None and name.startswith("no_") and name not in names:
            name, text = name.removeprefix("no_"), "false"
        read[name] = "true" if text is None else text
    return read


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _flags(words: list[str]) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or word == "--":
            raise typer.BadParameter(f"{word!r} was not expected here.")
        name, equals, text = word.removeprefix("--").partition("=")
        if equals:
            found.append((name, text))
        elif rest and not rest[0].startswith("--"):
            found.append((name, rest.pop(0)))
        else:
            found.append((name, None))
    return found


def _pairs(texts: list[str] | None) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"--param {text!r} is not of the form name=value.")
        found.append((name.strip(), value.strip()))
    return found


def refuse_flags_before(*words: str) -> None:
    """Refuse a flag where RUN or ANALYSIS should stand: until the analysis is known, nobody knows its flags."""
    for word in words:
        if word.startswith("--"):
            raise typer.BadParameter(f"{word} is no option of run; flags of an analysis come after its name.")
