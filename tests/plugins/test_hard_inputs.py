"""Every data-set analysis on every bad input: a clear result or an AnalysisError of one line, never anything else."""

import numpy as np
import pytest
import xarray as xr
from nnlens_embedding.neighbors import Neighbors
from nnlens_embedding.pca import PCA
from nnlens_embedding.quality import Quality
from nnlens_embedding.reduce import Reduce
from nnlens_embedding.tsne import TSNE
from nnlens_embedding.umap import UMAP

from nnlens.errors import AnalysisError
from nnlens.schema import check_provides


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def spoiled(value, *rows):
    values = noise(40, 6)
    values[list(rows), 2] = value
    return values


HARD = {
    "none": noise(0, 6),
    "one": noise(1, 6),
    "two": noise(2, 6),
    "five": noise(5, 6),
    "fewer than perplexity": noise(20, 6),
    "constant": np.full((40, 6), 2.5, np.float32),
    "all zero": np.zeros((40, 6), np.float32),
    "NaN rows": spoiled(np.nan, 0, 7),
    "infinite rows": spoiled(-np.inf, 39),
    "all NaN": np.full((40, 6), np.nan, np.float32),
    "float16 overflow": np.where(noise(40, 6) > 1, np.float16(np.inf), noise(40, 6).astype(np.float16)),
    "1e30": noise(40, 6) * 1e30,
    "largest float32": np.where(noise(40, 6) > 0, np.float32(3.4e38), np.float32(-3.4e38)),
    "one of 1e30": spoiled(1e30, 3),
    "1e-30": noise(40, 6) * 1e-30,
    "all duplicates of three": np.repeat(noise(3, 6), 14, axis=0),
    "one feature": noise(40, 1),
    "two features": noise(40, 2),
    "one differs": np.eye(40, dtype=np.float32)[:, :1] * np.ones((1, 6), np.float32),
    "more units than samples": noise(10, 300),
    "one of two lost": np.array([[np.nan, 1], [1, 2]], np.float32),
}
ANALYSES = {
    "pca": PCA(),
    "neighbors": Neighbors(),
    "tsne fft": TSNE(iterations=30, early_iterations=10),
    "tsne fft random": TSNE(iterations=30, early_iterations=10, start="random"),
    "tsne openTSNE": TSNE(iterations=10, early_iterations=10, engine="openTSNE"),
    "umap": UMAP(epochs=5),
    "quality": Quality(),
    "reduce": Reduce(pool=1),
}


def prepared(analysis, values, vectors, with_graph):
    data = vectors(values, label=np.zeros(len(values), int))
    if isinstance(analysis, TSNE | UMAP):
        return with_graph(data)
    if isinstance(analysis, Reduce):
        return xr.Dataset(
            {"activation": (("sample", "channel", "y", "x"), values[:, :, None, None])}, data.coords
        )
    return data.assign(projection=(("sample", "component"), np.nan_to_num(noise(len(values), 2))))


@pytest.mark.parametrize("words", HARD)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "umap" else ()) for name in ANALYSES]
)
def test_gives_a_result_or_says_why_not(name, words, vectors, with_graph, told):
    analysis, values = ANALYSES[name], HARD[words]
    try:
        data = prepared(analysis, values, vectors, with_graph)
        result = analysis.compute(data, told())
    except AnalysisError as error:
        assert "\n" not in str(error)
        assert error.hint
        assert words in ("none", "one", "two", "constant", "all zero", "all NaN", "one of two lost")
        return
    check_provides(result, analysis.provides, name)
    for variable, found in result.data_vars.items():
        if variable == "kl_divergence" and isinstance(analysis, Quality):
            assert np.isnan(found)  # the map here was not made by a method that has one
        else:
            assert np.isfinite(found.values).all()
    if "sample" in result.coords:
        good = np.isfinite(values.astype(np.float64)).all(1)
        assert result["sample"].values.tolist() == (np.flatnonzero(good) * 3 + 7).tolist()
        assert f"{(~good).sum()} left out" in result.attrs["caption"]
