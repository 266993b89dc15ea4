"""The door of the library."""

import importlib.util
import inspect

import nnlens


def test_public_names_are_sorted_and_there():
    assert list(nnlens.__all__) == sorted(nnlens.__all__)
    for name in nnlens.__all__:
        assert getattr(nnlens, name).__doc__


def test_no_module_bears_the_name_of_a_public_function():
    for name in nnlens.__all__:
        assert importlib.util.find_spec(f"nnlens.{name}") is None


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(nnlens, "no_such_name")


def test_the_names_others_rely_on_keep_their_signatures():
    def parameters(function):
        return list(inspect.signature(function).parameters)

    assert parameters(nnlens.load_model)[:3] == ["source", "architecture", "preprocess"]
    assert parameters(nnlens.load_samples)[:3] == ["source", "split", "limit"]
    assert parameters(nnlens.capture)[:4] == ["model", "samples", "path", "layers"]
    assert parameters(nnlens.Lens)[:2] == ["store", "model"]
    assert parameters(nnlens.open_store)[:1] == ["path"]
    settings = ["size", "fit", "resample", "scale", "mean", "std", "order", "share", "code"]
    assert parameters(nnlens.Preprocess) == settings
