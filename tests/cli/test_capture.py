"""``nnlens capture`` with real networks, also when Ctrl-C ends it."""

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnlens as library
from nnlens.cli import console
from nnlens.testing import wait_until

DIGITS = ("zoo:digits", "digits")
HANGING = """
import os, threading
import torch

class Slow(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = torch.nn.Flatten()
        self.fc = torch.nn.Linear(64 * 64, 10)
        self.seen = 0

    def forward(self, x):
        self.seen += len(x)
        if self.seen > int(os.environ.get("HANG_AFTER", 10**9)):
            threading.Event().wait()
        return self.fc(self.flatten(x))
"""


def test_a_run_holds_what_the_library_would_capture(nnlens, tmp_path):
    answer = nnlens(
        "capture", *DIGITS, tmp_path / "run", "--split", "test", "--layers", "fc1,conv2", "--keep", "none"
    )
    assert answer.status == 0, answer.error
    assert answer.out == ""
    store = library.open_store(tmp_path / "run")
    assert (store.committed, [(layer.name, layer.kept) for layer in store.layers]) == (
        359,
        [("conv2", False), ("fc1", True)],
    )
    assert store.metadata["accuracy"] > 0.98
    assert f"accuracy {store.metadata['accuracy']:.4f}" in answer.error
    assert "together" in answer.error  # the estimate, before the work


def test_preprocessing_is_read_and_what_is_left_out_stays_the_models_own(nnlens, tmp_path):
    words = ["--split", "test", "--limit", "30", "--scale", "1/510", "--mean", ".1", "--keep", "all"]
    answer = nnlens("capture", *DIGITS, tmp_path / "run", *words)
    assert answer.status == 0, answer.error
    used = library.open_store(tmp_path / "run").metadata["preprocess"]
    own = library.load_model("zoo:digits").preprocess.to_dict()
    assert used == {**own, "scale": 1 / 510, "mean": 0.1}


def test_a_wrong_preprocessing_is_warned_of(nnlens, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "nnlens.capturing.alarm.SECONDS", 300
    )  # on a busy machine there would be too little time
    answer = nnlens("capture", *DIGITS, tmp_path / "run", "--split", "test", "--scale", "1e-6")
    assert answer.status == 0
    assert "warning: Another preprocessing does much better" in answer.error
    assert "--scale 1/255 --mean 0 --std 1 --order grey" in answer.error


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["zoo:digits", "no-such-data"], 1, "no data set"),
        (["no-such-model.pth", "digits"], 1, "no file"),
        ([*DIGITS, "--layers", "fc9"], 1, "fc9"),
        ([*DIGITS, "--budget", "much"], 1, "much"),
        ([*DIGITS, "--scale", "1/0"], 2, "zero"),
        ([*DIGITS, "--size", "0"], 2, "size"),
        ([*DIGITS, "--fit", "squeeze"], 2, "stretch"),
        ([*DIGITS, "--limit", "0"], 2, "limit"),
        ([*DIGITS, "--limit", "5", "--seed", "-1"], 2, "seed"),
        ([*DIGITS, "--seed", "1"], 1, "needs a limit"),
        (["zoo:digits"], 2, "SAMPLES"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_run(nnlens, tmp_path, words, status, said):
    words = [*words[:2], tmp_path / "run", *words[2:]] if len(words) > 1 else words
    answer = nnlens("capture", *words)
    assert answer.status == status
    assert said in answer.error
    assert len(answer.error.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_debug_shows_the_traceback_wherever_it_stands(nnlens, tmp_path):
    for words in (["--debug", "info", tmp_path], ["info", tmp_path, "--debug"]):
        answer = nnlens(*words)
        assert answer.status == 1
        assert "Traceback" in answer.error
        assert answer.error.splitlines()[-1].startswith("nnlens: ")


def test_an_existing_run_is_never_overwritten(nnlens, tmp_path):
    assert nnlens("capture", *DIGITS, tmp_path / "run", "--split", "test").status == 0
    again = nnlens("capture", *DIGITS, tmp_path / "run", "--split", "test")
    assert again.status == 1
    assert "--resume" in again.error
    assert nnlens("capture", *DIGITS, tmp_path / "run", "--split", "test", "--resume").status == 0


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_committed_and_prints_the_command_that_goes_on(nnlens, tmp_path):
    (tmp_path / "slow.py").write_text(HANGING)
    weights = tmp_path / "slow.pth"
    make = f"import torch, slow; torch.manual_seed(0); torch.save(slow.Slow().state_dict(), {str(weights)!r})"
    subprocess.run([sys.executable, "-c", make], cwd=tmp_path, check=True)
    words = ["capture", "slow.pth", "digits", "a run", "--architecture", "slow.py:Slow", "--split", "all"]
    words += ["--size", "64", "--order", "grey"]  # so large that a commit holds 512 samples

    started = subprocess.Popen(
        [sys.executable, "-m", "nnlens", *words],
        cwd=tmp_path,
        env={**os.environ, "HANG_AFTER": "1200"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until(lambda: committed(tmp_path / "a run") == 1024, timeout=60)
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=60)
    finally:
        started.kill()

    assert started.returncode == 130
    assert "1,024 of 1,797" in said
    assert "Traceback" not in said
    command = shlex.split(re.search(r"Go on with: nnlens (.*)", said)[1])
    assert command == [*words, "--resume"]
    subprocess.run([sys.executable, "-m", "nnlens", *command], cwd=tmp_path, check=True, capture_output=True)
    assert committed(tmp_path / "a run") == 1797
    assert nnlens("verify", tmp_path / "a run").status == 0


def committed(folder: Path) -> int:
    try:
        return library.open_store(folder).committed
    except library.errors.StoreError:
        return 0


def test_a_person_at_a_terminal_sees_a_bar_and_a_file_gets_lines(tmp_path):
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "nnlens", "capture", *DIGITS, tmp_path / "run", "--split", "test"]
    subprocess.run(command, stderr=slave, check=True, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"})
    os.close(slave)
    shown = b""
    while True:
        try:
            shown += os.read(master, 65536)
        except OSError:  # all is read, and nobody writes any more
            break
    os.close(master)
    assert b"\x1b[" in shown
    assert b"/359 samples" in shown


def test_lines_come_only_now_and_then(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    lines = console.Lines("samples")
    for second in range(30):
        now[0] = float(second)
        lines(second * 100, 3000, "capturing")
    assert capsys.readouterr().err.splitlines() == [
        "capturing · 1,000 of 3,000 samples · about 20 s left",
        "capturing · 2,000 of 3,000 samples · about 10 s left",
    ]


def test_a_split_of_what_is_not_divided_is_said_to_be_a_name(nnlens, tmp_path):
    images = np.zeros((20, 8, 8), np.uint8)
    np.savez(tmp_path / "all.npz", images=images, labels=np.arange(20) % 10)
    answer = nnlens("capture", "zoo:digits", tmp_path / "all.npz", tmp_path / "run", "--split", "bogus")
    assert "all.npz has no splits: all of it is taken, and called bogus." in answer.error
    usual = nnlens("capture", "zoo:digits", tmp_path / "all.npz", tmp_path / "two", "--split", "test")
    assert "no splits" not in usual.error


def test_a_wrong_choice_is_told_without_words_of_the_parser(nnlens, tmp_path):
    answer = nnlens("capture", *DIGITS, tmp_path / "run", "--order", "purple")
    assert answer.status == 2
    assert answer.error.startswith("nnlens: Invalid value for '--order': 'purple' is not one of 'RGB'")
