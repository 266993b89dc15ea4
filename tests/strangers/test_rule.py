"""A package of a stranger brings a backward rule: it is found by its name, and listed with what it treats."""

import json

FOLLOW = """
import json
import numpy as np
from nnlens.errors import ModelError
from nnlens.testing import tiny_images, tiny_model
model = tiny_model()
inputs, seed = model.prepare(tiny_images(3)[0]), np.ones((3, 3), np.float32)
plain, theirs = (model.vjp(inputs, seed, rule=rule).gradients["@input"] for rule in ("plain", "stranger-positive"))
try:
    model.vjp(inputs, seed, rule="stranger-number")
except ModelError as error:
    said = str(error)
print(json.dumps([bool(np.allclose(plain, theirs)), bool(np.isfinite(theirs).all()), said]))
"""


def test_it_is_listed_and_what_is_none_has_its_error(stranger):
    rules = {each["name"]: each for each in stranger.listed() if each["group"] == "nnlens.rules"}
    assert rules["stranger-positive"]["error"] is None
    assert rules["stranger-positive"]["title"] == "at ReLU"
    assert "not an nnlens.rules.Rule" in rules["stranger-number"]["error"]


def test_a_network_follows_it_by_its_name(stranger):
    answer = stranger.run("-c", FOLLOW)
    assert answer.returncode == 0, answer.stderr
    same, finite, said = json.loads(answer.stdout)
    assert (same, finite) == (False, True)
    assert "'stranger-number' is a int, not an nnlens.rules.Rule" in said
