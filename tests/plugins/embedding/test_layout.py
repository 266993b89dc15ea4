"""The engine's parts against sums over all pairs, and its maps against openTSNE's."""

import numpy as np
import pytest
from nnlens_embedding import layout, opentsne
from nnlens_embedding.affinities import Affinities, affinities_from
from nnlens_embedding.grid import grid_for
from nnlens_embedding.knn import nearest
from nnlens_embedding.layout import Engine, Schedule, divergence_of, optimize
from scipy.sparse import csr_matrix


def never(done, divergence, positions):
    return False


def naive_forces(positions):
    """Z and Σ (yᵢ−yⱼ)/(1+d²)² over all pairs."""
    difference = positions[:, None].astype(float) - positions[None]
    close = 1 / (1 + (difference**2).sum(-1))
    np.fill_diagonal(close, 0)
    return close.sum(), (close[..., None] ** 2 * difference).sum(1)


def naive_divergence(matrix, positions):
    p = matrix.toarray()
    difference = positions[:, None].astype(float) - positions[None]
    q = 1 / (1 + (difference**2).sum(-1))
    np.fill_diagonal(q, 0)
    q /= q.sum()
    held = p > 0
    return float((p[held] * np.log(p[held] / q[held])).sum())


@pytest.fixture(scope="module")
def affinities(groups):
    values = (groups[0] - groups[0].mean(0)).astype(np.float32)
    graph = nearest(values, 60)
    return affinities_from(graph.position, graph.distance, 20)


@pytest.fixture(scope="module")
def start(groups):
    centered = groups[0] - groups[0].mean(0)
    axes = np.linalg.svd(centered, full_matrices=False)[2][:2]
    return (centered @ axes.T / 1e5).astype(np.float32)


@pytest.mark.parametrize("span", [0.0003, 0.01, 1, 30, 200])
@pytest.mark.parametrize("exact", [True, False])
def test_repulsion_agrees_with_all_pairs(affinities, monkeypatch, span, exact):
    monkeypatch.setattr(layout, "EXACT", 10_000 if exact else 0)
    positions = (np.random.default_rng(0).normal(size=(600, 2)) * span / 6).astype(np.float32)
    engine = Engine(affinities, positions, 2)
    z, force = naive_forces(positions)
    assert engine._repel() == pytest.approx(z, rel=1e-5 if exact else 2e-3)
    error = np.linalg.norm(engine._push.T - force) / np.linalg.norm(force)
    assert error < (1e-4 if exact else 0.03)
    engine.close()


def test_grid_grows_with_the_map_and_is_kept_while_it_fits():
    grid = grid_for(50, 100_000, None)
    assert grid_for(50.5, 100_000, grid) is grid
    larger = grid_for(90, 100_000, grid)
    assert larger.nodes > grid.nodes
    assert larger.nodes * larger.spacing > 90
    assert grid_for(0.001, 100_000, larger).spacing == pytest.approx(0.1)


def test_divergence_agrees_with_all_pairs(affinities):
    positions = (np.random.default_rng(0).normal(size=(600, 2)) * 10).astype(np.float32)
    assert divergence_of(affinities, positions) == pytest.approx(
        naive_divergence(affinities.matrix, positions), rel=1e-4
    )


def test_renumbering_changes_nothing(affinities, start):
    engine = Engine(affinities, start * 1e5, 2)
    before = engine.positions(), engine.divergence()
    engine.reorder()
    assert np.allclose(engine.positions(), before[0], atol=1e-5)
    assert engine.divergence() == pytest.approx(before[1], rel=1e-5)
    engine.close()


def test_hilbert_neighbors_are_neighbors():
    from nnlens_embedding.kernels import hilbert

    column, row = (each.ravel().astype(np.int64) for each in np.meshgrid(np.arange(16), np.arange(16)))
    key = np.empty(256, np.int64)
    hilbert(0, 256, column, row, 16, key)
    assert sorted(key) == list(range(256))
    order = np.argsort(key)
    assert (np.abs(np.diff(column[order])) + np.abs(np.diff(row[order])) == 1).all()


def test_the_same_twice_and_for_any_number_of_threads(affinities, start, monkeypatch):
    maps = []
    for threads, exact in (("1", 0), ("3", 0), ("1", 9999), ("3", 9999)):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        monkeypatch.setattr(layout, "EXACT", exact)
        maps.append(optimize(affinities, start, Schedule(30, 60), never).positions)
    assert np.array_equal(maps[0], maps[1])
    assert np.array_equal(maps[2], maps[3])


@pytest.mark.parametrize("exact", [True, False])
def test_ends_where_opentsne_ends(digit_vectors, monkeypatch, exact):
    monkeypatch.setattr(layout, "EXACT", 10_000 if exact else 0)
    values = digit_vectors[0] - digit_vectors[0].mean(0)
    graph = nearest(values, 90)
    weights = affinities_from(graph.position, graph.distance, 30)
    axes = np.linalg.svd(values, full_matrices=False)[2][:2]
    first = (values @ axes.T / values.std() / 1e5).astype(np.float32)
    schedule = Schedule(40, 120)
    ours, theirs = (engine.optimize(weights, first, schedule, never) for engine in (layout, opentsne))
    assert ours.divergence < theirs.divergence * 1.03
    assert ours.divergence == pytest.approx(naive_divergence(weights.matrix, ours.positions), rel=2e-3)


def test_opentsne_divergence_is_that_of_its_map(affinities, start):
    made = opentsne.optimize(affinities, start, Schedule(20, 40), never)
    assert made.divergence == pytest.approx(naive_divergence(affinities.matrix, made.positions), rel=1e-3)
    assert made.iterations == 60


@pytest.mark.parametrize("engine", [layout, opentsne])
def test_watcher_sees_the_map_and_can_end_it(affinities, start, engine):
    seen = []

    def watch(done, divergence, positions):
        seen.append((done, divergence, positions.copy()))
        return done >= 40

    made = engine.optimize(affinities, start, Schedule(20, 500, every=10, pause=0), watch)
    assert made.iterations == 40
    assert [done for done, _, _ in seen][-1] == 40
    assert seen[-1][1] < seen[0][1] or len(seen) == 1
    assert made.positions.shape == seen[-1][2].shape == (600, 2)
    assert np.abs(made.positions.mean(0)).max() < 1e-3


def test_affinities_are_clamped_to_a_third_of_the_neighbors(groups):
    values = groups[0][:10].astype(np.float32)
    graph = nearest(values, 90)
    made = affinities_from(graph.position, graph.distance, 30)
    assert made.perplexity == 3
    assert made.matrix.sum() == pytest.approx(1)
    assert abs(made.matrix - made.matrix.T).max() < 1e-12


def test_affinities_are_opentsnes_of_three_neighbors_a_unit_of_perplexity(groups):
    values = groups[0][:50].astype(np.float32)
    graph = nearest(values, 49)
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    oracle = PerplexityBasedNN(
        perplexity=10, knn_index=PrecomputedNeighbors(graph.position[:, :30], graph.distance[:, :30])
    )
    ours = affinities_from(graph.position, graph.distance, 10)
    assert abs(ours.matrix - oracle.P).max() < 1e-6


def test_all_distances_zero_give_finite_affinities():
    position = np.array([[1, 2], [0, 2], [0, 1]])
    made = affinities_from(position, np.zeros((3, 2), np.float32), 5)
    assert np.isfinite(made.matrix.data).all()


def test_two_points_and_coincident_points_stay_finite():
    for samples in (2, 3, 5):
        matrix = csr_matrix((np.ones((samples, samples)) - np.eye(samples)) / (samples * (samples - 1)))
        made = optimize(Affinities(matrix, 1), np.zeros((samples, 2), np.float32), Schedule(10, 20), never)
        assert np.isfinite(made.positions).all()
        assert np.isfinite(made.divergence)
