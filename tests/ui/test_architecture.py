"""The strip's picture of a network: the edges of the graph, all and only those; boxes that never meet; what folds."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.models import Preprocess, load_model
from nnlens.models.base import LayerInfo
from nnlens.ui.architecture.boxes import is_bar
from nnlens.ui.architecture.folding import Group, shown, shown_edges
from nnlens.ui.architecture.graph import edges_of, graph_of, spans
from nnlens.ui.architecture.layout import HEIGHT
from nnlens.ui.architecture.naming import short
from nnlens.ui.architecture.scene import READABLE, ROOM, Scene

ARCHITECTURES = Path(__file__).parents[1] / "architectures"
DEEP = ("ResNet50", "GoogLeNet", "MobileNetV2")


def graph(file, name):
    spec = importlib.util.spec_from_file_location(file, ARCHITECTURES / f"{file}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = load_model(getattr(module, name)(), preprocess=Preprocess(64))
    return graph_of(model.layers, (3, 64, 64))


@pytest.fixture(scope="module")
def graphs():
    return {name: graph("families", name) for name in DEEP} | {
        "SqueezeNet": graph("squeezenet", "SqueezeNet")
    }


def drawn(scene):
    return {(line.source, line.end) for line in scene.layout.lines}


def rectangles(layout, share):
    """Boxes with their sheets, where the columns stand `share` times as far apart as they would like to."""
    moved = [(box.x * share - box.x, box.edges) for box in layout.boxes.values()]
    return [(left + by, top, right + by, bottom) for by, (left, top, right, bottom) in moved]


def assert_sound(scene):
    """Lines are the graph's edges between boxes; no box meets another, whatever the width; all lie in the strip."""
    box_of = {layer.name: part.key for part in scene.shown for layer in part.leaves}
    edges = {(box_of[a], box_of[b]) for a, b in scene.edges}
    assert drawn(scene) == {(a, b) for a, b in edges if a != b}
    assert len(scene.layout.lines) == len(drawn(scene))
    assert set(box_of) == {layer.name for layer in scene.layers}
    for line in scene.layout.lines:
        a, b = scene.layout.boxes[line.source], scene.layout.boxes[line.end]
        assert line.points[0] == (a.x, a.y)
        assert line.points[-1] == (b.x, b.y)
        assert a.x < b.x
    for share in (scene.layout.least / scene.layout.width, 1, 1.7):
        places = rectangles(scene.layout, share)
        for one, two in itertools.combinations(places, 2):
            apart = one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]
            assert apart, (one, two)
        assert all(left >= 0 and top >= -1e-6 and bottom <= HEIGHT for left, top, _, bottom in places)


def assert_clear(scene):
    """No line runs through a box that it neither leaves nor enters: its level parts lie between rows."""
    for line in scene.layout.lines:
        for (x0, y0), (x1, y1) in itertools.pairwise(line.points):
            if y0 != y1:
                continue
            for key, box in scene.layout.boxes.items():
                left, top, right, bottom = box.edges
                if key not in (line.source, line.end):
                    assert x1 <= left or right <= x0 or not top < y0 < bottom, (line, key)


@pytest.mark.parametrize("name", [*DEEP, "SqueezeNet"])
def test_drawn_edges_are_the_graphs_and_no_boxes_overlap(graphs, name):
    scene = Scene(graphs[name])
    assert_sound(scene)  # as it opens
    assert_clear(scene)
    assert scene.layout.width <= ROOM
    scene.folded = frozenset()
    assert_sound(scene)
    assert_clear(scene)
    assert drawn(scene) == {(source, layer.name) for layer in graphs[name] for source in layer.inputs}
    scene.folded = frozenset(scene.groups)
    assert_sound(scene)


def test_deep_networks_fold_into_what_people_call_their_blocks(graphs):
    titles = {name: [group.title for group in Scene(graphs[name]).groups.values()] for name in graphs}
    bottlenecks = [f"layer{s}.{b}" for s, n in zip("1234", (3, 4, 6, 3), strict=True) for b in range(n)]
    assert set(bottlenecks) < set(titles["ResNet50"])
    assert {f"inception{block}" for block in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")} < set(
        titles["GoogLeNet"]
    )
    assert {f"features.{place}" for place in (3, 4, 6, 7, 9, 10, 11, 12)} < set(titles["SqueezeNet"])
    boxes = [getattr(part, "title", part.key) for part in Scene(graphs["ResNet50"]).shown]
    assert boxes == ["@input", "conv1", "maxpool", *bottlenecks, "avgpool", "fc"]


@pytest.mark.parametrize("name", [*DEEP, "SqueezeNet"])
def test_as_it_opens_every_face_can_be_read(graphs, name):
    scene = Scene(graphs[name])
    drawn = [scene.layout.boxes[part.key] for part in scene.shown if not is_bar(part)]
    assert min(box.height for box in drawn) >= READABLE
    if name == "GoogLeNet":  # four branches side by side, each face as high as a line of text
        assert {f"inception{block}" for block in ("3a", "4e", "5b")} <= {
            getattr(part, "title", "") for part in scene.shown
        }


def test_a_group_unfolds_and_folds_alone(graphs):
    scene = Scene(graphs["ResNet50"])
    before = list(scene.shown)
    key = next(group.key for group in scene.groups.values() if group.title == "layer2.0")
    number = scene.number(key)
    assert scene.turn([number]) == [number]
    assert {"layer2.0.conv1", "layer2.0.downsample.0"} <= {
        part.parts[0].key if isinstance(part, Group) else part.key for part in scene.shown
    }
    assert_sound(scene)
    assert scene.turn([]) == []
    assert scene.shown == before
    assert scene.turn([number, -1, 10_000]) == [number] and scene.number("no such group") is None


@st.composite
def dags(draw):
    """Networks without any order: each layer takes some earlier ones, near or far, or none at all."""
    count = draw(st.integers(1, 24))
    kinds = st.sampled_from(["Conv2d", "ReLU", "BatchNorm2d", "Add", "Linear"])
    layers = []
    for at in range(count):
        far = st.lists(st.integers(-1, at - 1), min_size=draw(st.sampled_from([0, 1, 1, 1])), max_size=4)
        inputs = tuple("@input" if source < 0 else f"l{source}" for source in dict.fromkeys(draw(far)))
        name = draw(st.sampled_from(["", "a.", "a.b.", "b."]))
        shape = draw(st.sampled_from([(8, 16, 16), (64, 4, 4), (10,), (1, 1, 1)]))
        layers.append(LayerInfo(f"l{at}", draw(kinds), shape, inputs=inputs, aliases=(f"{name}{at}",)))
    return layers


@settings(max_examples=150, deadline=None)
@given(dags(), st.randoms(use_true_random=False))
def test_any_network_is_drawn_whole_whatever_is_folded(layers, random):
    scene = Scene(graph_of(layers, (3, 32, 32)))
    assert_sound(scene)
    for _ in range(3):
        scene.folded = frozenset(key for key in scene.groups if random.random() < 0.5)
        assert_sound(scene)
        assert_clear(scene)
        quotient = networkx.DiGraph(shown_edges(shown(scene.parts, scene.folded), scene.edges))
        assert networkx.is_directed_acyclic_graph(quotient)


@settings(max_examples=150, deadline=None)
@given(dags())
def test_ends_of_spans_are_what_every_path_passes(layers):
    found = graph_of(layers, (3, 32, 32))
    order = [layer.name for layer in found]
    edges = [(a, b) for a, b in edges_of(found)]
    ends = {span.end for span in spans(order, edges)}
    assert [node for span in spans(order, edges) for node in (*span.inside, span.end)] == order
    for node in order:
        at = order.index(node)
        jumped = any(order.index(a) < at < order.index(b) for a, b in edges)
        assert (node in ends) == (not jumped)


def test_names_are_shortened_from_the_left():
    assert short("layer1.0.conv1", 10) == "l.0.conv1"
    assert short("features.28", 10) == "f.28"
    assert short("conv1", 10) == "conv1"
    assert short("conv2_block1_1_conv", 10) == "c_b_1_conv"


def test_an_input_that_is_not_there_and_a_name_twice_do_no_harm():
    first = LayerInfo("a", "Conv2d", (1, 2, 2), inputs=("later", "@input", "@input"))
    layers = [first, LayerInfo("later", "ReLU", (2,), inputs=("a",))]
    found = graph_of([*layers, layers[0]], (1, 4, 4))
    assert edges_of(found) == [("@input", "a"), ("a", "later")]
    assert np.isfinite(Scene(found).layout.width)
    assert Scene([]).layout.lines == ()
