"""What an HDF5 file may not do: lead to other files, or claim to hold far more than it has."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import h5py

from nnlens.errors import ModelError
from nnlens.models.sniff import UNPACKING, Kind

SPARE = 2**20
WEIGHTS_MEMBER = "model.weights.h5"


def check_storage(path: Path, kind: Kind) -> None:
    """Refuse a file of Keras whose weights lie elsewhere, or are said to be far more than it holds.

    Raises
    ------
    ModelError
        If so.
    """
    if kind == "hdf5":
        with h5py.File(path) as file:
            _check(file, path.name, path.stat().st_size)
        return
    with zipfile.ZipFile(path) as archive, archive.open(WEIGHTS_MEMBER) as member, h5py.File(member) as file:
        _check(file, path.name, archive.getinfo(WEIGHTS_MEMBER).file_size)


def _check(file: h5py.File, name: str, size: int) -> None:
    datasets: list[h5py.Dataset] = []
    leads_away = False

    def visit_link(_: str, link: Any) -> None:
        nonlocal leads_away
        leads_away |= isinstance(link, h5py.ExternalLink)

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            datasets.append(item)

    file.visititems_links(visit_link)
    file.visititems(visit)
    if leads_away or any(each.external or each.is_virtual for each in datasets):
        raise ModelError(f"The weights of {name} lie in another file, which is not read.", "Do not open it.")
    claimed = sum(int(each.size or 0) * each.dtype.itemsize for each in datasets)
    if claimed > UNPACKING * size + SPARE:
        raise ModelError(
            f"{name} has {size:,} bytes and claims to hold {claimed:,}.",
            "Do not open it unless you made it.",
        )
