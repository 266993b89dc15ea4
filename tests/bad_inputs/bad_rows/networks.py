"""Rows 19 to 28: networks with a trap, and one of layers with hostile names."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import nnlens
from bad_rows.making import LIMIT, captured
from bad_rows.row import Case, Row, Texts
from nnlens.errors import JobError, ModelError

SOURCE = Path(__file__).with_name("trap_networks.py")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
Check = Callable[[Any], None]


def trap(name: str, check: Check = lambda store: None) -> Case:
    """Write a network and its weights; a program has it live as well and finds it as it was."""
    import torch

    built = build(name)
    torch.save(built.state_dict(), "weights.pth")
    case = captured("weights.pth", f"trap_networks.py:{name}", check)

    def program() -> Texts | None:
        live(built).activations(np.zeros((1, 1, 8, 8), np.float32), ["@logits"])
        return case.program()

    return Case(program, case.words, case.check, lambda: state_of(built))


def live(module: Any) -> Any:
    return nnlens.load_model(module, preprocess=nnlens.Preprocess(8, order="grey"))


def build(name: str) -> Any:
    from nnlens.models.architecture import find_architecture

    shutil.copy(SOURCE, "trap_networks.py")
    return find_architecture(f"trap_networks.py:{name}").build()


def state_of(module: Any) -> object:
    """Return everything of a network that a call could leave changed."""
    return (
        [(name, value.numpy().tobytes()) for name, value in module.state_dict().items()],
        [part.training for part in module.modules()],
        [[sorted(getattr(part, name)) for name in HOOKS] for part in module.modules()],
    )


def names_of(store: Any) -> list[str]:
    return [layer.name for layer in store.layers]


def before_the_relu(store: Any) -> None:
    assert store.activation("conv").min() < 0 <= store.activation("relu").min()


def both_calls(store: Any) -> None:
    first, second = store.activation("relu#0").values, store.activation("relu#1").values
    assert not np.array_equal(first, second)


def one_layer(store: Any) -> None:
    assert len([layer for layer in store.layers if layer.info.kind == "Conv2d"]) == 1
    assert store.activation("same").identical(store.activation("conv"))


def functions(store: Any) -> None:
    assert len(names_of(store)) >= 3
    assert store.samples["logit"].shape == (LIMIT, 10)


def ten_logits(store: Any) -> None:
    assert store.samples["logit"].shape == (LIMIT, 10)


def nothing_dropped(store: Any) -> None:
    conv = store.activation("conv").values
    assert np.array_equal(store.activation("drop").values, conv)


def replaced(store: Any) -> None:
    assert (store.activation("conv") == 1).all()


def failing_hook() -> Case:
    built, case = build("Raises"), trap("Raises")
    return Case(lambda: live(built).notes and None, case.words, state=lambda: state_of(built))


def compiled() -> Case:
    """The file holds the names that the wrapper has; the program has the wrapper itself."""
    return trap("compiled", ten_logits)


def endless() -> Case:
    """A network that one day hangs: the process that is asked for an attribution is ended."""
    import torch

    torch.save(build("NeverEnds").state_dict(), "weights.pth")
    captured("weights.pth", "trap_networks.py:NeverEnds").program()
    model = nnlens.load_model("weights.pth", "trap_networks.py:NeverEnds")
    lens = nnlens.Lens("run", model=model)
    lens.submit(
        "saliency", sample=[1]
    ).result()  # the process is there, so that its start takes no time any more

    def program() -> None:
        lens.submit("saliency", sample=[3], deadline=1).result()

    return Case(program, during=hanging)


@contextmanager
def hanging() -> Iterator[None]:
    Path("hang").touch()
    try:
        yield
    finally:
        Path("hang").unlink()


ROWS = [
    Row(
        19,
        "a ReLU that writes over its input",
        lambda: trap("InPlace", before_the_relu),
        works="The convolution's activation is what it was before the ReLU.",
    ),
    Row(
        20,
        "one ReLU that is called twice",
        lambda: trap("Twice", both_calls),
        works="It is two layers, `relu#0` and `relu#1`.",
    ),
    Row(
        21,
        "one module under two names",
        lambda: trap("TwoNames", one_layer),
        works="It is one layer that has both names.",
    ),
    Row(
        22,
        "functions alone, no modules",
        lambda: trap("Functional", functions),
        works="The calls of functions are the layers.",
    ),
    Row(
        23,
        "a dict as output",
        lambda: trap("Mapping", ten_logits),
        works="The entry that holds the logits is taken.",
    ),
    Row(
        23,
        "a tuple as output",
        lambda: trap("Tuple", ten_logits),
        works="The entry that holds the logits is taken.",
    ),
    Row(
        24,
        "left in the mode of training",
        lambda: trap("Training", nothing_dropped),
        works="It is evaluated, and then is in its own mode again.",
    ),
    Row(25, "a hook of its own that raises midway", failing_hook, "the hook of fc fails", ModelError),
    Row(
        26,
        "a hook of its own that returns a value",
        lambda: trap("Replaces", replaced),
        works="The value counts as the output, as it does without nnlens.",
    ),
    Row(27, "a network within `torch.compile`", compiled, works="The network inside is taken.", slow=True),
    Row(28, "a forward pass that never ends", endless, "", JobError, slow=True),
]
