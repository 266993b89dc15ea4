"""What holds of backward rules in every framework."""

from __future__ import annotations

import numpy as np
import pytest

from nnlens.errors import ModelError
from nnlens.rules import ABSORBED, PLAIN, Rule, find_rule, register_rule, rule_names
from nnlens.testing import tiny_images, tiny_model


def test_plain_is_the_gradient_and_cannot_be_taken():
    assert find_rule(PLAIN).backward == {}
    with pytest.raises(ModelError, match="gradient itself"):
        register_rule(Rule(PLAIN, {"ReLU": lambda gradient, inputs, output, layer: gradient}))


def test_an_unknown_rule_is_told_with_those_that_are_known():
    with pytest.raises(ModelError, match=r"'magic'.*plain"):
        find_rule("magic")
    assert PLAIN in rule_names()


def test_a_strangers_rule_is_followed_on_the_tiny_network():
    """The sign of the gradient turns at the rectifiers: two of them, so twice."""
    turned = register_rule(Rule("turned", {"ReLU": lambda gradient, inputs, output, layer: -gradient}))
    passed = Rule("passed", {"ReLU": lambda gradient, inputs, output, layer: gradient})
    model = tiny_model()
    inputs, seed = model.prepare(tiny_images(3)[0]), np.ones((3, 3), np.float32)
    found = model.vjp(inputs, seed, rule="turned").gradients["@input"]
    assert turned.name in rule_names()
    np.testing.assert_allclose(found, model.vjp(inputs, seed, rule=passed).gradients["@input"])
    assert not np.allclose(found, model.vjp(inputs, seed).gradients["@input"])


def test_what_layers_absorb_is_added_up():
    """A dense layer that halves what arrives keeps the other half; there are two of them."""
    half = Rule("half", {"Dense": lambda g, x, y, layer: 0 * x + g.sum() / x.size / 2}, frozenset({"Dense"}))
    model = tiny_model()
    inputs = model.prepare(tiny_images(1)[0])
    passed = model.vjp(inputs, np.ones((1, 3), np.float32), wrt=["fc1", ABSORBED], at="fc2", rule=half)
    # three arrive at fc2 and half of it goes on; how much of that reaches fc1 the rectifier says
    arrived = float(passed.gradients["fc1"].sum())
    np.testing.assert_allclose(passed.gradients[ABSORBED], [1.5 + arrived / 2], rtol=1e-5)


def test_a_kind_in_other_letters_is_refused():
    with pytest.raises(ModelError, match="Gelu") as caught:
        Rule("mine", {"Gelu": lambda gradient, inputs, output, layer: gradient})
    assert caught.value.hint == "Did you mean 'GELU'?"
    Rule("mine", {"MaxPool2d": lambda gradient, inputs, output, layer: gradient})  # a class of a framework


@pytest.mark.parametrize("function", ["guided", lambda gradient: gradient, lambda g, x, y, layer, more: g])
def test_a_function_that_cannot_be_called_is_refused_before_it_is(function):
    with pytest.raises(ModelError, match="four arguments") as caught:
        Rule("mine", {"ReLU": function})
    assert "(gradient, inputs, output, layer)" in caught.value.hint
    Rule("mine", {"Dense": lambda *all_of_them: all_of_them[0]})


def test_only_a_rule_can_be_registered():
    with pytest.raises(ModelError, match="str is no backward rule"):
        register_rule("guided")
