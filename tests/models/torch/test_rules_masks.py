"""Comparisons in a rule are what torch makes of them, whatever is done with them."""

import numpy as np
import pytest
import torch

from nnlens.models.torch.masks import Lazily

USES = {
    "product": lambda x, y: x * (y > 0),
    "product, turned": lambda x, y: (y > 0) * x,
    "guided": lambda x, y: x * (x > 0) * (y > 0),
    "spread": lambda x, y: x * (y[:, :1] > 0),
    "of integers": lambda x, y: 3 * (y > 1) * x,
    "and": lambda x, y: x * ((x > 0) & (y > 0)),
    "or, from a tensor": lambda x, y: x * ((y < 0.5) | (x > 0.5)),
    "not": lambda x, y: x * ~(y > 0),
    "difference": lambda x, y: 1.0 * (x >= 0) - (x > 0) * 1.0,
    "one less": lambda x, y: 1 - (x > 0).float(),
    "sum": lambda x, y: (x > 0).sum() + x,
    "two masks": lambda x, y: (x > 0) * (y > 0) * x,
    "torch.where": lambda x, y: torch.where(x > 0, x, y),
    "where": lambda x, y: x.where(y > 0.25, y),
    "indexed": lambda x, y: (x > 0)[0] * x[0],
    "quotient": lambda x, y: (x > 0) / (2 + y * y),
    "reversed": lambda x, y: x * (y > 0),
    "of tensors": lambda x, y: x * (x > y),
    "sign": lambda x, y: x + 0.1 * (x >= 0) - 0.1 * (x < 0) + 0.5 * (y > 0),
    "numbers": lambda x, y: torch.from_numpy(np.asarray(x > 0) * 1.0),
}


@pytest.mark.parametrize("use", USES)
def test_a_mask_that_is_never_made_is_one_all_the_same(use):
    x, y = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    with Lazily():
        found = USES[use](x, y)
    torch.testing.assert_close(found, USES[use](x, y))
