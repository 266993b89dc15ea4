"""The folder of the Embedding Projector, rule by rule, as the page would read it."""

import math
import stat
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from nnlens import Lens, capture, capture_embeddings, load_model, load_samples
from nnlens.errors import AnalysisError, ExportError, FilterError, StoreError
from nnlens.export import export_projector, metadata, projector, vectors
from nnlens.export.sprite import grid, sheet, thumbnail_size
from nnlens.testing import tiny_model, tiny_store
from nnlens.testing.tiny_run import tiny_images

from .conftest import JS_SPACE, look_at, read_metadata

FASHION = Path("/usr/share/datasets/fashion-mnist")
HOSTILE = [
    "a\tb", "two\nlines", "", " ", "\u00a0", "\ufeff", "\u200b", "\r", "same", "same", "<img src=x onerror=alert(1)>",
    "Straße", "猫", "=1+1", "label", "unlabelled", "x" * 1000, '"quoted"', "it's, 5; then", "\u202eevil",
]  # fmt: skip


def named(path, names, samples=60):
    """Make a run whose classes bear these names."""
    images, labels = tiny_images(samples, len(names))
    store = capture(tiny_model(len(names)), load_samples((images, labels)), path, keep=[])
    assert len(store.class_names) == len(names)
    store.class_names = tuple(names)
    return Lens(store)


# --------------------------------------------------------------------------------------------------------- the rules
@pytest.mark.parametrize(("samples", "side"), [(2, 2), (4, 2), (5, 3), (50, 8), (60, 8), (64, 8), (65, 9)])
def test_every_point_has_its_own_vector_label_and_picture(tmp_path, samples, side):
    lens = Lens(tiny_store(tmp_path / "run", samples))
    made = export_projector(lens, tmp_path / "out", layer="fc1")
    seen = look_at(tmp_path / "out")
    store = lens.store
    assert seen.entry["tensorShape"] == [samples, 12] == [made.samples, made.units]
    np.testing.assert_array_equal(np.array(seen.rows, np.float32), store.activation("fc1").values)
    assert seen.sprite.size == (8 * side, 8 * side)
    assert seen.entry["sprite"]["singleImageDim"] == [8, 8]
    for place, sample in enumerate(store.ids):
        told = seen.metadata[place]
        assert int(told["id"]) == sample
        label, prediction = (int(store.samples[name][place]) for name in ("label", "prediction"))
        assert (told["label"], told["prediction"]) == (
            store.class_names[label],
            store.class_names[prediction],
        )
        assert told["outcome"] == ("right" if label == prediction else "wrong")
        assert float(told["loss"]) == pytest.approx(float(store.samples["loss"][place]), rel=1e-5)
        np.testing.assert_array_equal(seen.picture(place), store.images([sample])[0, ..., 0])
    assert not any(seen.picture(place).any() for place in range(samples, side * side)), "the rest is empty"


@given(samples=st.integers(1, 2_000_000))
def test_the_grid_is_the_smallest_square_that_holds_all(samples):
    side = grid(samples)
    assert side * side >= samples
    assert side == math.ceil(math.sqrt(samples))


@given(st.integers(2, 1_200_000), st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 300))
def test_no_sheet_passes_what_the_page_takes(samples, height, width, largest):
    shown = thumbnail_size(samples, height, width, largest)
    side = math.ceil(math.sqrt(samples))
    assert all(1 <= new <= min(own, largest) for new, own in zip(shown, (height, width), strict=True))
    assert side * max(shown) <= 8192
    if side * max(height, width) <= 8192 and max(height, width) <= largest:
        assert shown == (height, width)


def test_at_sixty_thousand_a_picture_has_at_most_33_pixels():
    assert thumbnail_size(60_000, 28, 28, 64) == (28, 28)
    assert thumbnail_size(60_000, 224, 224, 64) == (33, 33)
    assert thumbnail_size(60_000, 100, 200, 64) == (16, 33)


def test_large_pictures_are_shrunk_by_averaging():
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 16, 3), np.uint8)
    pages = sheet(np.array([7]), lambda ids: image, (4, 8), lambda *_: None)
    means = image[0].reshape(4, 2, 8, 2, 3).mean((1, 3))
    np.testing.assert_allclose(pages, means, atol=1.01)  # rounded along each side


def test_shrinking_is_said(tmp_path):
    lens = Lens(tiny_store(tmp_path / "run"))
    made = export_projector(lens, tmp_path / "out", layer="fc1", thumbnail=4)
    seen = look_at(tmp_path / "out")
    assert seen.entry["sprite"]["singleImageDim"] == [4, 4]
    means = lens.store.images([5])[0, ..., 0].reshape(4, 2, 4, 2).mean((1, 3))
    np.testing.assert_allclose(seen.picture(5), means, atol=1.01)
    assert "8×8 pixels are shrunk to 4×4" in made.notes[0]
    assert "shrunk to 4×4" in (tmp_path / "out" / "README.md").read_text()
    assert "square;" not in (tmp_path / "out" / "README.md").read_text()


def test_that_the_page_stretches_pictures_that_are_not_square_is_said(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 12, 1), np.uint8)
    vectors_, labels = np.eye(6, dtype=np.float32), np.arange(6) % 2
    store = capture_embeddings(vectors_, tmp_path / "run", labels=labels, images=images)
    export_projector(Lens(store), tmp_path / "out")
    seen = look_at(tmp_path / "out")
    assert seen.entry["sprite"]["singleImageDim"] == [12, 8]
    np.testing.assert_array_equal(seen.picture(5), images[5, ..., 0])
    assert "draws every picture as a square" in (tmp_path / "out" / "README.md").read_text()


def test_without_pictures_there_is_no_sheet(tmp_path):
    lens = Lens(tiny_store(tmp_path / "run"))
    export_projector(lens, tmp_path / "none", layer="fc1", thumbnail=0)
    assert look_at(tmp_path / "none").sprite is None
    assert not (tmp_path / "none" / "sprite.png").exists()
    bare = capture_embeddings(np.eye(5), tmp_path / "bare")
    export_projector(Lens(bare), tmp_path / "out")
    assert look_at(tmp_path / "out").sprite is None


# ---------------------------------------------------------------------------------------------------------- the labels
def test_hostile_names_stay_on_their_own_points(tmp_path):
    lens = named(tmp_path / "run", HOSTILE)
    export_projector(lens, tmp_path / "out", layer="fc1")
    seen = look_at(tmp_path / "out")
    labels = lens.store.samples["label"].values
    told = [row["label"] for row in seen.metadata]
    assert [int(row["id"]) for row in seen.metadata] == lens.store.ids.tolist()
    assert len(set(told)) == len(HOSTILE), "two classes look alike"
    assert all(told[a] == told[b] for a in range(60) for b in range(60) if labels[a] == labels[b])
    assert told[11] == "Straße"
    assert told[12] == "猫"
    assert told[0] == "a b"
    assert all(name and name.strip(JS_SPACE) for name in told)


def test_the_page_gets_no_markup_from_the_names_that_it_puts_into_itself(tmp_path):
    lens = named(tmp_path / "<img src=x onerror=alert(1)>", ["a", "b", "c"])
    export_projector(lens, tmp_path / "out", layer="fc1")
    config = look_at(tmp_path / "out").config
    for text in (config["modelCheckpointPath"], config["embeddings"][0]["tensorName"]):
        assert not set(text) & set("<>&\"'")


def test_labels_alone_in_their_column_have_no_header(tmp_path):
    export_projector(Lens(capture_embeddings(np.eye(5), tmp_path / "run")), tmp_path / "out")
    assert (tmp_path / "out" / "metadata.tsv").read_bytes() == b"0\n1\n2\n3\n4\n"
    assert [row["label"] for row in look_at(tmp_path / "out").metadata] == ["0", "1", "2", "3", "4"]


def test_what_is_not_known_shifts_nothing(tmp_path):
    images, labels = tiny_images(12, 3)
    labels[[2, 5]] = -1
    store = capture(tiny_model(), load_samples((images, labels)), tmp_path / "run", keep=[])
    export_projector(Lens(store), tmp_path / "out", layer="fc1")
    seen = look_at(tmp_path / "out")
    assert [row["label"] for row in seen.metadata][:3] == ["0", "1", "unlabelled"]
    assert seen.metadata[2]["loss"] is None, "the page counts a column with NaN as text"
    assert seen.metadata[2]["outcome"] == "unlabelled"


def test_of_more_than_fifty_classes_a_column_stays_that_can_be_colored(tmp_path):
    names = [f"class {number}" for number in range(60)]
    lens = named(tmp_path / "run", names, 130)
    made = export_projector(lens, tmp_path / "out", layer="fc1")
    seen = look_at(tmp_path / "out")
    distinct = {column: {row[column] for row in seen.metadata} for column in seen.metadata[0]}
    assert len(distinct["label"]) == 60
    assert len(distinct["label (top 49)"]) == 50
    for row in seen.metadata:
        assert row["label (top 49)"] in (row["label"], "other")
    frequent = {row["label"] for row in seen.metadata if row["label (top 49)"] != "other"}
    counts = {name: sum(row["label"] == name for row in seen.metadata) for name in names}
    assert min(counts[name] for name in frequent) >= max(
        counts[name] for name in names if name not in frequent
    )
    assert any("color by label (top 49)" in note for note in made.notes)


@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=12), min_size=1, max_size=40),
    st.integers(60, 200),
)
def test_no_sign_is_torn_by_the_edge_of_a_piece(texts, piece):
    """A piece is longer than two lines, as one of a megabyte is."""
    columns = {"label": texts, "id": np.arange(len(texts))}
    whole = read_metadata(metadata.tsv(columns))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata, "PIECE", piece)
        torn = read_metadata(metadata.tsv(columns), piece)
    assert [(row["label"], int(row["id"])) for row in torn] == [
        (row["label"], int(row["id"])) for row in whole
    ]
    assert [int(row["id"]) for row in torn] == list(range(len(texts)))
    assert "\ufffd" not in "".join(row["label"] for row in torn) or any("\ufffd" in text for text in texts)


def test_signs_at_the_true_edges_stay_whole():
    texts = ["猫é" * 20 + str(number % 7) for number in range(30_000)]
    content = metadata.tsv({"label": texts, "id": np.arange(len(texts))})
    assert len(content) > 3 * 1_000_000
    rows = read_metadata(content)
    assert [row["label"] for row in rows] == texts
    assert [int(row["id"]) for row in rows] == list(range(30_000))
    torn = "\n".join(["label\tid", *(f"{text}\t{at}" for at, text in enumerate(texts)), ""]).encode()
    assert [row["label"] for row in read_metadata(torn)] != texts, "the trap is none"


# ---------------------------------------------------------------------------------------------------------- the numbers
@pytest.mark.parametrize("exact", [2048, 0], ids=["exact", "by iteration"])
@pytest.mark.parametrize(("samples", "units", "kept"), [(300, 40, 8), (30, 80, 20), (200, 7, 5)])
def test_components_are_those_of_scikit_learn(monkeypatch, samples, units, kept, exact):
    monkeypatch.setattr(vectors, "EXACT", exact)
    monkeypatch.setattr(vectors, "BLOCK_BYTES", 4 * units * 13)  # several blocks
    monkeypatch.setattr(vectors, "PASSES", 12)  # values without a gap between their variances
    rng = np.random.default_rng(1)
    values = rng.standard_normal((samples, units)) * np.linspace(5, 0.2, units) ** 2 + 1000
    array = xr.DataArray(
        values.astype(np.float32), dims=("sample", "unit"), coords={"sample": np.arange(samples)}
    )
    rows = vectors.FiniteRows(array, lambda *_: None)
    components = vectors.Components(rows, kept)
    expected = PCA(kept, svd_solver="full").fit(array.values.astype(float))
    cosines = np.abs((components.axes * expected.components_).sum(axis=1))
    np.testing.assert_allclose(cosines, 1, atol=1e-4)
    assert components.kept == pytest.approx(expected.explained_variance_ratio_.sum(), rel=1e-4)
    found = np.concatenate(list(components.blocks("writing")))
    np.testing.assert_allclose(np.abs(found), np.abs(expected.transform(array.values)), atol=2e-2)


def test_components_are_kept_of_vectors_that_are_longer(tmp_path):
    lens = Lens(tiny_store(tmp_path / "run"))
    made = export_projector(lens, tmp_path / "out", layer="@input", pca=5)
    seen = look_at(tmp_path / "out")
    values = lens.store.images(lens.store.ids).reshape(60, -1) / 255
    expected = PCA(5, svd_solver="full").fit_transform(values)
    np.testing.assert_allclose(np.abs(seen.rows), np.abs(expected), atol=1e-4)
    assert "Of 64 units the first 5" in made.notes[0]
    export_projector(lens, tmp_path / "whole", layer="@input", pca=0)
    np.testing.assert_allclose(look_at(tmp_path / "whole").rows, values, atol=1e-6)


def test_a_single_unit_gets_a_column_of_zeros(tmp_path):
    store = capture_embeddings(np.arange(5.0)[:, None], tmp_path / "run")
    export_projector(Lens(store), tmp_path / "out")
    assert look_at(tmp_path / "out").rows == [(float(n), 0.0) for n in range(5)]


def test_coordinates_of_a_map_come_only_when_asked_for_and_with_a_third_column(tmp_path):
    lens = Lens(tiny_store(tmp_path / "run"))
    flat = lens.run("pca", layer="fc1")
    export_projector(lens, tmp_path / "out", coordinates=flat, pca=1)
    rows = np.array(look_at(tmp_path / "out").rows, np.float32)
    np.testing.assert_array_equal(rows[:, :2], flat["projection"])
    np.testing.assert_array_equal(rows[:, 2], 0)
    deep = lens.run("pca", layer="fc1", components=4)
    export_projector(lens, tmp_path / "deep", coordinates=deep)
    np.testing.assert_array_equal(np.array(look_at(tmp_path / "deep").rows, np.float32), deep["projection"])
    with pytest.raises(ExportError, match="no coordinates"):
        export_projector(lens, tmp_path / "no", coordinates=lens.run("confusion"))


def test_samples_that_are_not_finite_are_left_out_and_counted(tmp_path):
    lens = Lens(tiny_store(tmp_path / "run", invalid=4))
    made = export_projector(lens, tmp_path / "out", layer="fc1")
    seen = look_at(tmp_path / "out")
    assert (made.left_out, made.samples) == (4, 56)
    assert [int(row["id"]) for row in seen.metadata] == list(range(4, 60))
    np.testing.assert_array_equal(seen.picture(0), lens.store.images([4])[0, ..., 0])
    assert "4 samples are left out" in (tmp_path / "out" / "README.md").read_text()


def test_a_draw_is_the_same_for_the_same_seed_and_within_the_choice(tmp_path):
    lens = Lens(tiny_store(tmp_path / "run"))

    def ids(name, **choice):
        export_projector(lens, tmp_path / name, layer="fc1", **choice)
        return [int(row["id"]) for row in look_at(tmp_path / name).metadata]

    first = ids("a", limit=20, seed=3)
    assert first == ids("b", limit=20, seed=3)
    assert first == sorted(set(first))
    assert len(first) == 20
    assert first != ids("c", limit=20, seed=4)
    assert ids("d", sample=[9, 3, 30]) == [3, 9, 30]
    assert ids("e", where="label == 1") == list(range(1, 60, 3))
    assert set(ids("f", where="label == 1", limit=5)) < set(range(1, 60, 3))


def test_a_spatial_layer_is_reduced_as_analyses_get_it(tmp_path):
    lens = Lens(tiny_store(tmp_path / "run"))
    made = export_projector(lens, tmp_path / "out", layer="conv")
    expected = lens.run("reduce", layer="conv")["embedding"]
    np.testing.assert_allclose(look_at(tmp_path / "out").rows, expected, rtol=1e-6)
    assert "pooling and PCA" in made.title


# ----------------------------------------------------------------------------------------------------------- the folder
def test_what_is_there_is_never_written_over(tmp_path):
    lens = Lens(tiny_store(tmp_path / "run"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="not empty"):
        export_projector(lens, tmp_path / "full", layer="fc1")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    with pytest.raises(ExportError, match="is a file"):
        export_projector(lens, tmp_path / "full" / "mine.txt", layer="fc1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    export_projector(lens, tmp_path / "link", layer="fc1")
    assert look_at(tmp_path / "empty").entry["tensorShape"] == [60, 12]


def test_the_folder_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    lens = Lens(tiny_store(tmp_path / "run"))

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(projector, "encoded", fails)
    with pytest.raises(ExportError, match="No space left"):
        export_projector(lens, tmp_path / "deep" / "out", layer="fc1")
    monkeypatch.setattr(projector, "encoded", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        export_projector(lens, tmp_path / "out", layer="fc1")
    assert not list((tmp_path / "deep").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "run"]


def test_the_folder_can_be_read_by_whoever_it_is_published_to(tmp_path):
    export_projector(Lens(tiny_store(tmp_path / "run")), tmp_path / "out", layer="fc1")
    (tmp_path / "usual").mkdir()
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "usual").stat().st_mode
    )


def test_mistakes_are_named_and_make_nothing(tmp_path):
    lens = Lens(tiny_store(tmp_path / "run"))
    for choice, error, words in [
        ({"layer": "fc9"}, AnalysisError, "no layer 'fc9'"),
        ({"sample": [3]}, ExportError, "needs two"),
        ({"sample": [999]}, StoreError, "999"),
        ({"where": "loss >"}, FilterError, "cannot be read"),
        ({"where": "loss > 1e9"}, AnalysisError, "No samples"),
    ]:
        with pytest.raises(error, match=words):
            export_projector(lens, tmp_path / "out", **{"layer": "fc1", **choice})
    assert not (tmp_path / "out").exists()


def test_the_folder_becomes_a_run_again(tmp_path):
    lens = Lens(tiny_store(tmp_path / "run"))
    export_projector(lens, tmp_path / "out", layer="fc1")
    again = capture_embeddings(str(tmp_path / "out"), tmp_path / "again", labels="label", ids="id")
    np.testing.assert_array_equal(again.activation("embedding"), lens.store.activation("fc1"))
    np.testing.assert_array_equal(again.samples["label"], lens.store.samples["label"])
    np.testing.assert_array_equal(again.images(again.ids)[..., 0], lens.store.images(lens.store.ids)[..., 0])


# ----------------------------------------------------------------------------------------------------------- real data
@pytest.fixture(scope="module")
def fashion(tmp_path_factory):
    if not FASHION.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    path = tmp_path_factory.mktemp("runs") / "fashion"
    return Lens(
        capture(load_model("zoo:fashion-mnist"), load_samples("fashion-mnist"), path, layers=["relu4"])
    )


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("limit", [10_000, None], ids=["10,000", "60,000"])
def test_fashion_mnist_by_every_rule(fashion, tmp_path, limit):
    export_projector(fashion, tmp_path / "out", limit=limit, seed=1)
    seen = look_at(tmp_path / "out", numbers=False)
    samples, side = (10_000, 100) if limit else (60_000, 245)
    assert seen.entry["tensorShape"] == [samples, 64]
    assert seen.sprite.size == (28 * side, 28 * side)
    ids = np.array([int(row["id"]) for row in seen.metadata])
    assert len(set(ids.tolist())) == samples
    values = np.fromfile(tmp_path / "out" / "vectors.bytes", "<f4").reshape(samples, 64)
    store = fashion.store
    at = store.positions(ids)
    np.testing.assert_array_equal(values, store.activation("relu4").values[at])
    names = np.array(store.class_names)[store.samples["label"].values[at]]
    assert [row["label"] for row in seen.metadata] == names.tolist()
    whole = np.asarray(seen.sprite)
    images = store.images(ids)[..., 0]
    for place in range(samples):
        row, column = place // side, place % side
        assert np.array_equal(whole[28 * row : 28 * row + 28, 28 * column : 28 * column + 28], images[place])
