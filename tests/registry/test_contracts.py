"""What a plugin must define: the base classes say it by name where it did not."""

from __future__ import annotations

import pytest
import xarray as xr

from nnlens import Analysis
from nnlens.view import Page, View


class Bare(Analysis):
    """Define nothing."""


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: Bare().compute(xr.Dataset(), None), "Bare must define compute"),
        (lambda: View().element(xr.Dataset(), {}), "View must define element"),
        (lambda: Page(None, None).panel(), "Page must define panel"),
    ],
)
def test_what_is_missing_is_named(call, told):
    with pytest.raises(NotImplementedError, match=told):
        call()
