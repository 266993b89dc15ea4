"""Guessing the architecture that weights were saved from, by names and shapes: something to try, never used unasked."""

from __future__ import annotations

import re
from collections.abc import Mapping

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

RESNETS: dict[tuple[tuple[int, ...], bool], str] = {
    ((2, 2, 2, 2), False): "resnet18",
    ((3, 4, 6, 3), False): "resnet34",
    ((3, 4, 6, 3), True): "resnet50",
    ((3, 4, 23, 3), True): "resnet101",
    ((3, 8, 36, 3), True): "resnet152",
}
"""Blocks of each layer, and whether they have a bottleneck."""
WIDE = {("resnet50", 128, 128): "wide_resnet50_2", ("resnet101", 128, 128): "wide_resnet101_2"}
GROUPED = {
    ("resnet50", 128, 4): "resnext50_32x4d",
    ("resnet101", 256, 8): "resnext101_32x8d",
    ("resnet101", 256, 4): "resnext101_64x4d",
}
"""Name, and width and inputs of the first 3×3 convolution → variant."""
VGGS = {8: "vgg11", 10: "vgg13", 13: "vgg16", 16: "vgg19"}
DENSENETS = {
    (24, 64): "densenet121",
    (32, 64): "densenet169",
    (48, 64): "densenet201",
    (36, 96): "densenet161",
}
"""Layers of the third block and channels of the first convolution."""
EFFICIENTNETS = {1408: "b2", 1536: "b3", 1792: "b4", 2048: "b5", 2304: "b6", 2560: "b7"}
SHOWN = 6


def suggest(shapes: Shapes) -> str | None:
    """Return an architecture of torchvision to try, with its classes; None where the names are no such network's."""
    for guess in (_resnet, _vgg, _squeezenet, _mobilenet, _efficientnet, _densenet, _inception, _googlenet):
        found = guess(shapes)
        if found is not None:
            return f"torchvision.models:{found}"
    return None


def describe(shapes: Shapes) -> str:
    """Tell what layers weights are for, in the order of the file, such as ``conv1 1→6 5×5, fc 84→10``."""
    words = [
        _layer(name, shape)
        for name, shape in shapes.items()
        if name.endswith("weight") and len(shape) in (2, 4)
    ]
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more


def _layer(name: str, shape: Shape) -> str:
    size = f" {shape[2]}×{shape[3]}" if len(shape) == 4 else ""
    return f"{name.removesuffix('weight').rstrip('.') or 'weight'} {shape[1]}→{shape[0]}{size}"


def _classes(shapes: Shapes, head: str) -> int:
    return shapes[head][0]


def _count(shapes: Shapes, pattern: str) -> int:
    """Count the different things that a pattern's group stands for."""
    found = (re.fullmatch(pattern, name) for name in shapes)
    return len({match[1] for match in found if match is not None})


def _resnet(shapes: Shapes) -> str | None:
    if not {"conv1.weight", "layer1.0.conv1.weight", "layer4.0.conv1.weight", "fc.weight"} <= set(shapes):
        return None
    blocks = tuple(_count(shapes, rf"layer{part}\.(\d+)\.conv1\.weight") for part in (1, 2, 3, 4))
    name = RESNETS.get((blocks, "layer1.0.conv3.weight" in shapes))
    if name is None:
        return None
    width, inputs = shapes["layer1.0.conv2.weight"][:2]
    name = GROUPED.get((name, width, inputs)) or WIDE.get((name, width, inputs), name)
    return f"{name}(num_classes={_classes(shapes, 'fc.weight')})"


def _vgg(shapes: Shapes) -> str | None:
    if "classifier.6.weight" not in shapes or "features.0.weight" not in shapes:
        return None
    classes = _classes(shapes, "classifier.6.weight")
    if shapes["features.0.weight"][2:] == (11, 11):
        return f"alexnet(num_classes={classes})"
    convolutions = sum(name.startswith("features.") and len(shape) == 4 for name, shape in shapes.items())
    normalized = "_bn" if "features.1.running_mean" in shapes else ""
    return f"{VGGS[convolutions]}{normalized}(num_classes={classes})" if convolutions in VGGS else None


def _squeezenet(shapes: Shapes) -> str | None:
    if "features.3.squeeze.weight" not in shapes or "classifier.1.weight" not in shapes:
        return None
    version = "1_0" if shapes["features.0.weight"][2:] == (7, 7) else "1_1"
    return f"squeezenet{version}(num_classes={_classes(shapes, 'classifier.1.weight')})"


def _mobilenet(shapes: Shapes) -> str | None:
    if "features.1.conv.0.0.weight" in shapes and "classifier.1.weight" in shapes:
        return f"mobilenet_v2(num_classes={_classes(shapes, 'classifier.1.weight')})"
    if "features.1.block.0.0.weight" in shapes and "classifier.3.weight" in shapes:
        size = "large" if shapes["classifier.0.weight"][0] == 1280 else "small"
        return f"mobilenet_v3_{size}(num_classes={_classes(shapes, 'classifier.3.weight')})"
    return None


def _efficientnet(shapes: Shapes) -> str | None:
    if "features.1.0.block.0.0.weight" not in shapes or "classifier.1.weight" not in shapes:
        return None
    classes, width = shapes["classifier.1.weight"]
    blocks = _count(shapes, r"features\.7\.(\d+)\.block\.0\.0\.weight")
    kind = {1: "b0", 2: "b1"}.get(blocks) if width == 1280 else EFFICIENTNETS.get(width)
    if kind is None or "features.1.0.block.1.fc1.weight" not in shapes:
        return None
    return f"efficientnet_{kind}(num_classes={classes})"


def _densenet(shapes: Shapes) -> str | None:
    if "features.denseblock3.denselayer1.conv1.weight" not in shapes or "classifier.weight" not in shapes:
        return None
    layers = _count(shapes, r"features\.denseblock3\.denselayer(\d+)\.conv1\.weight")
    name = DENSENETS.get((layers, shapes["features.conv0.weight"][0]))
    return f"{name}(num_classes={_classes(shapes, 'classifier.weight')})" if name else None


def _inception(shapes: Shapes) -> str | None:
    return _with_side_heads(shapes, "inception_v3", "Mixed_5b.branch1x1.conv.weight", "AuxLogits.fc.weight")


def _googlenet(shapes: Shapes) -> str | None:
    return _with_side_heads(shapes, "googlenet", "inception3a.branch1.conv.weight", "aux1.fc2.weight")


def _with_side_heads(shapes: Shapes, name: str, mark: str, side: str) -> str | None:
    if mark not in shapes or "fc.weight" not in shapes:
        return None
    return f"{name}(num_classes={_classes(shapes, 'fc.weight')}, aux_logits={side in shapes}, init_weights=False)"
