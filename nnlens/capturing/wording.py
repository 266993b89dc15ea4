"""A preprocessing as options of the command line."""

from __future__ import annotations

from nnlens.models.preprocess import Numbers, Preprocess


def options_of(preprocess: Preprocess) -> str:
    """Return the options of the command line that choose a preprocessing, all but its size."""
    given = {
        "scale": _number(preprocess.scale),
        "mean": _numbers(preprocess.mean),
        "std": _numbers(preprocess.std),
        "order": preprocess.order,
        "fit": preprocess.fit,
    }
    if preprocess.resample != "bilinear":
        given["resample"] = preprocess.resample
    if preprocess.share != 1:
        given["share"] = _number(preprocess.share)
    return " ".join(f"--{name} {value}" for name, value in given.items())


def _numbers(value: Numbers) -> str:
    return _number(value) if isinstance(value, int | float) else ",".join(map(_number, value))


def _number(value: float) -> str:
    """Write a number so that it is read as the same: 1/255 where that is what it is."""
    if float(f"{value:g}") == value:
        return f"{value:g}"
    inverse = f"{1 / value:g}"
    return f"1/{inverse}" if 1 / float(inverse) == value else repr(value)
