"""Kill captures at random moments, and fill the disk under them: what is lost, and whether going on gives the same run.

    python benchmarks/kills.py [--times 200] [--cases full,pooled] [--seed 0] [--folder FOLDER]

Every capture is a process of its own that is ended by kill −9. After each the committed samples are compared with those
of a capture that nobody disturbed and the run is verified; half of the time the next process goes on with it and is
killed too, else one goes on to the end, and all of its run must be equal. The captures differ in framework, in what is
kept, in the samples that are committed together, and in where images come from. Processes of torch are forked from one
that has imported it, for a start costs seconds; TensorFlow cannot be forked.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnlens import open_store
from nnlens.store.commit import read_commit
from nnlens.store.layout import DATA
from nnlens.testing import wait_until

HERE = Path(__file__).resolve()
DATA_FOLDER = Path(os.environ.get("NNLENS_TEST_DATA", HERE.parents[2] / "shared" / "data"))
MOBILENET = DATA_FOLDER / "models" / "mobilenet_v1_025_224.keras"
PHOTOS = DATA_FOLDER / "imagenette"
PICTURES = 240
FULL = 0.4
"""Part of the files of a run after which the disk is full."""
FLIGHT = 3
"""Batches that a kill may cost: one is written, one waits for that, one is computed."""
DIGITS = {"model": "zoo:digits", "samples": "digits"}
CASES: dict[str, dict[str, Any]] = {
    "full": {**DIGITS, "keep": "all", "commit": 32, "limit": 512},
    "pooled": {**DIGITS, "keep": [], "commit": 128},
    "small": {**DIGITS, "keep": "all", "commit": 8, "limit": 200},
    "large": {**DIGITS, "keep": "all", "commit": 512, "limit": 1024},
    "pictures": {"model": "zoo:digits", "samples": "pictures", "keep": "all", "commit": 16, "limit": 160},
    "keras": {"model": "keras", "samples": "pictures", "keep": [], "commit": 8, "limit": 48},
}
"""What is captured: model, samples, what is kept in full, samples of a batch."""
SELDOM = {"keras": 6}
"""Cases that are killed so much less often than others, as each start costs seconds."""


@dataclass
class Tally:
    """What happened to the captures of a case."""

    kills: int = 0
    lost: list[int] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)
    moved: int = 0
    resumed: int = 0
    verified: int = 0
    full: str = "-"


HEAD = "case       kills  lost: median   max  batches  committed  resumed  verified  disk full at 40 %"


def main() -> int:
    options = parse()
    if options.zygote:
        return serve()
    if options.child:
        return capture(json.loads(options.child))
    names = options.cases.split(",") if options.cases else list(CASES)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(HEAD)
        tallies = measure(Path(folder), names, options.times, options.seed)
    print(together(tallies))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=200, help="kills over all cases")
    parser.add_argument("--cases", help=f"of {', '.join(CASES)}; all when left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", type=Path, help="where runs are written; what is on a disk counts, not in memory"
    )
    parser.add_argument("--zygote", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


# The processes that are killed.


def serve() -> int:
    """Fork a process for every line of stdin; tell its number, and then how it ended."""
    for name in imported_by_a_capture():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = capture(json.loads(line))
            finally:
                os._exit(status)
        print(json.dumps({"pid": pid}), flush=True)
        print(json.dumps({"status": os.waitpid(pid, 0)[1]}), flush=True)
    return 0


def imported_by_a_capture() -> list[str]:
    """Return the modules that a process has after a capture, so that those that are forked need not import them."""
    code = """
import sys, tempfile, nnlens
model, samples = nnlens.load_model("zoo:digits"), nnlens.load_samples("digits", limit=20)
nnlens.capture(model, samples, tempfile.mkdtemp() + "/run")
print(*(name for name, module in sys.modules.items() if module is not None and getattr(module, "__spec__", None)))
"""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env={**os.environ, "TMPDIR": folder},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()


def capture(request: dict[str, Any]) -> int:
    """Capture, or go on, and note the samples that were computed."""
    import nnlens
    from nnlens.capturing import loop
    from nnlens.errors import CaptureError

    warnings.simplefilter("ignore")
    loop.REPORT_SECONDS = 0
    if request["files"] is not None:
        fill_disk(request["files"])
    with Path(request["log"]).open("w") as log:

        def tell(what: object) -> None:
            print(what, file=log, flush=True)

        model, samples = open_both(request)
        tell("ready")
        try:
            nnlens.capture(
                model,
                samples,
                request["run"],
                keep=request["keep"],
                commit_size=request["commit"],
                batch_size=min(16, request["commit"]),
                resume=True,
                progress=lambda progress: tell(progress.done),
            )
        except CaptureError as error:
            tell(f"failed {error}")
            return 3
        tell("done")
    return 0


def open_both(request: dict[str, Any]) -> tuple[Any, Any]:
    import nnlens

    source = request["model"]
    model = nnlens.load_model(keras_file(Path(request["work"])) if source == "keras" else source)
    samples = request["samples"]
    place = Path(request["work"], samples)
    return model, nnlens.load_samples(place if place.is_dir() else samples, limit=request.get("limit"))


def keras_file(work: Path) -> Path:
    """Return a real network if there is one, else a small one with the same layers in little."""
    if MOBILENET.is_file():
        return MOBILENET
    path = work / "small.keras"
    if not path.is_file():
        import keras

        import nnlens.models.keras  # noqa: F401 - with it Keras comes quietly

        layers = keras.layers
        network = [layers.Conv2D(8, 3, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(10)]
        keras.Sequential([keras.Input((64, 64, 3)), *network]).save(path)
    return path


def fill_disk(files: int) -> None:
    """Let the disk be full after so many files, in the middle of one."""
    from nnlens.store import writer

    left, real = iter(range(files)), writer.write_file

    def write(path: Path, parts: Any) -> None:
        if next(left, None) is None:
            path.write_bytes(b"".join(bytes(part) for part in parts)[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        real(path, parts)

    writer.write_file = write


# The one that kills.


class Children:
    """Starts captures: forked for torch, new processes for Keras."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.log = work / "log"
        self._zygote: subprocess.Popen[str] | None = None

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        if self._zygote is not None:
            self._zygote.__exit__(None, None, None)  # closes its pipes, which ends it, and waits

    def run(
        self, case: str, run: Path, life: float | None = None, files: int | None = None
    ) -> tuple[int, float, int]:
        """Start a capture and kill it after so many seconds, if so.

        Returns
        -------
        status, seconds, computed : int, float, int
            How it ended, its seconds since it was ready, and the samples that it had computed.
        """
        self.log.unlink(missing_ok=True)
        request = {
            **CASES[case],
            "run": str(run),
            "log": str(self.log),
            "work": str(self.work),
            "files": files,
        }
        pid, wait = self._spawned(request) if CASES[case]["model"] == "keras" else self._forked(request)
        wait_until(lambda: self._began() or _ended(pid), 120, what="the capture to begin", interval=0.005)
        began = time.monotonic()
        if life is not None:
            time.sleep(life)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        status = wait()
        ended = time.monotonic()
        done = [int(line) for line in self.log.read_text().splitlines() if line.isdigit()]
        return status, ended - began, max(done, default=0)

    def _began(self) -> bool:
        return self.log.is_file() and self.log.read_text().startswith("ready")

    def _forked(self, request: dict[str, Any]) -> tuple[int, Any]:
        if self._zygote is None:
            self._zygote = subprocess.Popen(
                [sys.executable, HERE, "--zygote"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        pipe, answers = self._zygote.stdin, self._zygote.stdout
        assert pipe is not None
        assert answers is not None
        print(json.dumps(request), file=pipe, flush=True)
        pid = json.loads(answers.readline())["pid"]
        return pid, lambda: os.waitstatus_to_exitcode(json.loads(answers.readline())["status"])

    def _spawned(self, request: dict[str, Any]) -> tuple[int, Any]:
        child = subprocess.Popen(
            [sys.executable, HERE, "--child", json.dumps(request)], stderr=subprocess.DEVNULL
        )
        return child.pid, child.wait


def _ended(pid: int) -> bool:
    """Whether a process is no longer there, where that can be seen."""
    return Path("/proc").is_dir() and not Path(f"/proc/{pid}").is_dir()


def measure(work: Path, names: list[str], times: int, seed: int) -> dict[str, Tally]:
    """Kill captures of all cases in turn."""
    chance = random.Random(seed)
    make_pictures(work / "pictures")
    tallies = {name: Tally() for name in names}
    shares = {name: 1 / SELDOM.get(name, 1) for name in names}
    with Children(work) as children:
        for name in names:
            wanted = max(1, round(times * shares[name] / sum(shares.values())))
            Trial(children, name, work, chance, tallies[name]).run(wanted)
            print(line_of(name, tallies[name]), flush=True)
    return tallies


class Trial:
    """The captures of one case."""

    def __init__(
        self, children: Children, name: str, work: Path, chance: random.Random, tally: Tally
    ) -> None:
        self.children, self.name, self.work, self.chance, self.tally = children, name, work, chance, tally
        whole = work / f"{name} whole"
        status, self.seconds, _ = children.run(name, whole)
        assert status == 0, children.log.read_text()
        self.whole = contents(whole)
        self.files = sum(1 for _ in (whole / DATA).rglob("c.*"))
        self.shard = open_store(whole).commit.shard

    def run(self, times: int) -> None:
        number = 0
        while self.tally.kills < times:
            path = self.work / f"{self.name} {number}"
            self.kill(path)
            done = rows_of(path) == len(self.whole["samples/id"])
            if done or self.chance.random() < 0.5 or self.tally.kills == times:
                self.finish(path)
                number += 1
        self.fill(self.work / f"{self.name} full")

    def kill(self, path: Path) -> None:
        before = rows_of(path)
        status, seconds, computed = self.children.run(self.name, path, self.chance.random() * self.seconds)
        if status == 0 and before == 0:  # faster than the kill: before, others took more of the machine
            self.seconds = min(self.seconds, seconds)
        after = rows_of(path)
        self.check(path)
        assert after >= before, "a kill took back what was committed"
        if status == -signal.SIGKILL:
            lost = max(0, computed - after)
            assert lost <= FLIGHT * self.shard, f"{lost} samples were lost"
            self.tally.kills += 1
            self.tally.lost.append(lost)
            self.tally.batches.append(lost / self.shard)
            self.tally.moved += after - before

    def check(self, path: Path) -> None:
        """Read what is committed: it is what an undisturbed capture has, and verify finds no damage."""
        if read_commit(path) is None:
            return
        found = contents(path)
        assert set(found) == set(self.whole)
        for name, values in found.items():
            same = np.array_equal(values, self.whole[name][: len(values)], equal_nan=values.dtype.kind == "f")
            assert same, f"{name} is another"
        assert open_store(path).verify().ok
        self.tally.verified += 1

    def finish(self, path: Path) -> None:
        status, _, _ = self.children.run(self.name, path)
        assert status == 0, self.children.log.read_text()
        assert open_store(path).complete
        self.check(path)
        left = {file.name for file in path.iterdir()} - {"LOCK", "commit.json", DATA}
        assert not left, f"{left} is left over"
        assert sum(1 for _ in (path / DATA).rglob("c.*")) == self.files
        self.tally.resumed += 1

    def fill(self, path: Path) -> None:
        """Capture onto a disk that is full after a part of the files, then go on with room."""
        status, _, computed = self.children.run(self.name, path, files=int(FULL * self.files))
        assert status == 3
        assert "No space left on device" in self.children.log.read_text()
        safe = rows_of(path)
        self.check(path)
        assert computed - safe <= FLIGHT * self.shard
        self.finish(path)
        self.tally.full = f"{safe} of {len(self.whole['samples/id'])} safe"


def rows_of(path: Path) -> int:
    commit = read_commit(path) if path.is_dir() else None
    return 0 if commit is None else commit.rows


def contents(path: Path) -> dict[str, Any]:
    """Everything that a run holds, as zarr reads it."""
    store = open_store(path)
    members = store.zarr().members(max_depth=None)
    return {name: array[: store.committed] for name, array in members if hasattr(array, "shape")}


def make_pictures(folder: Path) -> None:
    """Link to real photos, or draw pictures of several sizes: both are kept as thumbnails."""
    if PHOTOS.is_dir():
        folder.mkdir()
        for photo in sorted(PHOTOS.glob("*/*"))[::2][:PICTURES]:
            (folder / photo.parent.name).mkdir(exist_ok=True)
            (folder / photo.parent.name / photo.name).symlink_to(photo.resolve())
        return
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        place = folder / f"class {number % 3}" / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        height, width = rng.integers(80, 240, 2)
        Image.fromarray(rng.integers(0, 255, (height, width, 3)).astype(np.uint8)).save(place)


def line_of(name: str, tally: Tally) -> str:
    return (
        f"{name:<10}{tally.kills:6}{statistics.median(tally.lost):9.0f}{max(tally.lost):6}{max(tally.batches):9.2f}"
        f"{tally.moved:10,}{tally.resumed:9}{tally.verified:10}  {tally.full}"
    )


def together(tallies: dict[str, Tally]) -> str:
    every = [lost for tally in tallies.values() for lost in tally.lost]
    return (
        f"{len(every)} kills: {statistics.median(every):.0f} computed samples lost in the median, {max(every)} at most,"
        f" {max(most for tally in tallies.values() for most in tally.batches):.2f} batches at most;"
        f" {sum(tally.resumed for tally in tallies.values())} runs gone on with to the end and equal,"
        f" {sum(tally.verified for tally in tallies.values())} times verified, none damaged"
    )


if __name__ == "__main__":
    sys.exit(main())
