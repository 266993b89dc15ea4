"""``nnlens info``, ``verify`` and ``plugins``."""

import math
import subprocess
import sys

import nnlens as library
from nnlens.cli.console import duration, finite, plain


def test_info_tells_what_the_run_says(nnlens, run_folder):
    store = library.open_store(run_folder)
    facts = nnlens("info", run_folder, "--json").json()
    assert facts["samples"] == store.committed
    assert [layer["name"] for layer in facts["layers"]] == [layer.name for layer in store.layers]
    assert facts["accuracy"] == store.metadata["accuracy"]
    assert facts["fingerprint"] == store.fingerprint

    words = nnlens("info", run_folder)
    assert words.status == 0
    assert "60 samples" in words.out
    assert all(layer.name in words.out for layer in store.layers)


def test_info_lists_results(nnlens, run_folder):
    nnlens("run", run_folder, "pca", "--layer", "fc1")
    result = nnlens("info", run_folder, "--json").json()["results"][0]
    assert result["analysis"].endswith("pca")
    assert result["layer"] == "fc1"
    assert result["bytes"] > 0
    assert "pca" in nnlens("info", run_folder).out


def test_no_run_is_a_named_error(nnlens, tmp_path):
    for command in ("info", "verify"):
        answer = nnlens(command, tmp_path / "nothing")
        assert answer.status == 1
        assert answer.error.startswith("nnlens: ")
        assert "nnlens capture" in answer.error


def test_verify_is_content_with_a_whole_run(nnlens, run_folder):
    answer = nnlens("verify", run_folder, "--json")
    assert answer.status == 0
    assert answer.json()["problems"] == []
    assert answer.json()["chunks"] > 0


def test_verify_names_a_flipped_bit_and_ends_with_3(nnlens, run_folder):
    files = [
        path for path in (run_folder / "data.zarr").rglob("*") if path.is_file() and path.name != "zarr.json"
    ]
    chunk = max(files, key=lambda path: path.stat().st_size)
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    answer = nnlens("verify", run_folder)
    assert answer.status == 3
    assert answer.out.strip()
    assert "problem" in answer.error
    assert nnlens("verify", run_folder, "--json").json()["problems"]


def test_plugins_for_programs_have_name_distribution_version_and_error(nnlens):
    listed = nnlens("plugins", "--json").json()
    pca = next(plugin for plugin in listed if plugin["name"] == "pca")
    assert pca["distribution"] == "nnlens-embedding"
    assert pca["version"] == "0.1.0"
    assert pca["error"] is None


def test_without_plugins_it_says_which_to_install(nnlens, isolated_registry):
    answer = nnlens("plugins")
    assert answer.status == 0
    assert "pip install nnlens-embedding" in answer.error
    assert nnlens("plugins", "--json").json() == []


def test_the_command_works_as_a_module():
    answer = subprocess.run(
        [sys.executable, "-m", "nnlens", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("nnlens ")


def test_control_characters_in_names_are_shown_and_not_obeyed():
    assert plain("a\x1b[2Jb\u202ec\nd") == "a\\x1b[2Jb\\u202ec\\nd"
    assert plain("T-shirt/Größe 衣") == "T-shirt/Größe 衣"


def test_json_has_no_word_for_nan():
    assert finite({"a": [math.nan, 1.5, (math.inf,)], 3: "x"}) == {"a": [None, 1.5, [None]], "3": "x"}


def test_durations_are_for_people():
    assert [duration(each) for each in (0.04, 59, 125, 3700)] == ["0.0 s", "59 s", "2 min 05 s", "1 h 01 min"]


def test_ctrl_c_ends_with_130(nnlens, run_folder, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("nnlens.open_store", interrupted)
    answer = nnlens("info", run_folder)
    assert answer.status == 130
    assert "Traceback" not in answer.error


def test_an_unexpected_error_is_a_line_too_and_debug_shows_where(nnlens, run_folder, monkeypatch):
    def broken(path):
        raise ZeroDivisionError("by\nnothing")

    monkeypatch.setattr("nnlens.open_store", broken)
    answer = nnlens("info", run_folder)
    assert (answer.status, len(answer.error.splitlines())) == (1, 1)
    assert "ZeroDivisionError: by nothing" in answer.error
    assert "in broken" in nnlens("info", run_folder, "--debug").error


def test_what_plugins_print_does_not_reach_the_result(nnlens, run_folder, tmp_path, isolated_registry):
    file = tmp_path / "loud.py"
    file.write_text("print('LOUD')\nimport nnlens\nclass Loud(nnlens.Analysis):\n    'Say.'\n")
    answer = nnlens("plugins", "--plugin", f"{file}:Loud", "--json")
    assert "LOUD" in answer.error
    assert answer.json()[0]["error"]
