import numpy as np
import pytest
from nnlens_embedding.quality import Quality
from nnlens_embedding.scores import map_neighbors, score_neighborhoods, vote, without_self
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from nnlens.errors import AnalysisError


def mapped(vectors, values, positions, **columns):
    return vectors(values, **columns).assign(projection=(("sample", "component"), positions))


@pytest.mark.parametrize("k", [1, 5, 12])
@pytest.mark.parametrize("noise", [0, 0.5, 5])
def test_trustworthiness_is_scikit_learns_when_all_are_probed(groups, k, noise):
    values = groups[0][:300] - groups[0][:300].mean(0)
    positions = values[:, :2] + np.random.default_rng(0).normal(size=(300, 2)) * noise
    probes = np.arange(300)
    ours, _ = score_neighborhoods(values, probes, map_neighbors(positions, probes, k))
    assert ours == pytest.approx(trustworthiness(values, positions, n_neighbors=k), abs=1e-12)


def test_kept_neighbors_is_the_naive_overlap(groups):
    values = groups[0][:300] - groups[0][:300].mean(0)
    positions = values[:, :2]
    probes = np.array([5, 17, 200])
    overlap = []
    for probe in probes:
        near = [np.argsort(((space - space[probe]) ** 2).sum(1))[1:11] for space in (values, positions)]
        overlap.append(len(set(near[0]) & set(near[1])) / 10)
    _, kept = score_neighborhoods(values, probes, map_neighbors(positions, probes, 10))
    assert kept == pytest.approx(np.mean(overlap))


def test_a_map_that_is_the_data_keeps_everything(vectors, told):
    values = np.random.default_rng(0).normal(size=(200, 2))
    result = Quality().compute(mapped(vectors, values, values * 7 + 3, label=np.zeros(200, int)), told())
    assert result["trustworthiness"] == 1
    assert result["kept_neighbors"] == 1
    assert result["accuracy_2d"] == 1
    assert all(not variable.dims for variable in result.data_vars.values())


def test_accuracy_is_scikit_learns_left_one_out(groups):
    positions = groups[0][:, :2]
    probes = np.arange(0, 600, 7)
    ours = vote(groups[1], map_neighbors(positions, probes, 10))
    for row, probe in enumerate(probes):
        others = np.delete(np.arange(600), probe)
        oracle = KNeighborsClassifier(10).fit(positions[others], groups[1][others])
        assert ours[row] == oracle.predict(positions[[probe]])[0]


def test_unlabelled_neighbors_do_not_vote():
    label = np.array([-1, -1, 2, 0])
    assert vote(label, np.array([[0, 1, 2], [0, 1, 1]])).tolist() == [2, -1]


def test_unlabelled_probes_are_not_asked(vectors, told, groups):
    label = np.where(np.arange(600) % 2, groups[1], -1)
    result = Quality(probes=600).compute(mapped(vectors, groups[0], groups[0][:, :2], label=label), told())
    assert "accuracy on the 300 labelled" in result.attrs["caption"]
    nothing = Quality().compute(mapped(vectors, groups[0], groups[0][:, :2], label=np.full(600, -1)), told())
    assert np.isnan(nothing["accuracy_2d"])
    assert nothing["trustworthiness"] > 0


def test_itself_is_dropped_wherever_it_stands():
    found = np.array([[3, 0, 1], [0, 5, 6], [7, 8, 9]])
    assert without_self(found, np.array([0, 0, 0])).tolist() == [[3, 1], [5, 6], [7, 8]]


def test_duplicates_on_the_map(vectors, told):
    values = np.repeat(np.random.default_rng(0).normal(size=(5, 3)), 40, axis=0)
    result = Quality().compute(mapped(vectors, values, values[:, :2], label=np.zeros(200, int)), told())
    assert result["trustworthiness"] == 1


def test_few_samples_are_refused_and_lost_ones_counted(vectors, told, groups):
    with pytest.raises(AnalysisError, match="2 samples cannot be scored"):
        Quality().compute(mapped(vectors, np.eye(2), np.eye(2), label=[0, 1]), told())
    values = groups[0].copy()
    values[:4] = np.inf
    result = Quality().compute(mapped(vectors, values, groups[0][:, :2], label=groups[1]), told())
    assert "596 samples · 4 left out" in result.attrs["caption"]
