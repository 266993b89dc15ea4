"""Embeddings made elsewhere: arrays, files and folders that hold vectors, with labels and pictures beside them."""

from nnlens.capturing.embedded.opening import open_table
from nnlens.capturing.embedded.table import Table

__all__ = ["Table", "open_table"]
