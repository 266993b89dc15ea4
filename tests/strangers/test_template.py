"""The package to copy, installed by pip like anybody's, works without nnlens knowing of it."""

import json
import subprocess
import sys
from pathlib import Path

TEMPLATE = Path(__file__).parents[2] / "plugins" / "nnlens-template"


def test_it_is_not_installed_where_these_tests_run():
    answer = subprocess.run(
        [sys.executable, "-m", "nnlens", "plugins", "--json"], capture_output=True, check=True
    )
    assert "class_distance" not in {plugin["name"] for plugin in json.loads(answer.stdout)}


def test_its_own_tests_pass(stranger):
    answer = stranger.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", TEMPLATE / "tests"
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "3 passed" in answer.stdout


def test_it_is_listed_without_an_error(stranger):
    plugin = stranger.plugins()["class_distance"]
    assert plugin["error"] is None
    assert plugin["distribution"] == "nnlens-template"
    assert plugin["version"] == "0.1.0"


def test_its_view_and_its_page_are_listed(stranger):
    listed = json.loads(stranger.nnlens("plugins", "--json").stdout)
    views = {each["name"]: each["error"] for each in listed if each["group"] == "nnlens.views"}
    assert views == {"class_distance": None, "far_from_class": None}


def test_its_parameters_are_flags(stranger, run_folder):
    layer = json.loads(stranger.nnlens("info", run_folder, "--json").stdout)["layers"][-1]["name"]
    command = ("run", run_folder, "class_distance", "--layer", layer)
    answer = stranger.nnlens(*command, "--center", "median", "--no-normalize", "--json")
    assert answer.returncode == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert result["attributes"]["parameters"] == {"center": "median", "normalize": False}
    assert result["variables"]["class_distance"]["dims"] == ["sample"]

    refused = stranger.nnlens(*command, "--center", "mode")
    assert refused.returncode == 1
    assert "mean, median" in refused.stderr


def test_its_parameters_are_in_the_help(stranger, run_folder):
    answer = stranger.nnlens("run", run_folder, "class_distance", "--help")
    assert answer.returncode == 0
    assert "--center" in answer.stdout
    assert "mean or median of its vectors" in answer.stdout
