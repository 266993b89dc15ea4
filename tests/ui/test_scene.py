"""What a map shows under a view: which samples, which colors, which names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.ui.core.data import CLASS_LOSS
from nnlens.ui.core.regions import fitted
from nnlens.ui.look.palette import LEVELS, STEPS, ClassColors, class_loss_steps, class_palette
from nnlens.ui.maps.inset import Inset
from nnlens.ui.maps.naming import apart, peaks, short
from nnlens.ui.maps.scene import DOTS, FEW, PICTURES, Scene


@pytest.fixture(scope="module")
def data(synthetic):
    return synthetic.run_data(20_000)


@pytest.fixture
def scene(data, synthetic):
    made = Scene(data, ClassColors(data.label, 10))
    made.show(data.projection(synthetic.projection(data, "tight", left_out=100)), "label", None)
    made.sized = True
    made.look(fitted(made.projection.extent, 420, 380), 420, 380)
    return made


def inside(scene, view):
    p = scene.projection
    x0, y0, x1, y1 = view
    return set(p.positions[(p.x >= x0) & (p.x <= x1) & (p.y >= y0) & (p.y <= y1)].tolist())


@pytest.mark.parametrize("side", [40.0, 3.0, 1.0, 0.2, 0.01])
def test_what_is_in_view_is_counted_and_drawn_once(scene, side):
    view = (8 - side / 2, -side / 2, 8 + side / 2, side / 2)
    scene.look(view, 420, 420)
    expected = inside(scene, view)
    assert len(scene) == len(expected) and set(scene.positions.tolist()) == expected
    mask = scene.data.label == 0
    dots, pictures = scene.dots(mask), scene.pictures(mask)
    drawn = len(dots["x"]) + len(pictures["x"])
    if len(expected) >= DOTS:
        assert scene.mode == "pixels" and drawn == 0 and scene.pixels(mask).any()
    else:
        assert drawn == len(expected) and not scene.pixels(mask).any()
        assert scene.mode == ("pictures" if 0 < len(expected) < PICTURES else "dots")


def test_pictures_do_not_cover_each_other_and_the_selected_come_first(scene):
    scene.look((7.4, -0.6, 8.6, 0.6), 420, 420)
    while len(scene) >= PICTURES:
        x0, y0, x1, y1 = scene.view
        scene.look((x0 + 0.05, y0 + 0.05, x1 - 0.05, y1 - 0.05), 420, 420)
    chosen = scene.positions[::9]
    mask = scene.data.mask(chosen)
    pictures = scene.pictures(mask)
    room = (scene.picture_side() + 6) * scene.unit()
    apart_by = np.maximum(
        np.abs(np.subtract.outer(pictures["x"], pictures["x"])),
        np.abs(np.subtract.outer(pictures["y"], pictures["y"])),
    )
    assert (apart_by[~np.eye(len(apart_by), dtype=bool)] >= room * (1 - 1e-4)).all()
    assert pictures["sample"][0] in scene.data.ids[chosen]
    np.testing.assert_array_equal(pictures["alpha"] == 1, np.isin(pictures["sample"], scene.data.ids[chosen]))


def test_hidden_classes_are_not_there(scene):
    scene.show(scene.projection, "label", [3, 7])
    assert set(scene.data.label[scene.positions]) == {3, 7}
    scene.show(scene.projection, "prediction", [3])
    assert set(scene.data.prediction[scene.positions]) == {3}
    scene.show(scene.projection, "label", [])
    assert len(scene) == 0 and scene.nearest(0, 0) is None and not scene.pixels(None).any()


def test_a_dot_has_the_color_of_its_class_full_when_selected(scene):
    scene.look((5, -1, 7, 1), 400, 400)
    assert scene.mode == "dots"
    mask = scene.data.label == 0
    palette = class_palette("light", len(scene.data))
    dots, p = scene.dots(mask), scene.projection
    seen = {
        (float(x), float(y)): place for x, y, place in zip(dots["x"], dots["y"], dots["place"], strict=True)
    }
    for position in scene.positions:
        row = p.row[position]
        place = seen[float(p.x[row]), float(p.y[row])]
        slot = scene.data.label[position]
        assert palette[place] == palette[(2 * slot + 1 + bool(mask[position])) * LEVELS]


@pytest.mark.parametrize(("selected", "drawn"), [(6, 6), (FEW - 1, FEW - 1), (FEW, 0), (0, 0)])
def test_a_small_selection_is_drawn_once_more(scene, selected, drawn):
    p = scene.projection
    mask = scene.data.mask(p.positions[:selected])
    assert len(scene.few(mask)["x"]) == drawn
    assert len(scene.few(None)["x"]) == 0


@settings(deadline=None, max_examples=40)
@given(st.floats(-12, 12), st.floats(-12, 12))
def test_the_nearest_sample_is_the_nearest(scene_of_thousand, x, y):
    scene = scene_of_thousand
    p = scene.projection
    distance = np.hypot(p.x - np.float32(x), p.y - np.float32(y))
    found = scene.nearest(x, y)
    row = p.row[scene.data.position(found)]
    assert distance[row] == pytest.approx(distance.min(), abs=1e-5)
    reach = 5 * scene.unit()
    assert (scene.nearest(x, y, 5) is None) == (distance.min() > reach) or abs(distance.min() - reach) < 1e-4


@pytest.fixture(scope="module")
def scene_of_thousand(synthetic):
    data = synthetic.run_data(1_000)
    made = Scene(data, ClassColors(data.label, 10))
    made.show(data.projection(synthetic.projection(data)), "label", None)
    made.look((-30, -30, 30, 30), 600, 600)
    return made


def test_left_out_samples_have_no_place(scene):
    assert (
        scene.place(int(scene.data.ids[5])) is None
    )  # among the first hundred, which the projection leaves out
    assert scene.place(None) is None and scene.place(-4) is None
    row = scene.projection.row[500]
    assert scene.place(int(scene.data.ids[500])) == (scene.projection.x[row], scene.projection.y[row])


def test_no_projection_is_an_empty_map(data):
    scene = Scene(data, ClassColors(data.label, 10))
    scene.show(None, "label", None)
    mask = data.label == 1
    assert (
        len(scene) == 0
        and scene.place(10) is None
        and not Inset(scene).address(class_palette("light", 9), scene.view)
    )
    assert not scene.pixels(mask).any()
    for columns in (scene.dots(mask), scene.few(mask), scene.pictures(mask), scene.names(mask)):
        assert len(columns["x"]) == 0


def test_colored_by_a_number(scene):
    scene.show(scene.projection, "loss", None)
    assert not scene.by_class and scene.pixels(scene.data.label == 2).max() > 127
    x0, y0, x1, y1 = scene.projection.extent
    inset, palette = Inset(scene), class_palette("light", 9) * 2
    scene.look((7.4, -0.6, 8.6, 0.6), 400, 400)
    assert inset.address(palette, (x0, y0, x1, y1)).startswith("data:image/png")
    assert not inset.address(palette, scene.view)  # all is in view


@pytest.mark.parametrize("side", [40.0, 1.0, 0.2])
def test_colored_by_label_and_loss_each_tells_both(scene, side):
    scene.show(scene.projection, CLASS_LOSS, None)
    scene.look((6 - side / 2, -side / 2, 6 + side / 2, side / 2), 400, 400)
    mask = scene.data.label == 0
    palette = scene.palette("dark")
    steps = class_loss_steps(scene.colors.slots(scene.data.label), scene.data.steps("loss"))
    assert len(set(steps.tolist())) > 60
    shown = {"pixels": scene.pixels, "dots": scene.dots, "pictures": scene.pictures}[scene.mode](mask)
    if scene.mode == "pixels":  # of one step, selected or not
        known = {0, *steps.tolist(), *(steps.astype(int) + STEPS).tolist()}
        assert set(np.unique(shown).tolist()) <= known and shown.max() > STEPS
        return
    p = scene.projection
    for columns in (shown, scene.few(scene.data.mask(scene.positions[:9]))):
        for x, y, place in zip(columns["x"], columns["y"], columns["place"], strict=True):
            step = steps[p.positions[np.flatnonzero((p.x == x) & (p.y == y))[0]]]
            assert (int(place) - 1) % STEPS + 1 == step and len(palette[place]) == 7


def test_names_stand_in_the_middle_of_their_clusters(scene):
    names = scene.names(scene.data.label == 4)
    assert sorted(names["text"]) == [str(c) for c in range(10)]
    p = scene.projection
    for x, y, text, strong in zip(names["x"], names["y"], names["text"], names["strong"], strict=True):
        own = scene.data.label[p.positions] == int(text)
        assert np.hypot(x - np.median(p.x[own]), y - np.median(p.y[own])) < 0.7
        assert strong == (text == "4")


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300)), max_size=20))
def test_names_never_lie_on_each_other(places):
    texts = ["ab" * (1 + i % 4) for i in range(len(places))]
    placed = apart([(i, x, y) for i, (x, y) in enumerate(places)], texts, 1.0)
    for i, (a, ax, ay) in enumerate(placed):
        for b, bx, by in placed[:i]:
            wide = 22 + 3.3 * (len(texts[a]) + len(texts[b]) - 2)
            assert abs(ax - bx) >= wide - 1e-6 or abs(ay - by) >= 18 - 1e-6
    assert not places or placed[0][1:] == places[0]


def test_a_class_hardly_in_view_has_no_name():
    x, y = np.random.default_rng(0).normal(0, 1, (2, 2_000)).astype("f4")
    codes = np.zeros(2_000, np.int32)
    codes[:5], codes[5:40] = 1, -1
    assert [code for code, _, _ in peaks(x, y, codes, (-4, -4, 4, 4))] == [0]


@pytest.mark.parametrize(
    ("name", "shown"), [("", "–"), ("  a\n b ", "a b"), ("x" * 40, "x" * 17 + "…"), ("مرحبا", "مرحبا")]
)
def test_names_are_cut_to_one_short_line(name, shown):
    assert short(name) == shown


@settings(deadline=None)
@given(st.floats(0.1, 50), st.floats(0.1, 50), st.integers(20, 900), st.integers(20, 900))
def test_a_view_keeps_its_middle_and_one_scale(across, up, width, height):
    x0, y0, x1, y1 = fitted((3, 4, 3 + across, 4 + up), width, height)
    assert (x1 - x0) / width == pytest.approx((y1 - y0) / height)
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((3 + across / 2, 4 + up / 2))
    assert fitted((x0, y0, x1, y1), width, height) == pytest.approx((x0, y0, x1, y1))
