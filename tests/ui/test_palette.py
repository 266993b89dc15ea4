"""Colors against the published measures: contrast of WCAG 2, distance in OKLab."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.ui.look import palette
from nnlens.ui.look.palette import CLASS_COLORS, OTHER, SLOTS, TOKENS, ClassColors, rgb

THEMES = ("light", "dark")


def linear(color):
    share = rgb(color) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    bright, dim = sorted((float(linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (one, other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def oklab(color):
    """Björn Ottosson, A perceptual color space for image processing, 2020."""
    to_lms = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
              [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
    to_lab = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
              [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip
    return np.array(to_lab) @ np.cbrt(np.array(to_lms) @ linear(color))


@pytest.mark.parametrize("theme", THEMES)
def test_classes_stand_out_and_apart(theme):
    colors = CLASS_COLORS[theme]
    assert min(contrast(color, TOKENS[theme]["surface"]) for color in colors) >= 3
    least = min(np.linalg.norm(oklab(a) - oklab(b)) for a, b in combinations(colors, 2))
    assert least >= {"light": 0.10, "dark": 0.14}[theme]


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read(theme):
    tokens = TOKENS[theme]
    for name, least in (
        ("ink", 7),
        ("ink2", 7),
        ("ink3", 4.5),
        ("accent", 4.5),
        ("error", 4.5),
        ("warn", 4.5),
        ("ok", 4.5),
    ):
        assert contrast(tokens[name], tokens["surface"]) >= least, name
    assert contrast(tokens["edge"], tokens["surface"]) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_the_accent_belongs_to_no_class(theme):
    assert all(
        np.linalg.norm(oklab(TOKENS[theme]["accent"]) - oklab(color)) > 0.1 for color in CLASS_COLORS[theme]
    )


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("samples", [1_000, 60_000])
def test_palettes_fit_a_byte_and_the_selected_stand_out(theme, samples):
    surface = TOKENS[theme]["surface"]
    classes, values = palette.class_palette(theme, samples), palette.value_palette(theme, samples)
    assert len(classes) == 1 + 2 * (SLOTS + 1) * palette.LEVELS and len(values) == 1 + 2 * palette.STEPS + 1
    assert max(len(classes), len(values)) <= 256
    top = palette.LEVELS
    for slot in range(SLOTS):
        dimmed, full = classes[(2 * slot + 1) * top], classes[(2 * slot + 2) * top]
        assert full.lower() == CLASS_COLORS[theme][slot].lower()
        assert np.linalg.norm(rgb(full) - rgb(surface)) > 2 * np.linalg.norm(rgb(dimmed) - rgb(surface))


@pytest.mark.parametrize("theme", THEMES)
def test_low_values_recede_and_high_ones_stand_out(theme):
    colors = palette.sequential(theme, 20)
    against = [contrast(color, TOKENS[theme]["surface"]) for color in colors]
    assert (np.diff(against) > 0).all()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("samples", [1_000, 60_000])
def test_a_class_deepens_with_its_loss_and_stays_apart_from_the_others(theme, samples):
    surface, width = TOKENS[theme]["surface"], SLOTS + 1
    colors = palette.class_loss_palette(theme, samples)
    assert (
        len(colors) == len(palette.value_palette(theme, samples)) and width * palette.DEPTHS <= palette.STEPS
    )
    dimmed, full = (
        np.array(colors[start : start + width * palette.DEPTHS]).reshape(palette.DEPTHS, width)
        for start in (1, 1 + palette.STEPS)
    )
    for slot in range(width):
        against = [contrast(color, surface) for color in full[:, slot]]
        assert (np.diff(against) > 0).all() and against[-1] >= 7
        far = [np.linalg.norm(oklab(color) - oklab(surface)) for color in (dimmed[-1, slot], full[0, slot])]
        assert far[0] < 0.9 * far[1], "the strongest that is not selected is weaker than any that is"
    for row in full:  # the least distance of two classes at one depth
        assert min(np.linalg.norm(oklab(a) - oklab(b)) for a, b in combinations(row[:SLOTS], 2)) > 0.045
    accent = oklab(TOKENS[theme]["accent"])
    assert min(np.linalg.norm(oklab(color) - accent) for color in full.ravel()) > 0.09


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, OTHER), st.integers(0, palette.STEPS)), min_size=1))
def test_steps_of_class_and_loss_tell_both(samples):
    slots, steps = (np.array(column, np.uint8) for column in zip(*samples, strict=True))
    joined = palette.class_loss_steps(slots, steps)
    there = steps > 0
    np.testing.assert_array_equal(joined == 0, ~there)
    np.testing.assert_array_equal((joined[there] - 1) % (SLOTS + 1), slots[there])
    depth = (joined[there].astype(int) - 1) // (SLOTS + 1)
    np.testing.assert_array_equal(depth, (steps[there].astype(int) - 1) * palette.DEPTHS // palette.STEPS)


@pytest.mark.parametrize("theme", THEMES)
def test_zero_of_signed_values_is_the_surface(theme):
    assert palette.diverging(theme, 21)[10].upper() == TOKENS[theme]["surface"]


@settings(deadline=None)
@given(st.lists(st.integers(-1, 40), min_size=1, max_size=200), st.data())
def test_at_most_ten_classes_have_colors_each_its_own_and_the_largest_first(labels, data):
    labels = np.array(labels)
    colors = ClassColors(labels, 30)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))))
    before = {c: int(colors.slots(np.array([c]))[0]) for c in colors.colored}
    colors.follow(mask)
    after = {c: int(colors.slots(np.array([c]))[0]) for c in colors.colored}
    assert len(after) == len(set(after.values())) == SLOTS
    chosen = labels[mask][labels[mask] >= 0]
    sizes = np.bincount(chosen, minlength=colors.classes)
    assert min(sizes[list(after)]) >= max((n for c, n in enumerate(sizes) if c not in after), default=0)
    assert all(after[c] == slot for c, slot in before.items() if c in after)
    assert colors.slots(np.array([-1, 10_000])).tolist() == [OTHER, OTHER]


def test_ten_classes_keep_their_places():
    colors = ClassColors(np.arange(10), 10)
    colors.follow(np.arange(10) > 7)
    assert colors.slots(np.arange(10)).tolist() == list(range(10)) and not colors.limited
    assert colors.css(3) == "var(--nn-c3)" and colors.hex(3, "dark") == CLASS_COLORS["dark"][3]


def test_pinned_classes_keep_a_color():
    colors = ClassColors(np.repeat(np.arange(20), np.arange(20, 0, -1)), 20)
    assert colors.css(19) == "var(--nn-ink3)"
    colors.pin([19])
    assert 19 in colors.colored and 0 in colors.colored and len(colors.colored) == SLOTS


def test_css_has_a_variable_for_each_token_and_class():
    names = palette.css_variables("light")
    assert (
        names["--nn-accent-soft"] == TOKENS["light"]["accent_soft"]
        and names["--nn-c9"] == CLASS_COLORS["light"][9]
    )
