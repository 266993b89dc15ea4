"""What is imported when, each in a process of its own."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "tensorflow", "keras", "panel", "holoviews", "bokeh", "datashader", "numba", "matplotlib"}


def modules_after(code: str) -> set[str]:
    """Return the top-level modules that are loaded after running some code."""
    report = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    answer = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True, timeout=120
    )
    return set(json.loads(answer.stdout.splitlines()[-1]))


def test_importing_nnlens_brings_in_no_framework_and_no_interface():
    assert not modules_after("import nnlens") & HEAVY


def test_using_every_public_name_brings_in_none_either():
    assert not modules_after("import nnlens\nfor name in nnlens.__all__: getattr(nnlens, name)") & HEAVY


def test_what_authors_test_with_brings_in_none_either():
    assert not modules_after("import nnlens.testing, nnlens.testing.plugin") & HEAVY


@pytest.mark.parametrize("command", [["--help"], ["capture", "--help"], ["--version"], ["explore", "--help"]])
def test_help_comes_at_once_because_it_imports_nothing_large(command):
    loaded = modules_after(f"from nnlens.cli import main\nmain({command!r})")
    assert not loaded & (HEAVY | {"numpy", "pandas", "xarray", "zarr", "sklearn", "PIL", "param"})


def test_listing_the_plugins_loads_no_framework():
    assert not modules_after("from nnlens.cli import main\nmain(['plugins'])") & (HEAVY - {"numba"})
