"""Capture against a bare forward loop in the same run, and reading against its targets.

    python benchmarks/capture.py [MODEL] [SAMPLES] [--architecture FILE.PY:CALLABLE] [--limit N] [--rounds N]

Prints seconds, processor seconds and ratios; figures of one machine are worth little, ratios more. Processor seconds
count where other programs take part of the machine. Without MODEL the network that comes along and those that
train_torch_cnn.py and train_keras_cnn.py made are measured, on Fashion-MNIST.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

import nnlens
from nnlens.capturing.contents import choose_batch_size, stored_layers
from nnlens.capturing.loop import CaptureLoop
from nnlens.capturing.plan import estimate_capture
from nnlens.capturing.run import plan_layouts
from nnlens.store.commit import Commit
from nnlens.store.writer import empty_batch

Clocked = tuple[float, float]
HERE = Path(__file__).resolve().parent
NETWORKS = (
    ("zoo:fashion-mnist",),
    (str(HERE / "out" / "torch_cnn.safetensors"), "--architecture", f"{HERE / 'torch_cnn.py'}:CNN"),
    (str(HERE / "out" / "keras_cnn.keras"),),
)


def main() -> None:
    arguments = parse()
    if arguments.model is None:
        return measure_all()
    if arguments.memory:
        return measure_memory(arguments)
    model, samples = open_both(arguments)
    _ = samples.fingerprint, model.fingerprint  # read once, like the images themselves
    print(estimate_capture(model, samples, budget=arguments.budget), end="\n\n")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        store = compare(model, samples, Path(folder), arguments)
        read(store)
    print()
    subprocess.run([sys.executable, __file__, *sys.argv[1:], "--memory"], check=True)
    return None


def measure_all() -> None:
    """Measure every network that is there, each in a process of its own."""
    for arguments in NETWORKS:
        print(f"\n--- {Path(arguments[0]).name}", flush=True)
        if ":" in arguments[0] or Path(arguments[0]).exists():
            subprocess.run(
                [sys.executable, __file__, arguments[0], "fashion-mnist", *arguments[1:], *sys.argv[1:]],
                check=True,
            )
        else:
            print(f"not there: python {HERE.name}/train_{Path(arguments[0]).stem}.py makes it")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?")
    parser.add_argument("samples", nargs="?", default="fashion-mnist")
    parser.add_argument("--architecture")
    parser.add_argument("--split", default="train")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--budget", default="2GB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", help="where the runs are written, on the disk that is to be measured")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def open_both(arguments: argparse.Namespace):
    model = nnlens.load_model(arguments.model, architecture=arguments.architecture)
    if model.framework == "torch":
        import torch

        torch.set_num_threads(arguments.threads)
    return model, nnlens.load_samples(arguments.samples, split=arguments.split, limit=arguments.limit)


def forward_of(model) -> Callable[[np.ndarray], object]:
    """Return the framework's own forward pass on inputs (sample, channel, y, x), with nothing of nnlens around it."""
    if model.framework == "torch":
        import torch

        def forward(inputs: np.ndarray) -> object:
            with torch.inference_mode():
                return model.module(torch.from_numpy(inputs))

        return forward
    return lambda inputs: model.model.predict_on_batch(inputs.transpose(0, 2, 3, 1))


def bare(model, samples) -> None:
    forward, size = forward_of(model), choose_batch_size(model)
    for start in range(0, len(samples), size):
        forward(model.prepare(samples.images(slice(start, min(start + size, len(samples))))))


class Nowhere:
    """Takes batches as the writer does and drops them."""

    def __init__(self, layouts) -> None:
        self._batch = empty_batch(layouts)

    def batch(self):
        return self._batch

    def store(self, batch, facts) -> None:
        pass


def compute(model, samples, budget: str) -> None:
    """Run the loop of a capture, everything but writing."""
    estimate = estimate_capture(model, samples, budget=budget)
    stored = stored_layers(estimate)
    layouts = plan_layouts(model, samples, estimate, None)
    commit = Commit(0, len(samples), "", layouts[0].shard)
    CaptureLoop(model, samples, estimate, stored, choose_batch_size(model), None).run(
        commit, Nowhere(layouts)
    )


def clock(work: Callable[[], object]) -> Clocked:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def compare(model, samples, folder: Path, arguments: argparse.Namespace):
    bare(model, samples.take(min(len(samples), 1280)))
    compute(model, samples.take(min(len(samples), 1280)), arguments.budget)
    works: dict[str, Callable[[int], object]] = {
        "bare forward loop": lambda _: bare(model, samples),
        "capture, compute part": lambda _: compute(model, samples, arguments.budget),
        "capture, pooled and flat only": lambda turn: nnlens.capture(
            model, samples, folder / f"p{turn}", keep=[]
        ),
        "capture": lambda turn: nnlens.capture(model, samples, folder / f"f{turn}", budget=arguments.budget),
    }
    times: dict[str, list[Clocked]] = {name: [] for name in works}
    for turn in range(arguments.rounds):  # in turns, so that a busy moment hits all alike
        for name, work in works.items():
            times[name].append(clock(lambda work=work, turn=turn: work(turn)))
    medians = {
        name: [statistics.median(column) for column in zip(*each, strict=True)]
        for name, each in times.items()
    }
    base = medians["bare forward loop"]
    load = os.getloadavg()[0]
    print(
        f"{len(samples):,} samples, medians of {arguments.rounds}, {arguments.threads} threads, load {load:.1f}"
    )
    targets = {"capture, compute part": "≤ 1.12", "capture": "≤ 1.50"}
    for name, (wall, processor) in medians.items():
        ratios = f"{wall:7.2f} s {wall / base[0]:5.2f} x   processor {processor:7.2f} s {processor / base[1]:5.2f} x"
        print(f"{name:<30} {ratios}   {targets.get(name, '')}")
    return nnlens.open_store(folder / f"f{arguments.rounds - 1}")


def read(store) -> None:
    """Read as the explorer does: one sample, a pooled layer, pictures; and verify."""
    chance = np.random.default_rng(0)
    ids = chance.choice(store.ids, 200)
    kept = [store.activation(layer.name) for layer in store.layers if layer.kept]
    pooled = [layer.name for layer in store.layers if layer.pooled]
    widest = max(pooled, key=lambda name: store.pooled(name).shape[1], default=store.layers[-1].name)

    def labelled(identity: int) -> None:
        for layer in kept:
            layer.sel(sample=identity).values  # noqa: B018

    size = sum(path.stat().st_size for path in store.path.rglob("*") if path.is_file())
    print(f"\nrun of {size / 1e6:,.0f} MB, {len(kept)} layers in full")
    show("one sample, all layers", [clock(lambda i=i: store.activations([i]))[0] for i in ids], "≤ 5 ms")
    show("  the same as DataArrays", [clock(lambda i=i: labelled(int(i)))[0] for i in ids])
    width = store.pooled(widest).shape[1]
    reads = [clock(lambda: store.pooled(widest).values)[0] for _ in range(9)]
    show(f"pooled layer, {store.committed:,} × {width}", reads, "≤ 150 ms")
    shots = [chance.choice(store.ids, 50) for _ in range(50)]
    show("50 images", [clock(lambda shot=shot: store.images(shot))[0] for shot in shots], "≤ 5 ms")
    show(
        "open, with labels and losses",
        [clock(lambda: nnlens.open_store(store.path).samples)[0] for _ in range(9)],
    )
    wall, processor = clock(store.verify)
    print(f"{'verify':<30} {wall:7.2f} s   processor {processor:7.2f} s   {size / 1e6 / wall:,.0f} MB/s")


def show(name: str, seconds: list[float], target: str = "") -> None:
    worst = np.quantile(seconds, 0.95)
    print(f"{name:<30} {statistics.median(seconds) * 1000:7.2f} ms  95 % {worst * 1000:7.2f} ms   {target}")


def measure_memory(arguments: argparse.Namespace) -> None:
    """Capture in a fresh process and print what it took above model and samples."""
    model, samples = open_both(arguments)
    bare(model, samples.take(min(len(samples), 256)))
    process = psutil.Process()
    before = process.memory_info().rss
    peak = before

    def look(_) -> None:
        nonlocal peak
        peak = max(peak, process.memory_info().rss)

    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        nnlens.capture(model, samples, Path(folder) / "run", budget=arguments.budget, progress=look)
    print(f"memory over model and samples  {(peak - before) / 1e6:7.0f} MB   ≤ 1,000 MB")


if __name__ == "__main__":
    main()
