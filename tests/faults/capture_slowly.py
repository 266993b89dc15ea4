"""A child process that captures: ``python capture_slowly.py RUN COUNT [SECONDS a batch]``; it is there to be killed.

With ``--fork`` it reads such lines, RUN COUNT SECONDS OUTPUT with tabs between, and forks a child for each, whose
stdout is the file OUTPUT: importing everything costs more than a capture. It tells each child's number and its status.
"""

import os
import sys
import time
import warnings

from nnlens.capturing import capture
from nnlens.samples import Samples
from nnlens.testing import tiny_images, tiny_model


def main(path: str, count: str, seconds: str = "0") -> None:
    model = tiny_model()
    fast = model.activations

    def activations(inputs, layers, pooled=(), exact=True):
        end = time.perf_counter() + float(seconds)
        while time.perf_counter() < end:  # busy as a network is
            pass
        return fast(inputs, layers, pooled, exact)

    model.activations = activations
    print("ready", flush=True)

    def tell(progress) -> None:
        print(progress.done, flush=True)

    try:
        capture(
            model,
            Samples(*tiny_images(int(count))),
            path,
            resume=True,
            commit_size=32,
            batch_size=8,
            progress=tell,
        )
    except KeyboardInterrupt as interrupt:
        print(f"interrupted: {interrupt}", flush=True)
        raise SystemExit(130) from None
    print("done", flush=True)


def fork() -> None:
    for line in sys.stdin:
        *words, output = line.rstrip("\n").split("\t")
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
                main(*words)
                status = 0
            finally:
                os._exit(status)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("error")
    fork() if sys.argv[1:] == ["--fork"] else main(*sys.argv[1:])
