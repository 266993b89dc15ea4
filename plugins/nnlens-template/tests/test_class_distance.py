"""The first test is the conformance suite; the second checks the method against a slow version of itself."""

import numpy as np
import pytest
import xarray as xr
from nnlens_template.class_distance import ClassDistance

from nnlens import Context, Request
from nnlens.testing import check_analysis, check_view


def test_conforms_to_the_contract():
    check_analysis(ClassDistance)


def test_its_page_keeps_the_contract_too():
    check_view(pytest.importorskip("nnlens_template.views", reason="the explorer is an extra").FarFromClass)


def test_distance_is_that_of_the_naive_rule():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 5)).astype(np.float32)
    label = rng.integers(-1, 3, size=40)
    data = xr.Dataset(
        {"embedding": (("sample", "unit"), vectors), "label": ("sample", label)},
        coords={"sample": np.arange(40) * 7},
    )

    result = ClassDistance(normalize=False).compute(data, Context(Request("class_distance")))

    expected = {}
    for sample, vector, value in zip(data["sample"].values, vectors, label, strict=True):
        if value >= 0:
            members = [other for other, its in zip(vectors, label, strict=True) if its == value]
            expected[int(sample)] = np.sqrt(((vector - sum(members) / len(members)) ** 2).sum())
    assert list(result["sample"].values) == list(expected)
    np.testing.assert_allclose(result["class_distance"], list(expected.values()), rtol=1e-5)
