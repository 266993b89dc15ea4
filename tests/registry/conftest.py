from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package with entry points on the path, as pip would have, and return its folder."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def make(
        distribution: str,
        name: str,
        code: str,
        *,
        group: str = "nnlens.analyses",
        cls: str = "Mine",
        direct: str = "",
    ) -> Path:
        module = f"{distribution.replace('-', '_')}_code"
        package = site / module
        package.mkdir()
        (package / "__init__.py").write_text(textwrap.dedent(code))
        info = site / f"{distribution.replace('-', '_')}-1.2.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2.3\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:{cls}\n")
        if direct:
            (info / "direct_url.json").write_text(direct)
        return package

    yield make
    for module in set(sys.modules) - before:
        if module.endswith("_code"):
            del sys.modules[module]


SOUND = """
import nnlens, param

class Mine(nnlens.Analysis):
    "Do little."
    title = "Mine of {name}"
    requires = {"loss": ("sample",)}
    provides = {"worth": ("sample",)}
    priority = {priority}

    def compute(self, data, context):
        return data.rename(loss="worth")
"""


@pytest.fixture
def sound() -> Callable[..., str]:
    def code(name: str = "x", priority: int = 0) -> str:
        return SOUND.replace("{name}", name).replace("{priority}", str(priority))

    return code
