"""TensorFlow's own log stays out of what nnlens says; what Python says does not."""

import subprocess
import sys

IMPORT = "import nnlens.models.keras"
BLOCK = """
import os, sys, warnings
from contextlib import suppress
from nnlens.models.keras.quiet import quiet
with suppress(KeyError), quiet():
    os.write(2, b"from C\\n")
    warnings.warn("from Python")
    kept = sys.stderr
    {then}
print("kept", file=kept)
print("after", file=sys.stderr)
"""


def error_of(code: str) -> str:
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return answer.stderr


def test_importing_the_adapter_says_nothing():
    assert error_of(IMPORT) == ""


def test_python_is_heard_and_a_stream_that_was_kept_goes_on():
    said = error_of(IMPORT + BLOCK.format(then="pass"))
    assert "from C\n" not in said
    assert "UserWarning: from Python" in said
    assert said.endswith("kept\nafter\n")


def test_where_it_fails_all_is_shown():
    assert "from C\n" in error_of(IMPORT + BLOCK.format(then="raise KeyError"))
