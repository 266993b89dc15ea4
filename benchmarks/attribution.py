"""Attribution: samples a second of every method, against a bare forward and backward pass and against Captum.

    python benchmarks/attribution.py [METHOD ...] [--batches 1 32] [--rounds N] [--threads N]

A small VGG at 64 pixels with random weights. All of one method take turns in one process, so that what else the machine
does falls on all of them alike. Ours is the whole analysis, from images to the result with its captions, and finds the
predicted class itself; the floor and Captum get prepared inputs and the target. The last column adds what Captum's user
does before: prepare the inputs and predict. Prints ratios of wall clock, medians.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from measuring import limit_threads, table, taking_turns

SIDE = 64
SMOOTH, STEPS, MASKS = 10, 20, 100
PATCH, STRIDE = 16, 8
CHEAP = 40
"""Rounds of a method that takes one pass, at batch 1; what takes many passes gets fewer."""

METHODS: Mapping[str, tuple[dict[str, Any], bool, float]] = {
    # parameters, whether on a layer, how many forward + backward passes a sample takes
    "saliency": ({}, False, 1),
    "gradient-x-input": ({}, False, 1),
    "smoothgrad": ({"count": SMOOTH}, False, SMOOTH),
    "integrated-gradients": ({"steps": STEPS}, False, STEPS),
    "guided-backprop": ({}, False, 1),
    "deconv": ({"signal": "target"}, False, 1),
    "gradcam": ({}, True, 1),
    "gradcam-plus-plus": ({}, True, 1),
    "hirescam": ({}, True, 1),
    "guided-gradcam": ({}, True, 2),
    "lrp": ({"rule": "epsilon"}, False, 1),
    "occlusion": ({"patch": PATCH / SIDE, "stride": STRIDE / PATCH}, False, 50),
    "rise": ({"masks": MASKS}, False, MASKS),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help=f"of {', '.join(METHODS)}; all when left out")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--rounds", type=int, default=CHEAP)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if unknown := set(arguments.methods) - set(METHODS):
        parser.error(f"no method is called {', '.join(sorted(unknown))}")
    limit_threads(arguments.threads)
    rows = [
        ("method", "batch", "samples/s", "× floor", "Captum samples/s", "× Captum", "of its processor time")
    ]
    rows[0] += ("× Captum from images",)
    for batch in arguments.batches:
        scene = Scene(batch, arguments.threads)
        for name in arguments.methods or METHODS:
            rows.append(measured(scene, name, arguments.rounds))
            print(" · ".join(rows[-1]), flush=True)
    print("\n" + table(rows))


class Scene:
    """The network, a batch of images, and what the peers need."""

    def __init__(self, batch: int, threads: int) -> None:
        import numpy as np
        import torch
        import xarray as xr

        from nnlens import Preprocess, load_model

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.module = small_vgg(torch.nn).eval()
        self.model = load_model(self.module, preprocess=Preprocess(SIDE))
        self.layer = str(max(i for i, part in enumerate(self.module) if isinstance(part, torch.nn.Conv2d)))
        images = np.random.default_rng(0).integers(0, 256, (batch, SIDE, SIDE, 3), dtype=np.uint8)
        self.data = xr.Dataset(
            {"image": (("sample", "y", "x", "channel"), images), "label": ("sample", np.zeros(batch, int))},
            coords={"sample": np.arange(batch)},
        )
        self.inputs = torch.from_numpy(self.model.prepare(images))
        self.target = self.module(self.inputs).argmax(1)
        self.batch = batch

    def floor(self) -> None:
        """Run one forward and one backward pass to the input, the parameters frozen."""
        import torch

        for weight in self.module.parameters():
            weight.requires_grad_(False)
        held = self.inputs.clone().requires_grad_()
        torch.autograd.grad(self.module(held)[range(self.batch), self.target].sum(), held)

    def ours(self, name: str) -> Callable[[], Any]:
        from nnlens import registry
        from nnlens.analysis import Context, Request

        parameters, on_layer, _ = METHODS[name]
        analysis = registry.current().load_analysis(name)(**parameters)
        request = Request("benchmark", layer=self.layer if on_layer else None)
        return lambda: analysis.compute(self.data, Context(request, self.model))

    def from_images(self, peer: Callable[[], Any]) -> Callable[[], Any]:
        """Return what a user of the peer has to do beside: prepare the inputs, and find the predicted class."""
        import torch

        images = self.data["image"].to_numpy()

        def work() -> Any:
            with torch.no_grad():
                self.module(torch.from_numpy(self.model.prepare(images))).argmax(1)
            return peer()

        return work

    def captum(self, name: str) -> Callable[[], Any] | None:
        """Return the peer's way to the same map, None where it has none."""
        import captum.attr as peers
        from captum.attr._utils.lrp_rules import EpsilonRule

        module, inputs, target = self.module, self.inputs, self.target
        for weight in module.parameters():
            weight.requires_grad_(False)
        layer = module[int(self.layer)]

        def fresh() -> Any:
            return inputs.clone().requires_grad_()

        def gradcam() -> Any:
            small = peers.LayerGradCam(module, layer).attribute(inputs, target, relu_attributions=True)
            return peers.LayerAttribution.interpolate(small, (SIDE, SIDE), "bilinear")

        def occlusion() -> Any:
            return peers.Occlusion(module).attribute(
                inputs, (3, PATCH, PATCH), (3, STRIDE, STRIDE), 0, target, perturbations_per_eval=1
            )

        def lrp() -> Any:
            for part in module:
                if type(part).__name__ == "Flatten":
                    part.rule = EpsilonRule()  # it knows none, and forgets this one after each call
            return peers.LRP(module).attribute(fresh(), target)

        found: dict[str, Callable[[], Any]] = {
            "saliency": lambda: peers.Saliency(module).attribute(fresh(), target),
            "gradient-x-input": lambda: peers.InputXGradient(module).attribute(fresh(), target),
            "smoothgrad": lambda: peers.NoiseTunnel(peers.Saliency(module)).attribute(
                inputs, nt_samples=SMOOTH, stdevs=0.1, target=target
            ),
            "integrated-gradients": lambda: peers.IntegratedGradients(module).attribute(
                inputs, n_steps=STEPS, target=target, internal_batch_size=32
            ),
            "guided-backprop": lambda: peers.GuidedBackprop(module).attribute(fresh(), target),
            "deconv": lambda: peers.Deconvolution(module).attribute(fresh(), target),
            "gradcam": gradcam,
            "guided-gradcam": lambda: peers.GuidedGradCam(module, layer).attribute(
                fresh(), target, interpolate_mode="bilinear"
            ),
            "lrp": lrp,
            "occlusion": occlusion,
        }
        return found.get(name)


def measured(scene: Scene, name: str, rounds: int) -> tuple[str, ...]:
    """Return the row of one method on one batch."""
    import warnings

    import numpy as np

    passes = METHODS[name][2]
    works: dict[str, Callable[[], Any]] = {"floor": scene.floor, "ours": scene.ours(name)}
    peer = scene.captum(name)
    if peer is not None:
        works |= {"captum": peer, "captum from images": scene.from_images(peer)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum warns of the hooks that it sets
        clocks = taking_turns(works, max(3, round(rounds / passes / scene.batch**0.5)))

    def per_round(kind: str, other: str) -> float:
        pairs = zip(clocks["ours"], clocks[other], strict=True)
        return float(np.median([getattr(own, kind) / getattr(theirs, kind) for own, theirs in pairs]))

    def speed(who: str) -> str:
        return f"{scene.batch / np.median([clock.wall for clock in clocks[who]]):.4g}"

    ratios = [("captum", "wall"), ("captum", "processor"), ("captum from images", "wall")]
    theirs = (
        () if peer is None else (speed("captum"), *(f"{per_round(kind, who):.3f}" for who, kind in ratios))
    )
    floor = f"{per_round('wall', 'floor') / passes:.3f}" + ("" if passes == 1 else f" × {passes:g}")
    return name, str(scene.batch), speed("ours"), floor, *(theirs or [""] * 4)


def small_vgg(nn: Any) -> Any:
    """Six convolutions, three poolings, two dense layers: 64-pixel color images to ten classes."""
    layers, channels = [], 3
    for width in (32, 64, 128):
        for _ in range(2):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 8 * 8, 128), nn.ReLU(), nn.Linear(128, 10))


if __name__ == "__main__":
    main()
