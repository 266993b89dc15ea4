"""What leaves nnlens for other programs: folders of the Embedding Projector, tables, pictures with their values."""

from nnlens.export.pictures import Picture, npz, zipped
from nnlens.export.projector import Exported, export_projector
from nnlens.export.table import export_table, sample_table, write_table

__all__ = [
    "Exported",
    "Picture",
    "export_projector",
    "export_table",
    "npz",
    "sample_table",
    "write_table",
    "zipped",
]
