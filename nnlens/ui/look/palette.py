"""Colors: the tokens of the interface, the ten classes, and the palettes that turn one byte a pixel into a map.

The ten class colors were found by a search that keeps every pair as far apart as possible for normal, protan,
deutan and tritan sight, at 3:1 on the surface. Violet is left free: the accent means "selected" and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from bokeh.palettes import Viridis256
from numpy.typing import NDArray

Theme = Literal["light", "dark"]
Codes = NDArray[Any]

_NAMES = (
    "app surface raised fill line line2 edge ink ink2 ink3 bar accent accent_soft accent_line "
    "error error_soft warn warn_soft ok"
)
_LIGHT = (
    "F3F5F7 FFFFFF F7F8FA E9ECF0 DFE3E8 C3CAD3 87919D 14181F 46505D 636D7A 9AA4B0 7B1FC4 F4EAFC C79BE8 "
    "B3261E FDECEA 8A5700 FFF4DC 1B6E3C"
)
_DARK = (
    "0A0D11 12161C 181D25 212832 262D37 3A4452 697584 E9EDF2 B1BAC6 8C97A5 5D6978 D59BFF 2A1B38 7A4FA0 "
    "FF9A90 331917 F2B84B 2E2514 6BD08E"
)


def _tokens(colors: str) -> Mapping[str, str]:
    return MappingProxyType(
        {name: f"#{color}" for name, color in zip(_NAMES.split(), colors.split(), strict=True)}
    )


TOKENS: Mapping[Theme, Mapping[str, str]] = MappingProxyType(
    {"light": _tokens(_LIGHT), "dark": _tokens(_DARK)}
)
"""Colors of the interface by theme; the page offers each as the CSS variable ``--nn-NAME`` (``_`` becomes ``-``)."""

_LIGHT_CLASSES = "4454DE C55200 429391 E1616B 1E9DD8 703E2F A2910B B00E5D 4A5963 17862A"
_DARK_CLASSES = "656EDE FC8703 B0EDF3 E61E20 21A0D0 B48475 F9D544 BE4B8A ACB6CD 4FE69F"
CLASS_COLORS: Mapping[Theme, tuple[str, ...]] = MappingProxyType(
    {
        "light": tuple(f"#{color}" for color in _LIGHT_CLASSES.split()),
        "dark": tuple(f"#{color}" for color in _DARK_CLASSES.split()),
    }
)
"""Ten colors; a place has one name in both themes, so that a blue class stays blue. CSS: ``--nn-c0`` … ``--nn-c9``."""

SLOTS = 10
OTHER = SLOTS
"""The place of classes without a color: grey."""
LEVELS = 10
"""Densities of a color on a map."""
STEPS = 127
"""Colors of a continuous variable on a map: twice (selected, dimmed) and the surface make 255."""
DEPTHS = STEPS // (SLOTS + 1)
"""Depths of a class's color by loss: a step of a value's palette is one depth of one slot."""
FAINTEST = 0.7
"""How much of its color a pixel with one sample has; with many it has all."""
PALEST, PALE = 0.5, 0.6
"""How much of its color a class has where the loss is lowest, and of that what is not selected."""
OWN, DEEPEST = 0.6, 0.55
"""At which share of the depths a class has its very color, and how much ink the deepest of all has."""
SPARSE = 5_000
"""Below this many samples the unselected are dimmed less, or they vanish."""
DIM: Mapping[Theme, tuple[float, float]] = MappingProxyType({"light": (0.26, 0.34), "dark": (0.28, 0.42)})
"""Share of the color that an unselected sample keeps: in dense and in sparse sets."""
DIVERGING: Mapping[Theme, tuple[str, str, str]] = MappingProxyType(
    {
        "light": ("#1B5FB8", "#FFFFFF", "#C04A00"),
        "dark": ("#5AA7FF", "#12161C", "#FF9248"),
    }
)
CLEAR = "#00000000"


def rgb(color: str) -> NDArray[np.float64]:
    """Split ``#RRGGBB`` into three numbers from 0 to 255."""
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], float)


def hexed(color: NDArray[np.float64]) -> str:
    """Join three numbers from 0 to 255 into ``#rrggbb``."""
    return "#" + "".join(f"{round(float(part)):02x}" for part in color)


def mix(color: str, ground: str, share: float) -> str:
    """Mix `share` of a color into the ground it stands on."""
    return hexed(rgb(color) * share + rgb(ground) * (1 - share))


def dim_share(theme: Theme, samples: int) -> float:
    """Tell which share of its color an unselected sample keeps."""
    return DIM[theme][samples < SPARSE]


def slot_colors(theme: Theme) -> tuple[str, ...]:
    """List the colors by slot: ten classes, then the grey of all others."""
    return (*CLASS_COLORS[theme], TOKENS[theme]["ink3"])


@lru_cache
def class_palette(theme: Theme, samples: int) -> tuple[str, ...]:
    """Make the palette of a map colored by class.

    Returns
    -------
    tuple of str
        Place 0 shows what lies below; then by slot, dimmed before selected, `LEVELS` densities each.
    """
    ground, shares = TOKENS[theme]["surface"], (dim_share(theme, samples), 1.0)
    levels = np.linspace(FAINTEST, 1, LEVELS)
    return (
        CLEAR,
        *(mix(c, ground, share * level) for c in slot_colors(theme) for share in shares for level in levels),
    )


@lru_cache
def value_palette(theme: Theme, samples: int) -> tuple[str, ...]:
    """Make the palette of a map colored by a number.

    Returns
    -------
    tuple of str
        Place 0 is clear; then `STEPS` dimmed and `STEPS` full; the last is the grey of samples without a number.
    """
    ground, colors = TOKENS[theme]["surface"], sequential(theme, STEPS)
    shown = (mix(c, ground, share) for share in (dim_share(theme, samples), 1.0) for c in colors)
    return (CLEAR, *shown, TOKENS[theme]["line2"])


@lru_cache
def class_loss_palette(theme: Theme, samples: int) -> tuple[str, ...]:
    """Make the palette of a map colored by class and loss at once.

    Returns
    -------
    tuple of str
        As `value_palette`, of which the steps are depth × slot; those beyond show nothing.
    """
    ground, dim = TOKENS[theme]["surface"], dim_share(theme, samples)
    steps = [(color, depth / (DEPTHS - 1)) for depth in range(DEPTHS) for color in slot_colors(theme)]
    # what is not selected is never as strong as what is: it keeps to its own color
    dimmed = [mix(color, ground, dim * (PALE + (1 - PALE) * share)) for color, share in steps]
    full = [_deepened(theme, color, share) for color, share in steps]
    rest = [ground] * (STEPS - len(steps))
    return (CLEAR, *dimmed, *rest, *full, *rest, TOKENS[theme]["line2"])


def _deepened(theme: Theme, color: str, share: float) -> str:
    """Return the color of a class by depth: from half of it, through it, to what stands out of the surface more."""
    tokens = TOKENS[theme]
    if share <= OWN:
        return mix(color, tokens["surface"], PALEST + (1 - PALEST) * share / OWN)
    return mix(tokens["ink"], color, DEEPEST * (share - OWN) / (1 - OWN))


def class_loss_steps(slots: Codes, steps: Codes) -> NDArray[np.uint8]:
    """Join slots of classes and steps of the loss into steps of `class_loss_palette`, dims (sample,); 0 stays 0."""
    depth = (steps.astype(np.intp) - 1) * DEPTHS // STEPS
    return np.where(steps == 0, 0, 1 + depth * (SLOTS + 1) + slots).astype(np.uint8)


@lru_cache
def sequential(theme: Theme, count: int) -> tuple[str, ...]:
    """Make colors for numbers, low to high: Viridis without its first 12 %, turned around in the light theme.

    So the low recede into the surface and the high stand out of it in both.
    """
    whole = Viridis256 if theme == "dark" else Viridis256[::-1]
    return tuple(whole[round(i)] for i in np.linspace(0.12 * 255, 255, count))


@lru_cache
def diverging(theme: Theme, count: int) -> tuple[str, ...]:
    """Make colors for signed numbers: the middle one is the surface itself."""
    low, middle, high = DIVERGING[theme]
    sides = np.linspace(-1, 1, count)
    return tuple(mix(low if side < 0 else high, middle, abs(side)) for side in sides)


class ClassColors:
    """Which class has which color. Ten at most at a time; colors are never used twice.

    Parameters
    ----------
    labels : ndarray of int, dims (sample,)
        The given classes, for their sizes.
    classes : int
        How many there are.

    Notes
    -----
    With more than ten classes the colored ones are the pinned ones, then the largest of the selection (of all
    samples when nothing is selected). A class that stays keeps its color.
    """

    def __init__(self, labels: Codes, classes: int) -> None:
        self.classes = max(classes, int(labels.max(initial=-1)) + 1)
        self.pinned: tuple[int, ...] = ()
        self._labels = labels
        self._sizes = self._count(labels)
        self._slots = np.full(self.classes + 1, OTHER, np.uint8)  # the last place is that of the code −1
        self._slots[: min(self.classes, SLOTS)] = np.arange(min(self.classes, SLOTS))
        self.follow(None)

    @property
    def limited(self) -> bool:
        """Whether there are more classes than colors."""
        return self.classes > SLOTS

    @property
    def colored(self) -> tuple[int, ...]:
        """The classes that have a color, by slot."""
        order = np.argsort(self._slots[:-1], kind="stable")
        return tuple(int(c) for c in order if self._slots[c] != OTHER)

    def follow(self, mask: NDArray[np.bool_] | None) -> None:
        """Give the colors to the largest classes of a selection, dims (sample,)."""
        if self.limited:
            chosen = self._sizes if mask is None else self._count(self._labels[np.flatnonzero(mask)])
            self._assign(chosen)

    def _count(self, labels: Codes) -> NDArray[np.intp]:
        return np.bincount(labels[labels >= 0], minlength=self.classes)

    def pin(self, classes: Sequence[int]) -> None:
        """Keep the colors of these classes whatever is selected."""
        self.pinned = tuple(classes)[:SLOTS]
        self.follow(None)

    def _assign(self, sizes: NDArray[np.intp]) -> None:
        largest = [int(c) for c in np.lexsort((-self._sizes, -sizes)) if c not in self.pinned]
        wanted = [*self.pinned, *largest][:SLOTS]
        held = {c: int(self._slots[c]) for c in wanted if self._slots[c] != OTHER}
        free = iter(sorted(set(range(SLOTS)) - set(held.values())))
        self._slots[:] = OTHER
        for c in wanted:
            self._slots[c] = held[c] if c in held else next(free)

    def slots(self, codes: Codes) -> NDArray[np.uint8]:
        """Find the slots of classes; those without a color, and −1, get `OTHER`."""
        if not len(codes) or (codes.min() >= -1 and codes.max() < self.classes):  # −1 is the last place
            return self._slots[codes]
        return self._slots[np.where((codes >= 0) & (codes < self.classes), codes, -1)]

    def hex(self, code: int, theme: Theme) -> str:
        """Name the color of a class as ``#RRGGBB``."""
        return slot_colors(theme)[int(self.slots(np.array([code]))[0])]

    def css(self, code: int) -> str:
        """Name the color of a class as a CSS variable, which follows the theme in the browser."""
        slot = int(self.slots(np.array([code]))[0])
        return "var(--nn-ink3)" if slot == OTHER else f"var(--nn-c{slot})"


def css_variables(theme: Theme) -> dict[str, str]:
    """List the CSS variables of a theme: tokens as ``--nn-NAME``, class colors as ``--nn-c0`` … ``--nn-c9``."""
    tokens = {f"--nn-{name.replace('_', '-')}": color for name, color in TOKENS[theme].items()}
    return tokens | {f"--nn-c{slot}": color for slot, color in enumerate(CLASS_COLORS[theme])}


def palette_pixels(colors: Sequence[str], ground: str) -> NDArray[np.uint8]:
    """Return a palette of an image as red, green, blue, dims (place, channel); what is clear shows the ground.

    It has 256 places, those beyond the palette's own in the color of the ground.
    """
    solid = [color if len(color) == 7 else ground for color in colors]
    return np.array([rgb(color) for color in solid + [ground] * (256 - len(solid))], np.uint8)
