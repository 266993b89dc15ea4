"""What the packages say of themselves, and what their wheels carry."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_entry_points_lead_to_classes_and_rules(folder):
    for group, entries in project(folder)["entry-points"].items():
        assert group.startswith("nnlens.")
        for target in entries.values():
            module, _, name = target.partition(":")
            tree = ast.parse((folder / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
            assert name in {*_classes(tree), *_constants(tree)}, target


def _classes(tree: ast.Module) -> set[str]:
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def _constants(tree: ast.Module) -> set[str]:
    """What a backward rule is."""
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name) and target.id.isupper()}


def test_requirements_name_every_plugin_but_the_template():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    named = {line.removeprefix("-e plugins/") for line in lines if line.startswith("-e plugins/")}
    assert named == {folder.name for folder in PLUGINS} - {"nnlens-template"}


def test_no_extra_of_nnlens_names_a_plugin():
    names = {project(folder)["name"] for folder in PLUGINS}
    extras = project(ROOT)["optional-dependencies"]
    assert {"torch", "tensorflow", "ui", "test", "docs", "all"} <= set(extras)
    for requirement in [
        *project(ROOT)["dependencies"],
        *(each for extra in extras.values() for each in extra),
    ]:
        assert not any(requirement.startswith(name) for name in names), requirement


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """Return the names of the files in the wheel of nnlens."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def test_the_wheel_carries_all_of_nnlens_and_nothing_else(contents):
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "nnlens").rglob("*") if path.is_file()}
    assert {name for name in files if "__pycache__" not in name} <= contents
    assert {name.partition("/")[0] for name in contents if ".dist-info/" not in name} == {"nnlens"}


def test_the_wheel_carries_the_license(contents):
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in contents)
