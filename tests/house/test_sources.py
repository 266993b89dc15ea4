"""Habits that a machine can check, on every file that belongs to the project."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_MODULE, LONGEST_FUNCTION = 300, 60
# written in parts, so that this file does not find itself
MACHINE_PATH = re.compile(r"/(?:wo" + r"rk|ro" + r"ot|fa" + r"rm|tm" + r"p)/[a-z.]")
REGISTRY = re.compile(r"https?://[^ )\"]*(?:simple/|pythonhosted|npmjs|deb\.debian)")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")


def tracked(*patterns: str) -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, so nobody knows which files belong to it")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def texts(*patterns: str) -> dict[str, str]:
    found = {}
    for path in tracked(*patterns):
        try:
            found[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # weights and pictures
            continue
    return found


def found_in(pattern: re.Pattern[str], files: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_path_of_a_machine_stands_anywhere():
    assert not found_in(MACHINE_PATH, texts())


def test_no_address_of_a_registry_stands_anywhere():
    assert not found_in(REGISTRY, texts())


def test_nothing_is_left_for_later():
    assert not found_in(UNFINISHED, texts("*.py", "*.md", "*.js", "*.css", "Makefile"))


def test_modules_stay_short():
    lines = {
        name: text.count("\n") for name, text in texts("nnlens/*.py", "plugins/*.py", "apps/*.py").items()
    }
    assert not {name: count for name, count in lines.items() if count > LONGEST_MODULE}


def test_functions_stay_short():
    long = []
    for name, text in texts("nnlens/*.py", "plugins/*.py", "apps/*.py").items():
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and code_lines(node) > LONGEST_FUNCTION
            ):
                long.append(f"{name}: {node.name} has {code_lines(node)} lines")
    assert not long


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function from its first statement on: neither signature nor docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_test_waits_for_a_time():
    found = []
    for name, text in texts("tests/*.py", "plugins/*/tests/*.py").items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "time.sl" + "eep",
                "asyncio.sl" + "eep",
            }:
                found.append(f"{name}:{node.lineno}")
    assert not found


def test_no_exception_is_swallowed():
    for name, text in texts("nnlens/*.py", "plugins/*.py", "apps/*.py").items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ExceptHandler) and is_broad(node):
                assert not all(isinstance(each, ast.Pass) for each in node.body), f"{name}:{node.lineno}"


def is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or getattr(handler.type, "id", "") in {"Exception", "BaseException"}
