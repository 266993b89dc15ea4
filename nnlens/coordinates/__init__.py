"""Coordinates that were made elsewhere: read from files of strangers, and joined to the samples of a run."""

from nnlens.coordinates.joining import join
from nnlens.coordinates.reading import Coordinates, read_coordinates

__all__ = ["Coordinates", "join", "read_coordinates"]
