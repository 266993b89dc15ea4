"""A result that nothing knows, shown by its dimensions: whole numbers by rank are samples, others are numbers."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from nnlens.registry import Registry
from nnlens.ui.core.session import Session
from nnlens.ui.panels.faces import Face


@pytest.fixture
def words(tiny_lens):
    """Return the markup that a variable is shown as, with the first sample in focus."""
    session = Session(tiny_lens)
    session.state.focus = int(session.data.ids[0])

    def shown(array):
        face = Face(session, Registry(), xr.Dataset({"found": array}, coords={"sample": session.data.ids}))
        return "".join(part.html for part in face.view)

    return shown


def test_ids_by_rank_are_pictures_and_numbers_are_numbers(words):
    ids = np.tile(np.arange(1, 4), (60, 1))
    assert words((("sample", "rank"), ids)).count("<img") == 3
    drawn = words((("sample", "rank"), ids + 0.25))
    assert "<img" not in drawn
    assert "1.250" in drawn


def test_counts_have_no_decimals(words):
    assert ">142<" in words((("class_",), np.array([142, 7, 0])))
    assert ">0.500<" in words((("class_",), np.array([0.5, 1.5, 0.25])))
