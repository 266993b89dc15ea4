"""An environment that has what this one has, and packages of strangers installed by pip on top."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = Path(__file__).parent / "packages"


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def run(self, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, **variables},
            cwd=self.folder,  # not the checkout, which would be on the path
            check=False,
        )

    def nnlens(self, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "nnlens", *arguments, **variables)

    @functools.cache  # noqa: B019 - one environment a session
    def listed(self, **variables: str) -> list[dict[str, object]]:
        answer = self.nnlens("plugins", "--json", **variables)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def plugins(self, **variables: str) -> dict[str, dict[str, object]]:
        listed = self.listed(**variables)
        return {plugin["name"]: plugin for plugin in listed if plugin["group"] == "nnlens.analyses"}


def make_environment(folder: Path, packages: list[Path]) -> Environment:
    """Make an empty environment that sees this one's packages, and let pip install others into it, offline."""
    venv.create(folder, with_pip=False, symlinks=True)
    environment = Environment(folder)
    here = sysconfig.get_paths()["purelib"]
    inside = sysconfig.get_path("purelib", scheme="venv", vars={"base": str(folder), "platbase": str(folder)})
    # addsitedir and not just a path: it obeys the .pth files of editable installs
    Path(inside, "house.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    installed = environment.run("-m", "pip", "install", *options, *packages)
    assert installed.returncode == 0, installed.stderr
    return environment


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The environment of somebody who installed the template, three broken plugins and a backward rule."""
    packages = [ROOT / "plugins" / "nnlens-template", *sorted(PACKAGES.iterdir())]
    return make_environment(tmp_path_factory.mktemp("stranger") / "env", packages)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run."""
    from nnlens.testing import tiny_store

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    tiny_store(folder)
    return folder
