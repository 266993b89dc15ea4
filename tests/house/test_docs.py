"""What the documents say is true."""

import importlib.util
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer

import nnlens
from nnlens.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts),
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(ROOT.glob("changes/*.md")),
]
GROUP = typer.main.get_command(app)
EXPORT = GROUP.commands["export"]
COMMANDS = {"": GROUP, **GROUP.commands, **{f"export {name}": each for name, each in EXPORT.commands.items()}}
INLINE = re.compile(r"`(nnlens [a-z][^`]*)`")
BLOCK = re.compile(r"^    +(?:\.venv/bin/)?(nnlens [a-z](?:.*\\\n)*.*)$", re.MULTILINE)
MAKE = re.compile(r"(?:`|^    +)make ([a-z]+)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_every_parameter_is_explained(name):
    command = COMMANDS[name]
    assert command.help
    for parameter in command.params:
        assert parameter.help, f"{name} {parameter.name} has no help"
        assert parameter.help.endswith("."), f"the help of {name} {parameter.name} is not a sentence"
        if not getattr(parameter, "is_flag", False):
            assert parameter.metavar, f"{name} {parameter.name} does not say what it takes"


def test_the_reference_is_what_the_code_says():
    spec = importlib.util.spec_from_file_location("write_reference", ROOT / "docs" / "write_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for page, text in module.pages().items():
        assert page.read_text(encoding="utf-8") == text, f"run make reference: {name_of(page)} is old"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_documents_exist_with_their_options(page):
    text = page.read_text(encoding="utf-8")
    for line in [*INLINE.findall(text), *BLOCK.findall(text)]:
        words = shlex.split(line.replace("\\\n", " "), comments=True)[1:]
        if words[0].startswith("-"):
            continue
        assert words[0] in GROUP.commands, line
        name = " ".join(words[:2]) if words[0] == "export" else words[0]
        assert name in COMMANDS, line
        known = {option for each in COMMANDS[name].params for option in each.opts} | {
            "--help",
            "--debug",
        }
        unknown = {word.partition("=")[0] for word in words if word.startswith("--")} - known
        # run takes the parameters of the analysis as flags
        assert not unknown or words[0] == "run", f"{line}: {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_in_documents_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(MAKE.findall(page.read_text(encoding="utf-8"))) <= targets


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page):
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_names_of_the_library_in_documents_exist(page):
    for name in re.findall(r"\bnnlens\.([A-Za-z_]+)\b", page.read_text(encoding="utf-8")):
        exists = name in nnlens.__all__ or importlib.util.find_spec(f"nnlens.{name}")
        assert exists or name in {"analyses", "views", "models", "samples", "rules"}, f"nnlens.{name}"


def test_the_map_names_folders_and_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:nnlens|plugins|apps|tests|benchmarks|docs|changes)/[a-z_/.]*)`", text):
        assert (ROOT / path).exists(), path


def test_changes_say_what_kind_they_are():
    for page in (ROOT / "changes").glob("*.md"):
        if page.name != "README.md":
            assert page.suffixes[0] in {".added", ".changed", ".fixed", ".removed"}, page.name
            assert page.read_text(encoding="utf-8").strip().endswith(".")


@pytest.mark.slow
def test_the_five_lines_of_the_readme_work(tmp_path, monkeypatch):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"## Five lines\n\n((?:    .*\n|\n)+)", text)[1]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile("\n".join(line[4:] for line in block.splitlines()), "README.md", "exec"), names)
    assert names["projection"].dims == ("sample", "component")
    assert len(names["projection"]) == len(names["store"].samples["label"])


def test_the_worked_example_of_a_backward_rule_works(monkeypatch):
    """Its last lines hold the rule against autograd."""
    from nnlens import rules

    monkeypatch.setattr(rules, "_rules", dict(rules._rules))
    page = ROOT / "docs" / "how-to" / "backward-rules.md"
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {"__name__": "example"}
    for block in blocks:
        exec(compile(block, page.name, "exec"), names)
    np.testing.assert_array_equal(names["by_name"], names["by_rule"])
    plain = names["model"].vjp(names["inputs"], names["explained"]).gradients["@input"]
    assert not np.allclose(names["by_name"], plain)


def test_the_tests_that_the_list_of_interactions_names_exist():
    text = (ROOT / "docs" / "reference" / "interactive.md").read_text(encoding="utf-8")
    named = re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", text)
    assert len(named) > 40
    for file, test in named:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in source, f"{file} has no {test}"
