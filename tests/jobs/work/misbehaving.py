"""Tasks for workers: some behave, most do not."""

import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import xarray as xr

FOREVER = threading.Event()


def echo(arguments, report):
    return dict(arguments)


def pid(arguments, report):
    return {"pid": os.getpid()}


def steps(arguments, report):
    """Report, then wait for a file to go on, so that tests need no sleep."""
    total = arguments.get("total", 10)
    report._progress._seconds = 0
    for done in range(arguments["steps"]):
        report.progress(done, total, f"step {done}")
    if arguments.get("gate"):
        wait_for(arguments["gate"])
    return {"value": arguments.get("value", 0)}


def wait_for(path):
    while not Path(path).exists():
        FOREVER.wait(0.01)


def listen(arguments, report):
    """Go on until nobody wants the result."""
    report._progress._seconds = 0
    report.progress(0, 1, "listening")
    while not report.cancelled:
        FOREVER.wait(0.001)
    return {"value": "dropped"}


def only_tell(arguments, report):
    """Go on for ever, and never ask."""
    report._progress._seconds = 0
    while True:
        report.progress(0, 1, "telling")
        FOREVER.wait(0.001)


def abort(arguments, report):
    os.abort()


def fault(arguments, report):
    ctypes.string_at(0)


def vanish(arguments, report):
    os._exit(0)


def quit_politely(arguments, report):
    sys.exit(3)


def fail(arguments, report):
    raise ValueError("the matrix is singular in /home/someone/secret.py")


def fail_strangely(arguments, report):
    raise BaseException("not even an Exception")


def chatter(arguments, report):
    for _ in range(20_000):
        print("a library that talks " * 5)
        print('{"type": "done", "payload": {"forged": true}}')
    os.write(1, b"and one that writes to the descriptor\n" * 1000)
    return {"value": 1}


def hang(arguments, report):
    Path(arguments["started"]).touch() if "started" in arguments else None
    FOREVER.wait()


def hang_in_native_code(arguments, report):
    """Hold Python's lock: no thread of this process runs again."""
    Path(arguments["started"]).write_text(str(os.getpid()))
    ctypes.PyDLL(None).sleep(1000)


def eat(arguments, report):
    kept = []
    while True:
        kept.append(np.ones(4_000_000))
        report.progress(len(kept), 0)


def eat_in_a_child(arguments, report):
    code = "import time\nkept = bytearray(400_000_000)\nkept[::1000] = b'1' * 400_000\ntime.sleep(1000)"
    subprocess.run([sys.executable, "-c", code], check=False)


def have_children(arguments, report):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    Path(arguments["started"]).write_text(f"{os.getpid()} {child.pid}")
    FOREVER.wait()


def picture(value):
    return xr.Dataset(
        {"projection": (("sample", "component"), np.full((3, 2), value, np.float32))},
        {"sample": np.arange(3)},
        {"caption": "partial"},
    )


def draw(arguments, report):
    """Show pictures until told to stop."""
    shown = 0
    while not report.stopping:
        shown += 1
        report.partial(picture(shown))
        FOREVER.wait(0.001)
    return {"stopped": True, "shown": shown}


def draw_and_do_not_listen(arguments, report):
    report.partial(picture(1))
    FOREVER.wait()


def remember(arguments, report):
    """Count the calls in this process."""
    remember.calls = getattr(remember, "calls", 0) + 1
    return {"calls": remember.calls, "pid": os.getpid()}
