"""What is asked is checked before anything is computed, and every refusal says what is legal."""

from __future__ import annotations

import numpy as np
import param
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlens import Analysis, Lens
from nnlens.errors import AnalysisError, PluginError, StoreError
from nnlens.lens.casting import complete
from nnlens.lens.requesting import from_dict, to_dict


class Many(Analysis):
    """Have a parameter of every kind."""

    provides = {"x": ("sample",)}
    whole = param.Integer(3, bounds=(1, 9), doc="A count.")
    number = param.Number(2, bounds=(0, None), doc="A number whose default is written as a whole one.")
    maybe = param.Number(None, allow_None=True, doc="A number or nothing.")
    flag = param.Boolean(True, doc="A switch.")
    choice = param.Selector(default=4, objects=[1, 2, 4, "auto"], doc="A choice.")
    named = param.Selector(default=1, objects={"one": 1, "two": 2}, doc="A choice with names.")
    several = param.ListSelector(default=["a"], objects=["a", "b", "c"], doc="Choices.")
    text = param.String("abc", doc="A text.")
    span = param.Range((0.0, 1.0), bounds=(0, 10), doc="Two numbers.")
    counts = param.List([1, 2], item_type=int, doc="Numbers.")

    def compute(self, data, context):
        return data


def filled(**given):
    return complete(Many, given, "many")


def test_defaults_given_explicitly_change_nothing():
    assert filled() == filled(**filled())
    assert [type(value) for value in filled().values()] == [
        type(value) for value in filled(**filled()).values()
    ]
    assert "name" not in filled()


@pytest.mark.parametrize(
    ("name", "equal"),
    [
        ("whole", [4, 4.0, "4", np.int64(4), np.float32(4)]),
        ("number", [30, 30.0, "30", "3e1", np.float64(30)]),
        ("maybe", [None, "None"]),
        ("flag", [False, 0, "no", "False", "0", np.bool_(False)]),
        ("choice", [2, 2.0, "2", np.int8(2)]),
        ("named", [2, "two", "2"]),
        ("several", [["a", "b"], ("a", "b"), "a,b", "a, b"]),
        ("text", ["7", 7]),
        ("span", [(1, 2), [1.0, 2.0], "1,2"]),
        ("counts", [[3, 4], (3, 4), "3,4", np.array([3, 4])]),
    ],
)
def test_equal_values_come_out_equal_and_of_one_type(name, equal):
    values = [filled(**{name: value})[name] for value in equal]
    assert all(value == values[0] and type(value) is type(values[0]) for value in values)
    assert all(repr(value) == repr(values[0]) for value in values)


@pytest.mark.parametrize(
    ("name", "value", "legal"),
    [
        ("whole", 3.5, "a whole number from 1 to 9"),
        ("whole", 10, "from 1 to 9"),
        ("whole", True, "a whole number"),
        ("whole", "many", "a whole number"),
        ("whole", float("inf"), "a whole number"),
        ("number", -1, "a number of 0 or more"),
        ("number", None, "a number of 0 or more"),
        ("flag", "perhaps", "true or false"),
        ("flag", 2, "true or false"),
        ("choice", 3, "one of 1, 2, 4, auto"),
        ("named", "three", "one of 1, 2"),
        ("several", "a,z", "one of a, b, c"),
        ("span", "1", "two numbers"),
        ("span", (1, 20), "two numbers from 0 to 10"),
        ("counts", "1,x", "list"),
    ],
)
def test_what_is_not_legal_is_refused_with_what_is(name, value, legal):
    with pytest.raises(AnalysisError) as caught:
        filled(**{name: value})
    assert name in caught.value.message
    assert "many" in caught.value.message
    assert legal in caught.value.hint


@given(st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.lists(st.integers())))
def test_anything_at_all_is_either_taken_or_refused(value):
    for name in filled():
        try:
            once = filled(**{name: value})
        except AnalysisError:
            continue
        assert repr(filled(**once)) == repr(once)


def test_an_unknown_parameter_is_answered_with_close_ones(lens):
    with pytest.raises(AnalysisError, match=r"map has no parameter 'perplexty'. Did you mean perplexity\?"):
        lens.request("map", layer="fc1", perplexty=3)


def test_what_comes_with_a_request_is_a_close_one_too(lens):
    with pytest.raises(AnalysisError, match=r"map has no parameter 'samples'. Did you mean sample\?"):
        lens.request("map", layer="fc1", samples=[3])


def test_an_unknown_analysis_is_answered_with_close_ones(lens):
    with pytest.raises(AnalysisError, match=r"no analysis named 'neighbours'. Did you mean neighbors\?"):
        lens.request("neighbours", layer="fc1")


def test_an_unknown_layer_is_answered_with_those_there_are(lens):
    with pytest.raises(
        AnalysisError, match=r"no layer 'fc3'. Did you mean fc\d or fc\d\? It has: conv, .*@input, @logits"
    ):
        lens.request("map", layer="fc3")


def test_a_broken_plugin_stays_a_plugin_error(lens, registry, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("1 / 0")
    registry.register_file(f"{path}:Broken")
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        lens.request("broken")


def test_ids_are_sorted_unique_and_all_of_them_is_none(lens):
    assert lens.request("worth", sample=[7, 3, 7]).sample == (3, 7)
    assert lens.request("worth", sample=np.array([5])).sample == (5,)
    assert lens.request("worth", sample=5).sample == (5,)
    assert lens.request("worth", sample=lens.store.ids[::-1]).sample is None
    assert lens.request("worth").sample is None


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([], "No samples"),
        ([999, 1000], "no sample 999, 1000"),
        (["a"], "whole numbers"),
        ([2**70], "whole numbers"),
        ([1.5], "whole numbers"),
        ([True, False], "whole numbers"),
        ([[1], [2, 3]], "whole numbers"),
    ],
)
def test_ids_that_are_not_there_are_refused(lens, samples, words):
    with pytest.raises(AnalysisError, match=words):
        lens.request("worth", sample=samples)


def test_a_channel_belongs_to_a_layer_and_must_be_there(lens):
    with pytest.raises(AnalysisError, match="Give it: channel=0"):
        lens.request("strongest", layer="conv")
    with pytest.raises(AnalysisError, match="They go from 0 to 3"):
        lens.request("strongest", layer="conv", channel=4)
    with pytest.raises(AnalysisError, match="Give the layer too"):
        lens.request("strongest", channel=0)
    assert lens.request("strongest", layer="conv", channel=np.int64(3)).channel == 3
    with pytest.raises(AnalysisError, match="maps looks at no single channel"):
        lens.request("maps", layer="conv", channel=0)


def test_a_request_survives_its_way_to_another_process(lens):
    import json

    request = lens.request("map", layer="fc1", sample=[1, 2, 5], perplexity=3, seed=None, using="neighbors")
    assert from_dict(lens.store, lens.registry, json.loads(json.dumps(to_dict(request)))) == request


def test_using_takes_results_keys_and_names(lens):
    result = lens.run("map", layer="fc1")
    key = result.attrs["key"]
    for using in (result, [result], key, [key]):
        assert lens.request("quality", layer="fc1", using=using).using == (key,)
    assert lens.request("quality", layer="fc1", using="map").using == ("local:map",)
    with pytest.raises(AnalysisError, match="has no key"):
        lens.request("quality", layer="fc1", using=result.drop_attrs())


@pytest.mark.parametrize(
    ("analysis", "wrong", "said"),
    [
        (None, {}, "names no analysis"),
        ("map", {"layer": 3}, "layer cannot be 3"),
        ("map", {"layer": "fc1", "seed": "a"}, "seed cannot be 'a'"),
    ],
)
def test_values_of_another_type_are_named(lens, analysis, wrong, said):
    with pytest.raises(AnalysisError, match=said):
        lens.run(analysis, **wrong)


def test_what_is_no_run_is_named():
    with pytest.raises(StoreError, match="A int is no run"):
        Lens(3)
