"""The grid on which all points repel each other: its size, and the spectrum of 1/(1+d²) on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from nnlens_embedding.rows import Float

SPACING, FINE_SPACING = 0.4, 0.3
"""Of the nodes, in units of the map. The push is then off by 1.3 % of its size, by .4 % on the fine grid, and by 2.8 %
with a spacing of .5, which is what openTSNE's default grid has; the map ends at a divergence lower by .6 %."""
DENSE = 20_000
"""Points from which the coarser grid serves: more of them stand around each node, so the error weighs less."""
FEWEST = 64
"""Nodes a side while the map is small."""
FINEST = 0.1
"""Spacing that a small map is not followed below: potentials differ less from node to node than float32 can tell, and
the first steps would be noise that wipes out the start."""
MARGIN = 8
"""Nodes beyond the points: two for the spline, the rest for its ringing at the edge."""


@dataclass(frozen=True)
class Grid:
    """A square of nodes and what turns points on it into their potential.

    Attributes
    ----------
    nodes : int
        Of one side.
    spacing : float
        Between nodes, in units of the map.
    spectrum : ndarray, (2 · nodes, nodes + 1), float32
    """

    nodes: int
    spacing: float
    spectrum: Float

    def potential(self, points: Float, threads: int) -> Float:
        """Convolve what was spread on (nodes, nodes) with the kernel; the transforms skip the half that is padding."""
        size = 2 * self.nodes
        waves = scipy.fft.rfft(points, n=size, axis=1, workers=threads)
        waves = scipy.fft.fft(waves, n=size, axis=0, workers=threads, overwrite_x=True)
        waves *= self.spectrum
        waves = scipy.fft.ifft(waves, axis=0, workers=threads, overwrite_x=True)[: self.nodes]
        field = scipy.fft.irfft(waves, n=size, axis=1, workers=threads)
        return np.ascontiguousarray(field[:, : self.nodes])


def grid_for(span: float, points: int, current: Grid | None) -> Grid:
    """Return a grid that a map of so many points and this span fits on; the current one where it does."""
    spacing = SPACING if points >= DENSE else FINE_SPACING
    while spacing > 2 * FINEST - 1e-6 and span / spacing < FEWEST - 2 * MARGIN:
        spacing /= 2
    needed = int(np.ceil(span / spacing)) + MARGIN
    if current is not None and current.spacing == spacing and needed <= current.nodes <= 2 * needed:
        return current
    nodes = scipy.fft.next_fast_len(max(FEWEST, needed + needed // 16), real=True)
    return Grid(nodes, spacing, spectrum(nodes, spacing))


def spectrum(nodes: int, spacing: float) -> Float:
    """Return the transform of 1/(1+d²), divided by that of the splines that spread and gather.

    So spreading, convolving and gathering interpolates the kernel exactly at the nodes and smoothly between them,
    and one field serves for potential and push.

    References
    ----------
    .. [1] Linderman et al., Fast interpolation-based t-SNE, 2019, arXiv 1712.09005.
    .. [2] Essmann et al., A smooth particle mesh Ewald method, 1995, doi 10.1063/1.470117.
    """
    square = (np.arange(nodes + 1) * spacing) ** 2
    waves = scipy.fft.dctn(
        1 / (1 + square[:, None] + square[None]), type=1
    )  # of an even function: real and even
    waves /= _spline_waves(nodes)[:, None] ** 2 * _spline_waves(nodes)[None] ** 2
    return np.concatenate([waves, waves[-2:0:-1]]).astype(np.float32)


def _spline_waves(nodes: int) -> NDArray[np.float64]:
    return (4 + 2 * np.cos(np.pi * np.arange(nodes + 1) / nodes)) / 6
