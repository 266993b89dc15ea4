"""A child process that captures: ``python capture_slowly.py RUN COUNT [SECONDS a batch]``; it is there to be killed."""

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


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(*sys.argv[1:])
