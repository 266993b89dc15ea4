import numpy as np
import pytest
from nnlens_embedding.quality import Quality
from nnlens_embedding.tsne import TSNE

from nnlens.analysis import Need
from nnlens.errors import AnalysisError, JobCancelledError

QUICK = {"iterations": 150, "early_iterations": 50}


def test_asks_for_the_graph_that_its_perplexity_needs():
    assert TSNE(perplexity=40.5).needs() == {"neighbor": Need({"k": 122, "components": 50})}


def test_shares_its_graph_with_smaller_perplexities_and_umap():
    from nnlens_embedding.umap import UMAP

    assert (
        TSNE(perplexity=5).needs()
        == TSNE(perplexity=30).needs()
        == UMAP().needs()
        == UMAP(n_neighbors=50).needs()
    )


def test_a_larger_graph_than_needed_changes_nothing(vectors, with_graph, told, groups):
    maps = [TSNE(perplexity=10, **QUICK).compute(with_graph(vectors(groups[0]), k), told()) for k in (30, 90)]
    assert maps[0]["projection"].equals(maps[1]["projection"])


@pytest.mark.parametrize("engine", ["fft", "openTSNE"])
def test_keeps_groups_together(vectors, with_graph, told, groups, engine):
    data = with_graph(vectors(groups[0], label=groups[1]))
    result = TSNE(engine=engine, **QUICK).compute(data, told())
    assert result["projection"].shape == (600, 2)
    assert result["sample"].equals(data["sample"])
    scores = Quality().compute(data.assign(projection=result["projection"]), told())
    assert scores["accuracy_2d"] > 0.98
    assert scores["trustworthiness"] > 0.9
    assert scores.attrs["kl_divergence"] == result.attrs["kl_divergence"]
    assert (
        f"perplexity 30 · 12 units · 600 samples · 0 left out · {engine} engine · KL "
        in result.attrs["caption"]
    )


def test_the_map_does_not_depend_on_what_the_ids_are(vectors, with_graph, told, groups):
    data = with_graph(vectors(groups[0]))
    one = TSNE(**QUICK).compute(data, told())["projection"]
    shifted = data.assign(neighbor=data["neighbor"] + 1000).assign_coords(sample=data["sample"] + 1000)
    assert np.array_equal(one, TSNE(**QUICK).compute(shifted, told())["projection"])


def test_shows_a_picture_at_once_and_then_on_the_way(vectors, with_graph, told, groups, monkeypatch):
    monkeypatch.setattr("nnlens_embedding.layout.Schedule.pause", 0)
    monkeypatch.setattr("nnlens_embedding.tsne.Schedule", lambda *a, **k: real(*a, **k, pause=0))
    from nnlens_embedding.layout import Schedule as real

    context = told()
    TSNE(**QUICK).compute(with_graph(vectors(groups[0])), context)
    assert len(context.pictures) > 10
    assert "after 0 of 200 iterations" in context.pictures[0].attrs["caption"]
    _, total, message = context.messages[-1]
    assert (total, message[: len("iteration 195 of 200, KL ")]) == (200, "iteration 195 of 200, KL ")
    spans = [np.ptp(picture["projection"].values) for picture in context.pictures]
    assert spans[-1] > spans[0] * 100


@pytest.mark.parametrize(
    "how", [{"engine": "fft"}, {"engine": "openTSNE"}, {"dimensions": 3}], ids=["fft", "openTSNE", "in space"]
)
def test_stopping_keeps_the_map_and_cancelling_leaves(vectors, with_graph, told, groups, monkeypatch, how):
    from nnlens_embedding.layout import Schedule

    monkeypatch.setattr("nnlens_embedding.tsne.Schedule", lambda *a, **k: Schedule(*a, **k, pause=0))
    data = with_graph(vectors(groups[0]))
    result = TSNE(**how).compute(data, told(stop_after=8))
    assert result.sizes["component"] == how.get("dimensions", 2)
    assert 0 < result.attrs["iterations"] < 600
    assert f"after {result.attrs['iterations']} of 600 iterations" in result.attrs["caption"]
    with pytest.raises(JobCancelledError):
        TSNE(**how).compute(data, told(cancel_after=8))
    assert 0 < result.attrs["kl_divergence"] < 10


def test_clamped_perplexity_is_said(vectors, with_graph, told, groups):
    result = TSNE(**QUICK).compute(with_graph(vectors(groups[0][:10])), told())
    assert result.attrs["perplexity"] == 3
    assert result.attrs["caption"].startswith("perplexity 3 instead of 30 · ")


def test_left_out_samples_are_counted_though_the_graph_hides_them(vectors, with_graph, told, groups):
    values = groups[0].copy()
    values[[2, 5, 9]] = np.nan
    result = TSNE(**QUICK).compute(with_graph(vectors(values)), told())
    assert "597 samples · 3 left out" in result.attrs["caption"]


def test_constant_layer_is_refused(vectors, with_graph, told):
    with pytest.raises(AnalysisError, match="same values here"):
        TSNE().compute(with_graph(vectors(np.ones((40, 6)))), told())


def test_one_feature_does_not_stay_on_a_line(vectors, with_graph, told):
    result = TSNE(**QUICK).compute(with_graph(vectors(np.linspace(0, 1, 300)[:, None])), told())
    assert result["projection"].std("sample").min() > 0.05


def test_graph_of_other_samples_is_refused(vectors, with_graph, told, groups):
    data = with_graph(vectors(groups[0])).isel(sample=slice(0, 100))
    with pytest.raises(AnalysisError, match="other samples"):
        TSNE().compute(data, told())


def test_seeds_matter_only_for_a_random_start(vectors, with_graph, told, groups):
    data = with_graph(vectors(groups[0]))
    pca = [TSNE(**QUICK).compute(data, told(seed))["projection"] for seed in (1, 2)]
    noise = [TSNE(start="random", **QUICK).compute(data, told(seed))["projection"] for seed in (1, 1, 2)]
    assert pca[0].equals(pca[1])
    assert noise[0].equals(noise[1])
    assert not noise[1].equals(noise[2])


def test_a_map_in_space_keeps_groups_and_tells_the_divergence_over_all_pairs(
    vectors, with_graph, told, groups
):
    from nnlens_embedding.affinities import affinities_from
    from nnlens_embedding.inputs import neighborhoods

    data = with_graph(vectors(groups[0], label=groups[1]))
    result = TSNE(dimensions=3, **QUICK).compute(data, told())
    assert result["projection"].shape == (600, 3) and "openTSNE engine" in result.attrs["caption"]
    scores = Quality().compute(data.assign(projection=result["projection"]), told())
    assert scores["accuracy_2d"] > 0.98 and scores["accuracy_2d"].attrs["short_name"] == "3-D accuracy"
    assert float(scores["kl_divergence"]) == result.attrs["kl_divergence"]
    graph = neighborhoods(data)
    p = affinities_from(graph.position, graph.distance, 30).matrix.toarray()
    xyz = result["projection"].values.astype(float)
    q = 1 / (1 + ((xyz[:, None] - xyz) ** 2).sum(axis=2))
    np.fill_diagonal(q, 0)
    there = p > 0
    exact = float((p[there] * np.log(p[there] / (q / q.sum())[there])).sum())
    assert result.attrs["kl_divergence"] == pytest.approx(exact, rel=0.05)  # the tree sums far pairs together


def test_a_map_in_space_says_that_it_takes_long():
    plane, space = (TSNE(dimensions=n).estimate({"sample": 60_000}) for n in (2, 3))
    assert space > 10 * plane > 0
