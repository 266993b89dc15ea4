"""Every bad input, met by a program and at a terminal: what is said, and that nothing has changed."""

from __future__ import annotations

import re
import site
import subprocess
import sys
from contextlib import chdir

import pytest
from bad_rows import ROWS, meet_at_terminal, meet_in_program
from bad_rows.page import PAGE, line_of, page_of

PLACES = re.compile(r"(?<![\w:/.])/(?:[\w.-]+/)+")
"""Paths that begin at the root: whoever gave names only is told of none."""
ERRORS, WORKING = [row for row in ROWS if row.error], [row for row in ROWS if not row.error]


def named(rows):
    cases = [pytest.param(row, id=row.name, marks=pytest.mark.slow if row.slow else ()) for row in rows]
    return pytest.mark.parametrize("row", cases)


def assert_readable(said, folder):
    assert "Traceback" not in said
    assert str(folder) not in said
    assert not PLACES.search(said), said
    assert not any(place in said for place in site.getsitepackages())


def assert_on_the_page(row, met):
    line = line_of(row, met.said)
    assert line in PAGE.read_text(encoding="utf-8"), f"run docs/write_bad_inputs.py: {line} is not there"


def assert_nothing_changed(row, met):
    assert met.changed <= ({"/own"} if row.writes else set())
    assert met.new == ({"run"} if row.writes else set())


@named(ERRORS)
def test_a_program_is_told_in_one_line_and_nothing_changes(row, tmp_path):
    met = meet_in_program(row, tmp_path)
    assert type(met.error) is row.error, met.said
    assert re.search(row.says, met.said), met.said
    assert met.error.hint, "it does not say what to do"
    assert len(met.said.splitlines()) == 1
    assert_readable(met.said, tmp_path)
    assert_nothing_changed(row, met)
    assert not met.strange
    assert_on_the_page(row, met)


@named(ERRORS)
def test_a_person_is_told_in_one_line_and_nothing_changes(row, tmp_path, capsys):
    met = meet_at_terminal(row, tmp_path, lambda: "".join(capsys.readouterr()))
    if met is None:
        pytest.skip("the command line has no such case")
    assert met.status == row.expected_status, met.said
    assert re.search(row.says, met.said), met.said
    assert_readable(met.said, tmp_path)
    assert_nothing_changed(row, met)
    lines = met.said.splitlines()
    own = [
        line for line in lines if line.startswith("nnlens: ")
    ]  # what a capture would hold may come before it
    assert row.status == 3 or own == lines[-1:]


@named(WORKING)
def test_it_works_for_a_program(row, tmp_path):
    met = meet_in_program(row, tmp_path)
    assert met.error is None, met.said
    assert re.search(row.says, met.said), met.said
    assert_readable(met.said, tmp_path)
    assert not met.changed
    assert met.new <= {"run"}
    assert not met.strange
    assert_on_the_page(row, met)


@named(WORKING)
def test_it_works_at_a_terminal(row, tmp_path, capsys):
    met = meet_at_terminal(row, tmp_path, lambda: "".join(capsys.readouterr()))
    if met is None:
        pytest.skip("the command line has no such case")
    assert met.status == row.expected_status, met.said
    assert re.search(row.says, met.said), met.said
    assert_readable(met.said, tmp_path)
    assert not met.changed
    assert met.new <= {"run"}


def test_every_number_has_a_row_and_no_row_is_there_twice():
    assert {row.number for row in ROWS} == {*range(1, 57), 58, 59}
    assert [row.number for row in ROWS] == sorted(row.number for row in ROWS)
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_the_page_has_a_line_for_each_row_and_nothing_else():
    text = PAGE.read_text(encoding="utf-8")
    lines = [
        line for line in text.split("|---|---|---|")[1].split("\n\n")[0].splitlines() if line.startswith("|")
    ]
    assert text == page_of(lines), "run docs/write_bad_inputs.py"
    assert len(lines) == len(ROWS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["1 empty file", "29 no samples: an array without images", "53 a flipped bit"]
)
def test_a_process_of_its_own_says_the_same(name, tmp_path):
    row = next(row for row in ROWS if row.name == name)
    with chdir(tmp_path):
        words = row.make().words
    done = subprocess.run(
        [sys.executable, "-m", "nnlens", *words], cwd=tmp_path, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    assert done.returncode == row.expected_status
    assert re.search(row.says, said), said
    assert_readable(said, tmp_path)
    assert not (tmp_path / "run").exists() or row.number == 53
