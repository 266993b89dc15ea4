"""Data sets: one file a reader, one door.

A sample's id is its position in the data set before any limit, so it means the same in every run.
"""

from nnlens.samples.base import Samples
from nnlens.samples.loading import READERS, load_samples

__all__ = ["READERS", "Samples", "load_samples"]
