"""Columns that results bring: seen by the session that has them, and by the maps they color, always as they are."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from nnlens.registry import Registry
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.extras import restore_columns, take_columns
from nnlens.ui.core.session import Session


@pytest.fixture
def run_data(synthetic):
    return synthetic.run_data(500)


def result(session, values):
    return xr.Dataset(
        {"score": ("sample", np.asarray(values, "f4")), "loss": ("sample", np.asarray(values, "f4"))},
        coords={"sample": session.data.ids},
    )


@pytest.fixture
def catalog():
    return Catalog(Registry())


@pytest.fixture
def tool(catalog):
    return catalog.scorers[0]


def test_a_session_keeps_its_columns_to_itself(run_data, tool):
    first, second = Session(None, data=run_data), Session(None, data=run_data)
    take_columns(first, tool, result(first, np.arange(500)))
    assert "score" in first.data.extras and "score" not in {*second.data.extras, *run_data.extras}
    take_columns(second, tool, result(second, -np.arange(500)))
    assert first.data.column("score")[7] == 7 and second.data.column("score")[7] == -7
    assert first.data.steps("score").tolist() != second.data.steps("score").tolist()
    # what does not depend on a session is made once for all
    assert first.data.steps("loss") is second.data.steps("loss")
    assert first.data.label is second.data.label and first.data.column("loss") is run_data.loss


def test_a_column_that_comes_again_colors_anew(run_data, tool):
    session = Session(None, data=run_data)
    take_columns(session, tool, result(session, np.arange(500)))
    session.state.color_by = "score"
    before, painted = session.data.steps("score").copy(), []
    session.state.param.watch(
        lambda _: painted.append(session.data.steps("score")), "color_by", onlychanged=False
    )
    take_columns(session, tool, result(session, -np.arange(500)))
    assert len(painted) == 1 and np.array_equal(painted[0], before[::-1])


def test_columns_of_results_come_back_with_the_run(tiny_lens, catalog):
    first = Session(tiny_lens)
    restore_columns(first, catalog)
    assert not first.data.extras
    made = {tool.id: tiny_lens.run(tool.id) for tool in catalog.scorers}
    restore_columns(later := Session(tiny_lens), catalog)
    for result in made.values():
        for name, values in result.data_vars.items():
            if values.dims == ("sample",) and name not in ("loss", "correct"):
                np.testing.assert_array_equal(later.data.extras[name], values.values.astype("f4"))
    assert later.data.extras and not first.data.extras
