"""Data sets that are objects of other libraries, told by their shape: no library is imported for them."""

from nnlens.samples.live.opening import OrderWarning, is_live, part_of, read_live

__all__ = ["OrderWarning", "is_live", "part_of", "read_live"]
