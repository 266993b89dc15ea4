"""Broken packages of strangers are listed with their error, and everything else works."""

import json

import pytest

ERRORS = {
    "stranger_raises": "the stranger's import failed",
    "stranger_exits": "sys.exit",
    "stranger_other_api": "99",
}


@pytest.mark.parametrize("name", ERRORS)
def test_it_is_listed_with_its_error(stranger, name):
    plugin = stranger.plugins()[name]
    assert ERRORS[name] in plugin["error"]
    assert "\n" not in plugin["error"]
    assert (plugin["distribution"], plugin["version"]) == (name.replace("_", "-"), "1.2.3")


def test_people_see_the_errors_too(stranger):
    answer = stranger.nnlens("plugins")
    assert answer.returncode == 0
    assert all(name in answer.stdout for name in ERRORS)
    assert all(words in answer.stderr for words in ERRORS.values())
    assert "Traceback" not in answer.stderr


def test_the_others_have_none(stranger):
    assert {name for name, plugin in stranger.plugins().items() if plugin["error"]} == set(ERRORS)


def test_the_others_work(stranger, run_folder):
    answer = stranger.nnlens("run", run_folder, "loss", "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["variables"]


@pytest.mark.parametrize("name", ERRORS)
def test_using_it_is_a_named_error(stranger, run_folder, name):
    answer = stranger.nnlens("run", run_folder, name)
    assert answer.returncode == 1
    assert ERRORS[name] in answer.stderr
    assert len(answer.stderr.splitlines()) == 1 + answer.stderr.count("anybody's JSON")


def test_one_can_be_switched_off(stranger):
    plugin = stranger.plugins(NNLENS_DISABLE_PLUGINS="stranger_raises")["stranger_raises"]
    assert "switched off" in plugin["error"]
