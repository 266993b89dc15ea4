"""A child process that makes a run of embeddings and stops after its first batch, there to be killed: SOURCE RUN."""

import sys
import threading

from nnlens.capturing import capture_embeddings
from nnlens.capturing.embedded.gathering import Gathered

read = Gathered.blocks


def blocks(self, start, size):
    for place, block in enumerate(read(self, start, size)):
        if place and not scanning:
            print("waiting", flush=True)
            threading.Event().wait()
        yield block


scanning = True
scan = Gathered.scan


def scanned(self):
    global scanning
    scanning = True
    found = scan(self)
    scanning = False
    return found


if __name__ == "__main__":
    Gathered.blocks, Gathered.scan = blocks, scanned
    capture_embeddings(sys.argv[1], sys.argv[2])
