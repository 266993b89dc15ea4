"""What a map shows first, keeps and forgets, without a browser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnlens.ui.core.session import Session
from nnlens.ui.maps.projection_map import ProjectionMap


@pytest.fixture
def session(synthetic):
    return Session(None, data=synthetic.run_data(2_000))


@pytest.fixture
def area(session):
    made = ProjectionMap(session, "a")
    made.panel().get_root()
    return made


def looks(area, view, width=400, height=400):
    """Tell the map what the browser shows."""
    area._screen([*view, width, height])


def shown(area):
    return tuple(float(f"{end:.4g}") for end in area.scene.view)


def test_a_view_is_kept_in_the_state_only_when_it_is_not_all(area, session, synthetic):
    area.set_result(synthetic.projection(session.data))
    looks(area, area.scene.view)
    assert session.state.map_a.extent is None
    looks(area, (1, 1, 3, 3))
    assert session.state.map_a.extent == (1, 1, 3, 3)
    area.home()
    assert session.state.map_a.extent is None and shown(area)[0] < -5


def test_the_view_of_an_address_waits_for_its_map(area, session, synthetic):
    session.state.map_a = replace(session.state.map_a, extent=(1.0, 1.0, 3.0, 3.0))
    looks(area, (-1, -1, 1, 1))  # the page stands before anything is computed
    area.set_result(None)
    assert session.state.map_a.extent == (1, 1, 3, 3)
    area.set_result(synthetic.projection(session.data))
    assert shown(area) == (1, 1, 3, 3)
    looks(area, (1, 1, 3, 3))
    assert session.state.map_a.extent == (1, 1, 3, 3)


def test_another_projection_is_shown_whole_not_where_the_last_one_was(area, session, synthetic):
    area.set_result(synthetic.projection(session.data))
    looks(area, (1, 1, 3, 3))
    area.set_result(synthetic.projection(session.data, "loose", scale=100))
    assert session.state.map_a.extent is None and shown(area)[2] > 500


def test_the_same_result_again_changes_no_view(area, session, synthetic):
    result = synthetic.projection(session.data)
    area.set_result(result)
    looks(area, (1, 1, 3, 3))
    area.set_result(result)
    assert shown(area) == (1, 1, 3, 3)


def test_pictures_of_a_job_fill_the_map_until_the_user_looks_closer(area, session, synthetic):
    def picture(scale):
        made = synthetic.projection(session.data, scale=scale)
        return made.assign_attrs(key="")

    for scale in (1, 10, 100):
        area.set_result(picture(scale), partial=True)
        extent = area.scene.projection.extent
        assert area.scene.view == pytest.approx(extent)
        looks(area, area.scene.view)
    looks(area, (1, 1, 3, 3))
    area.set_result(picture(120), partial=True)
    assert shown(area) == (1, 1, 3, 3)
    area.set_result(synthetic.projection(session.data, scale=130))
    assert shown(area) == (1, 1, 3, 3)
    area.set_result(synthetic.projection(session.data, "loose"))
    assert shown(area) != (1, 1, 3, 3)


def test_words_say_why_nothing_is_seen(area, session, synthetic):
    over = area.frame._over
    area.set_result(synthetic.projection(session.data))
    looks(area, area.scene.view)
    assert "Nothing in view" not in over.html
    looks(area, (900, 900, 901, 901))
    assert "Nothing in view" in over.html and "double click" in over.html
    session.state.visible = []
    assert "switched off" in over.html
    area.set_note("<i>Computing</i>", "soon")
    assert "&lt;i&gt;Computing&lt;/i&gt;" in over.html and "Nothing in view" not in over.html
    session.state.visible = None
    area.set_note("")
    area.home()
    assert over.html == ""


def test_titles_are_those_of_the_result_and_never_markup(area, session, synthetic):
    result = synthetic.projection(session.data)
    area.set_result(result.assign_attrs(title="t-SNE of <b>fc1</b>", caption="perplexity 30"), partial=True)
    head = area.frame._head.html
    assert "t-SNE of &lt;b&gt;fc1&lt;/b&gt;" in head and "perplexity 30" in head and "partial" in head
    area.set_awaited("PCA of <b>fc2</b>")
    assert area.frame._head.html == head  # what is drawn keeps its title
    area.set_result(None)
    assert "No map yet" in area.frame._head.html
    area.set_awaited("PCA of <b>fc2</b>")
    head = area.frame._head.html
    assert "PCA of &lt;b&gt;fc2&lt;/b&gt;" in head and "being computed" in head and "No map yet" not in head


def test_each_map_may_have_a_color_of_its_own(area, session, synthetic):
    area.set_result(synthetic.projection(session.data))
    session.state.color_by = "loss"
    assert area.scene.by == "loss"
    session.state.map_a = replace(session.state.map_a, color_by="prediction")
    assert area.scene.by == "prediction" and area.scene.by_class


def test_a_map_that_is_not_shown_yet_takes_part(session, synthetic):
    area = ProjectionMap(session, "b")
    area.set_result(synthetic.projection(session.data))
    session.state.select(session.data.label == 3)
    session.state.focus = int(session.data.ids[4])
    area.panel().get_root()
    assert len(area.drawing._marks.sources["focus"].data["x"]) == 1
    assert session.messages == []


def test_a_pane_drawn_again_is_a_new_plot_that_works(area, session, synthetic):
    area.set_result(synthetic.projection(session.data))
    first = area.drawing._figure
    area.panel().get_root()
    assert area.drawing._figure is not first
    looks(area, (-10, -10, 10, 10))
    session.state.select(session.data.label == 3)
    image = area.drawing._source.data["image"][0]
    np.testing.assert_array_equal(image, area.scene.pixels(session.state.mask))


def test_a_theme_changes_palettes_and_marks(area, session, synthetic):
    area.set_result(synthetic.projection(session.data))
    before = area.drawing._marks.mapper.palette
    session.theme = "dark"
    assert area.drawing._marks.mapper.palette != before and len(before) == 256


def growing(synthetic, session, scales):
    """Pictures of a t-SNE on its way: each is many times as wide as the one before."""
    return [synthetic.projection(session.data, scale=scale).assign_attrs(key="") for scale in scales]


def all_in_view(area):
    return len(area.scene) == len(area.session.data) and "Nothing in view" not in area.frame._over.html


def test_a_late_word_of_the_browser_on_an_earlier_picture_is_not_a_view_that_was_chosen(
    area, session, synthetic
):
    area.set_result(synthetic.projection(session.data))
    looks(area, area.scene.view)
    told = area.scene.view
    for picture in growing(synthetic, session, (1e-4, 1e-2, 1, 9)):
        area.set_result(picture, partial=True)
        looks(area, told)  # what the browser shows of the picture before comes after the next one
        told = area.scene.view
        assert all_in_view(area)
    area.set_result(synthetic.projection(session.data, scale=10))
    looks(area, told)
    assert all_in_view(area) and session.state.map_a.extent is None
    looks(area, area.scene.view)
    assert all_in_view(area) and session.state.map_a.extent is None


def test_a_view_of_the_map_before_does_not_hold_the_pictures_of_the_next(area, session, synthetic):
    area.set_result(synthetic.projection(session.data))
    looks(area, (1, 1, 3, 3))
    # another method is chosen, which takes the view away
    session.state.map_a = replace(session.state.map_a, analysis="other", extent=None)
    for picture in growing(synthetic, session, (1e-4, 1, 9)):
        area.set_result(picture, partial=True)
        assert all_in_view(area)
    area.set_result(synthetic.projection(session.data, scale=10))
    assert all_in_view(area)


def test_a_view_of_an_address_in_which_nothing_is_shows_all(area, session, synthetic):
    session.state.map_a = replace(session.state.map_a, extent=(900.0, 900.0, 901.0, 901.0))
    area.set_result(synthetic.projection(session.data))
    assert all_in_view(area) and session.state.map_a.extent is None


def test_a_map_of_fewer_samples_follows_one_of_all(area, session, synthetic):
    area.set_result(synthetic.projection(session.data))
    looks(area, area.scene.view)
    area.set_result(synthetic.projection(session.data, left_out=1_900))
    assert len(area.scene) == 100 and session.messages == []
