"""The inner loops of the fast t-SNE. Coordinates are two float32 vectors, so that the loops run on whole registers."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from nnlens_embedding.crew import kernel

f4 = np.float32


@numba.njit(inline="always")
def spline(t: Any) -> Any:
    """Return the cubic B-spline's weights of the four nodes around a point, `t` after the second of them."""
    u = f4(1) - t
    square, cube = t * t, t * t * t
    sixth = f4(1 / 6)
    return (
        u * u * u * sixth,
        (f4(3) * cube - f4(6) * square + f4(4)) * sixth,
        (f4(3) * (t + square - cube) + f4(1)) * sixth,
        cube * sixth,
    )


@numba.njit(inline="always")
def slope(t: Any) -> Any:
    """Return the derivatives of `spline`."""
    u, square = f4(1) - t, t * t
    return f4(-0.5) * u * u, f4(1.5) * square - f4(2) * t, f4(0.5) + t - f4(1.5) * square, f4(0.5) * square


@kernel
def spread(start: int, stop: int, x: Any, y: Any, corner: Any, per_unit: Any, grid: Any) -> None:
    """Add every point to the 16 nodes around it."""
    for i in range(start, stop):
        a, b = (x[i] - corner[0]) * per_unit, (y[i] - corner[1]) * per_unit
        row, column = np.uint32(a), np.uint32(b)
        down, across = spline(a - f4(row)), spline(b - f4(column))
        for p in range(4):
            for q in range(4):
                grid[row + p, column + q] += down[p] * across[q]


@kernel
def gather(
    start: int,
    stop: int,
    x: Any,
    y: Any,
    corner: Any,
    per_unit: Any,
    grid: Any,
    push_x: Any,
    push_y: Any,
    near: Any,
) -> None:
    """Read potential Σ 1/(1+d²) and push Σ (yᵢ−yⱼ)/(1+d²)² from the grid: the push is −½ of the potential's slope."""
    scale = f4(-0.5) * per_unit
    for i in range(start, stop):
        a, b = (x[i] - corner[0]) * per_unit, (y[i] - corner[1]) * per_unit
        row, column = np.uint32(a), np.uint32(b)
        t, u = a - f4(row), b - f4(column)
        down, across, slope_down, slope_across = spline(t), spline(u), slope(t), slope(u)
        value, along_x, along_y = f4(0), f4(0), f4(0)
        for p in range(4):
            level, lean = f4(0), f4(0)
            for q in range(4):
                node = grid[row + p, column + q]
                level += across[q] * node
                lean += slope_across[q] * node
            value += down[p] * level
            along_x += slope_down[p] * level
            along_y += down[p] * lean
        near[i], push_x[i], push_y[i] = value, along_x * scale, along_y * scale


@kernel
def repel(start: int, stop: int, x: Any, y: Any, push_x: Any, push_y: Any, near: Any) -> None:
    """Sum over all pairs what `gather` reads from the grid: exact, and faster for few points."""
    for i in range(start, stop):
        value, along_x, along_y, here_x, here_y = f4(0), f4(0), f4(0), x[i], y[i]
        for j in range(len(x)):
            dx, dy = here_x - x[j], here_y - y[j]
            close = f4(1) / (f4(1) + dx * dx + dy * dy)
            value += close
            along_x += close * close * dx
            along_y += close * close * dy
        near[i], push_x[i], push_y[i] = value, along_x, along_y


@kernel
def attract(
    start: int, stop: int, x: Any, y: Any, first: Any, other: Any, weight: Any, pull_x: Any, pull_y: Any
) -> None:
    """Sum pᵢⱼ (yᵢ−yⱼ)/(1+d²) over the neighbors; `other` is unsigned, which spares a test for each edge."""
    for i in range(start, stop):
        along_x, along_y, here_x, here_y = f4(0), f4(0), x[i], y[i]
        for edge in range(first[i], first[i + 1]):
            j = other[edge]
            dx, dy = here_x - x[j], here_y - y[j]
            force = weight[edge] / (f4(1) + dx * dx + dy * dy)
            along_x += force * dx
            along_y += force * dy
        pull_x[i], pull_y[i] = along_x, along_y


@kernel
def step(
    start: int,
    stop: int,
    position: Any,
    pull: Any,
    push: Any,
    speed: Any,
    gain: Any,
    exaggeration: Any,
    per_z: Any,
    rate: Any,
    momentum: Any,
    longest: Any,
) -> None:
    """Move along the gradient with momentum and a gain for each coordinate; no step is longer than `longest`."""
    for i in range(start, stop):
        length = f4(0)
        for axis in range(2):
            gradient = exaggeration * pull[axis, i] - push[axis, i] * per_z
            onward = (gradient < 0) == (speed[axis, i] > 0)
            gain[axis, i] = gain[axis, i] + f4(0.2) if onward else gain[axis, i] * f4(0.8) + f4(0.01)
            speed[axis, i] = momentum * speed[axis, i] - rate * gain[axis, i] * gradient
            length += speed[axis, i] * speed[axis, i]
        shrink = min(f4(1), longest / max(np.sqrt(length), f4(1e-20)))
        for axis in range(2):
            speed[axis, i] *= shrink
            position[axis, i] += speed[axis, i]


@kernel
def log_distances(start: int, stop: int, x: Any, y: Any, first: Any, other: Any, weight: Any) -> float:
    """Return Σ p log(1+d²), the part of the Kullback–Leibler divergence that needs the edges."""
    total = 0.0
    for i in range(start, stop):
        part, here_x, here_y = f4(0), x[i], y[i]
        for edge in range(first[i], first[i + 1]):
            j = other[edge]
            dx, dy = here_x - x[j], here_y - y[j]
            part += weight[edge] * np.log(f4(1) + dx * dx + dy * dy)
        total += part
    return total


@kernel
def hilbert(start: int, stop: int, column: Any, row: Any, side: int, key: Any) -> None:
    """Give points numbers along a Hilbert curve through `side`² cells, so that near points get near numbers."""
    for i in range(start, stop):
        x, y, cell, place = column[i], row[i], side // 2, 0
        while cell > 0:
            right, up = (x & cell) > 0, (y & cell) > 0
            place += cell * cell * ((3 * right) ^ up)
            if not up:
                if right:
                    x, y = side - 1 - x, side - 1 - y
                x, y = y, x
            cell //= 2
        key[i] = place


@kernel
def permute(
    start: int,
    stop: int,
    order: Any,
    place: Any,
    first: Any,
    other: Any,
    weight: Any,
    new_first: Any,
    new_other: Any,
    new_weight: Any,
) -> None:
    """Copy the edges of the rows in another order; `place` is where each row went."""
    for i in range(start, stop):
        target = new_first[i]
        for edge in range(first[order[i]], first[order[i] + 1]):
            new_other[target], new_weight[target] = place[other[edge]], weight[edge]
            target += 1
