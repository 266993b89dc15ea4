"""What the sources of the interface must not contain: ways for a name to become markup, and names of analyses."""

from __future__ import annotations

import ast
import importlib.metadata
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "nnlens" / "ui").rglob("*.py"), *(ROOT / "apps").glob("*.py")])
SHEETS = sorted((ROOT / "nnlens" / "ui" / "look" / "static").iterdir())
# each of these runs a class name as markup in Panel 1.9.4, or in the tabs of panel-material-ui 0.16
RUN_MARKUP = {
    "HTML", "Markdown", "Str", "Alert", "StaticText", "Card", "Accordion", "MultiChoice", "DiscreteSlider",
    "Typography", "notifications", "Tabulator",
}  # fmt: skip


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", "")), node


def docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            yield node.body[0].value


def written_as_f_string(node):
    return any(isinstance(part, ast.JoinedStr) for part in ast.walk(node))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_name_becomes_markup(path):
    tree = ast.parse(path.read_text())
    for called, node in calls(tree):
        assert called not in RUN_MARKUP, f"line {node.lineno}: {called} takes names for markup"
        if called in ("fill", "Markup"):
            assert not written_as_f_string(node.args[0]), f"line {node.lineno}: an f-string as a template"
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
            assert not re.search(r"<[a-z/]", text), f"line {node.lineno}: markup in an f-string"


@pytest.mark.parametrize("path", [*FILES, *SHEETS], ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere(path):
    text = path.read_text()
    assert "{safe}" not in text
    assert not re.search(r"https?://(?!127\.0\.0\.1|\{)", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_analysis_is_named(path):
    names = {entry.name for entry in importlib.metadata.entry_points(group="nnlens.analyses")}
    # words of the page and of the schema that analyses happen to be called by
    names -= {"loss", "confusion", "neighbors", "quality", "reduce"}
    assert {"pca", "tsne", "umap", "saliency", "gradcam"} <= names
    tree = ast.parse(path.read_text())
    told = set(map(id, docstrings(tree)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            words = set(re.findall(r"[a-z][a-z0-9_]+", node.value.lower()))
            assert not words & names, f"line {node.lineno}: {words & names}"
