"""Analyses for jobs: this file is given as a plugin, and workers run it too."""

import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import param
import xarray as xr

import nnlens

LOSS = {"loss": ("sample",)}
MAP = {"projection": ("sample", "component")}


def lay_out(data, value):
    points = np.full((data.sizes["sample"], 2), value, np.float32)
    return xr.Dataset({"projection": (("sample", "component"), points)}, {"sample": data["sample"].values})


class Gated(nnlens.Analysis):
    """Wait for a file, telling how far it is."""

    title = "Gated map"
    requires = LOSS
    provides = MAP
    gate = param.String("", doc="The file.")
    value = param.Number(1.0, doc="Where all points lie.")

    def compute(self, data, context):
        context.progress(1, 4, "waiting")
        context.partial(lay_out(data, -1.0))
        while self.gate and not Path(self.gate).exists() and not context.stopping:
            threading.Event().wait(0.01)
        return lay_out(data, self.value).assign_attrs(caption=f"value {self.value:g}")


class Deaf(nnlens.Analysis):
    """Show one picture and hear nothing."""

    requires = LOSS
    provides = MAP

    def compute(self, data, context):
        context.partial(lay_out(data, 7.0))
        threading.Event().wait()


class First(nnlens.Analysis):
    """Provide what Second needs."""

    title = "First step"
    requires = LOSS
    provides = {"base": ("sample",)}
    width = param.Integer(1, doc="A number.")

    def compute(self, data, context):
        context.progress(1, 1)
        return (data + self.width).rename(loss="base").load()


class Second(nnlens.Analysis):
    """Stand on First."""

    requires = {"base": ("sample",)}
    provides = {"top": ("sample",)}

    def compute(self, data, context):
        return (2 * data).rename(base="top").load()


class Failing(nnlens.Analysis):
    """Fail in a chosen way."""

    title = "Failing"
    requires = LOSS
    provides = {"x": ("sample",)}
    how = param.Selector(
        default="raise",
        objects=["raise", "refuse", "exit", "abort", "wrong", "nothing", "print"],
        doc="Which.",
    )

    def compute(self, data, context):
        if self.how == "raise":
            raise RuntimeError("the matrix is singular")
        if self.how == "refuse":
            raise nnlens.errors.AnalysisError("All losses are zero.", "Choose another run.")
        if self.how == "exit":
            sys.exit(4)
        if self.how == "abort":
            os.abort()
        if self.how == "nothing":
            return None
        if self.how == "print":
            print("a library that talks " * 100_000)
            return data.rename(loss="x").load()
        return data


class Process(nnlens.Analysis):
    """Tell which process it runs in."""

    scope = "sample"
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = {"attribution": ("sample", "y", "x")}
    needs_model = True

    def compute(self, data, context):
        images = data["image"].astype("f4")
        logits = context.model.predict(context.model.prepare(data["image"].values))
        picture = images.mean("channel") * 0 + float(logits.max())
        return picture.to_dataset(name="attribution").assign_attrs(pid=os.getpid(), at=time.time())


class Whole(Process):
    """Use the model on the whole data set."""

    scope = "dataset"
