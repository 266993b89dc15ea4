"""How much memory a job may take."""

from __future__ import annotations

import os
import re
from pathlib import Path

import psutil

from nnlens.errors import JobError

MEMORY = "NNLENS_JOB_MEMORY"
"""Environment variable: memory of one job, such as ``8GB``; half of the machine's by default."""


def default_memory() -> int:
    """Return the bytes that a job may take: what the environment says, else half of the machine's memory.

    Raises
    ------
    JobError
        If the environment says something that is no size.
    """
    text = os.environ.get(MEMORY, "")
    if not text:
        return machine_memory() // 2
    found = re.fullmatch(r"\s*([\d.]+)\s*([kMGT]?)B?\s*", text)
    if found is None:
        raise JobError(f"{MEMORY} is {text!r}, which is no size.", "Write it like 8GB.")
    return int(float(found[1]) * 1000 ** " kMGT".index(found[2] or " "))


def machine_memory() -> int:
    """Return the bytes of this machine, or of the container that this process lives in."""
    total = int(psutil.virtual_memory().total)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total
