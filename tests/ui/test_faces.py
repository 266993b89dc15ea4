"""A result that nothing knows, shown by its dimensions: whole numbers by rank are samples, others are numbers."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from nnlens.registry import Registry
from nnlens.ui.core.session import Session
from nnlens.ui.panels.faces import Face, first_rows


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


def test_what_has_other_dims_stands_in_tables_of_its_own(tiny_lens, monkeypatch):
    session, made = Session(tiny_lens), []
    ids = session.data.ids
    score = np.arange(180.0).reshape(60, 3)
    result = xr.Dataset(
        {
            "score": (("sample", "channel"), score),
            "mean": (("channel",), score.mean(0)),
            "deviation": (("channel",), score.std(0)),
            "field": (("row", "column", "edge"), np.zeros((300, 300, 4))),
        },
        coords={"sample": ids},
    )
    monkeypatch.setattr("nnlens.ui.panels.faces.table", made.append)  # its widget has pandas warn
    face = Face(session, Registry(), result[["score"]])
    assert made.pop().sizes["sample"] == 0
    session.state.focus = int(ids[7])
    face.result = result
    face._paint()
    one, two, three = (first_rows(part).to_dataframe().reset_index() for part in made[-3:])
    assert one["score"].tolist() == [21, 22, 23]
    assert list(two.columns) == ["channel", "mean", "deviation"]
    assert len(two) == 3
    assert 90_000 < len(three) <= 100_000
