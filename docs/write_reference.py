"""Write the pages of reference that follow from the code itself, so that they are never out of date.

``make reference`` runs this; a test compares the pages with what `pages` returns.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from nnlens import registry
from nnlens.cli import app
from nnlens.lens.casting import legal
from nnlens.registry.vetting import parameters_of

REFERENCE = Path(__file__).parent / "reference"
PACKAGES = ("nnlens-attribution", "nnlens-channels", "nnlens-embedding", "nnlens-evaluation")
SCOPES = {"dataset": "the data set", "sample": "one sample", "channel": "one channel"}
ANALYSES_HEAD = """# Analyses

<!-- Written by `make reference` from the packages; do not edit. -->

What the packages under `plugins/` bring; `nnlens plugins` lists what is installed. Each runs as
`nnlens run RUN NAME`, and as `lens.run("NAME", …)` with its parameters by name, with underscores."""
HEAD = """# Command line

<!-- Written by `make reference` from the application; do not edit. -->

"""


def command_line() -> str:
    """Return the page on all commands, arguments and options."""
    group: Any = typer.main.get_command(app)
    parts = [HEAD + _text(group.help), _table(group.params), _text(group.epilog)]
    for name, command in _commands(group):
        parts += [
            f"## nnlens {name}",
            f"    {_usage(name, command)}",
            _text(command.help),
            _table(command.params),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all commands with their names, those of a group under it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield before + name, command


def _usage(name: str, command: Any) -> str:
    words = [_argument(each) for each in command.params if each.param_type_name == "argument"]
    return " ".join(["nnlens", name, *words, "[OPTIONS]"])


def _argument(parameter: Any) -> str:
    return parameter.metavar if parameter.required else f"[{parameter.metavar}]"


def _text(help_text: str | None) -> str:
    return inspect.cleandoc(help_text or "").replace("\f", "")


def _table(parameters: list[Any]) -> str:
    rows = [f"| {_name(each)} | {_help(each)} |" for each in parameters if not getattr(each, "hidden", False)]
    return "\n".join(["| | |", "|---|---|", *rows]) if rows else ""


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar}`".replace("|", "\\|")
    value = "" if parameter.is_flag else f" {parameter.metavar}"
    return f"`{parameter.opts[0]}{value}`".replace("|", "\\|")


def _help(parameter: Any) -> str:
    default = parameter.default
    shown = (
        f" Default: `{default}`." if isinstance(default, str | int) and not isinstance(default, bool) else ""
    )
    return f"{parameter.help}{shown}".replace("|", "\\|")


def analyses() -> str:
    """Return the page on the analyses that nnlens' own packages bring."""
    parts = [ANALYSES_HEAD]
    for info in registry.list_plugins(load=True):
        if info.distribution in PACKAGES:
            parts += _analysis(info)
    return "\n\n".join(parts) + "\n"


def _analysis(info: registry.PluginInfo) -> list[str]:
    cls = registry.load(info.id)
    words = inspect.getdoc(cls) or ""
    text = re.split(r"\n(?:Notes|References|Attributes|Parameters|Examples)\n-+\n", words)[0].strip()
    needs = [
        _variables(info.requires),
        "a layer" if cls.needs_layer else "",
        "the model" if info.needs_model else "",
    ]
    facts = f"{info.title}, from `{info.distribution}`; works on {SCOPES[info.scope]}."
    facts += f" Needs {', and '.join(filter(None, needs))}. Gives {_variables(info.provides)}."
    rows = [
        f"| `--{name.replace('_', '-')}` | {_parameter(cls.param[name])} |" for name in parameters_of(cls)
    ]
    table = ["\n".join(["| | |", "|---|---|", *rows])] if rows else []
    return [f"## {info.name}", facts, text, *table]


def _parameter(parameter: Any) -> str:
    return " ".join(f"{parameter.doc} {legal(parameter)} Default: `{parameter.default}`.".split())


def _variables(variables: Mapping[str, tuple[str, ...]]) -> str:
    return ", ".join(
        f"`{name}`" + (f" ({', '.join(dims)})" if dims else "") for name, dims in variables.items()
    )


def pages() -> dict[Path, str]:
    """Return every page that is written from the code, with its text."""
    return {REFERENCE / "command-line.md": command_line(), REFERENCE / "analyses.md": analyses()}


def main() -> int:
    """Write the pages."""
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
