"""A broken plugin is data: one line that says what is wrong, and everything else works."""

from __future__ import annotations

import pytest

from nnlens import rules
from nnlens.errors import ModelError, PluginError
from nnlens.registry import Registry
from nnlens.rules import find_rule, rule_names

HEAD = "import nnlens, param\n"
BODY = '    provides = {"x": ("sample",)}\n    def compute(self, data, context):\n        return data\n'
GOOD = HEAD + "class Mine(nnlens.Analysis):\n" + BODY

BROKEN = {
    "raises": ("raise ImportError('no fortran (/usr/lib/secret/lib.so)')", "ImportError: no fortran"),
    "exits": ("import sys\nsys.exit('bye')", "its import called sys.exit('bye')"),
    "base": ("raise BaseException('odd')", "BaseException: odd"),
    "syntax": ("def f(:", "SyntaxError"),
    "missing": (
        "import a_module_that_is_nowhere",
        "ModuleNotFoundError: No module named 'a_module_that_is_nowhere'",
    ),
    "absent": ("x = 1", "AttributeError"),
    "no_class": ("Mine = 5", "it is a value of type int, not a subclass of nnlens.Analysis"),
    "other_class": ("class Mine: pass", "it is the class Mine, not a subclass"),
    "old_api": (GOOD + "    plugin_api = 99\n", "written for plugin api 99; this nnlens has 1"),
    "reserved": (GOOD + "    layer = param.String('x')\n", "parameter 'layer' is reserved"),
    "kind": (GOOD + "    data = param.Array()\n", "parameter 'data' is a param.Array"),
    "signature": (GOOD.replace("data, context", "data"), "compute must take (self, data, context)"),
    "greedy": (
        GOOD.replace("data, context", "data, context, more"),
        "compute must take (self, data, context)",
    ),
    "idle": (HEAD + "class Mine(nnlens.Analysis):\n    provides = {'x': ()}\n", "does not define compute"),
    "gives_nothing": (GOOD.replace('{"x": ("sample",)}', "{}"), "provides nothing"),
    "dims": (GOOD.replace('("sample",)', '"sample"'), "provides must map names of variables to tuples"),
    "list": (GOOD.replace('{"x": ("sample",)}', '["x"]'), "provides must map names of variables to tuples"),
    "scope": (GOOD + "    scope = 'galaxy'\n", "scope is 'galaxy'"),
    "constructor": (GOOD + "    def __init__(self):\n        raise OSError('no key')\n", "OSError: no key"),
    "many_lines": ("raise ValueError('one\\ntwo\\nthree')", "ValueError: one"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_it_is_listed_with_its_error_and_the_rest_works(install, sound, kind):
    code, words = BROKEN[kind]
    install("broken-pack", "broken", code)
    install("sound-pack", "sound", sound())
    registry = Registry()
    infos = {info.name: info for info in registry.list_plugins(load=True)}
    assert words in infos["broken"].error
    assert "\n" not in infos["broken"].error
    assert "/usr/lib" not in infos["broken"].error
    assert infos["sound"].error is None
    assert "sound" in {info.name for info in registry.providers("worth")}
    assert "broken" not in {info.name for info in registry.providers("x")}
    with pytest.raises(PluginError) as caught:
        registry.load("broken")
    assert "broken-pack:broken cannot be used" in str(caught.value)


def test_an_import_is_tried_once(install, tmp_path):
    trace = tmp_path / "trace"
    install(
        "broken-pack", "broken", f"with open({str(trace)!r}, 'a') as f: f.write('x')\nraise ValueError('no')"
    )
    registry = Registry()
    for _ in range(3):
        registry.list_plugins(load=True)
    assert trace.read_text() == "x"


def test_a_view_is_held_to_its_contract(install):
    view = "import nnlens\nclass Mine(nnlens.View):\n    shows = {'x': ('sample',)}\n"
    install(
        "good-view",
        "good",
        view + "    def element(self, result, theme):\n        pass\n",
        group="nnlens.views",
    )
    install("bad-view", "bad", view + "    def element(self):\n        pass\n", group="nnlens.views")
    install("page-view", "page", "import nnlens\nclass Mine(nnlens.Page):\n    pass\n", group="nnlens.views")
    errors = {info.name: info.error for info in Registry().list_plugins("nnlens.views", load=True)}
    assert errors["good"] is None
    assert errors["page"] is None
    assert "element must take (self, result, theme)" in errors["bad"]


def test_groups_without_a_class_contract_take_anything(install):
    install("reader-pack", "reader", "def Mine(path):\n    return path\n", group="nnlens.samples")
    assert Registry().load("reader", "nnlens.samples")("x") == "x"


def test_describe_is_plain_data(install, sound):
    import json

    install("broken-pack", "broken", "raise ValueError('no')")
    install("sound-pack", "sound", sound())
    described = {each["name"]: each for each in json.loads(json.dumps(Registry().describe()))}
    assert described["broken"]["error"] == "ValueError: no"
    assert described["sound"] | {"error": None, "api": 1, "group": "nnlens.analyses"} == described["sound"]
    assert described["sound"]["provides"] == {"worth": ["sample"]}


RULE = "from nnlens.rules import Rule\ndef back(gradient, inputs, output, layer):\n    return gradient\n"
BROKEN_RULES = {
    "class": ("Mine = Rule", "it is the class Rule, not an nnlens.rules.Rule"),
    "value": ("Mine = 5", "it is a value of type int, not an nnlens.rules.Rule"),
    "empty": ("Mine = Rule('mine')", "must map kinds of layers to functions"),
    "list": ("Mine = Rule('mine', [back])", "must map kinds of layers to functions"),
    "number": (
        "Mine = Rule('mine', {'ReLU': 3})",
        "Write it as a function of (gradient, inputs, output",
    ),
    "few": (
        "Mine = Rule('mine', {'ReLU': lambda gradient: gradient})",
        "has for ReLU does not take four arguments",
    ),
    "raises": ("1 / 0", "ZeroDivisionError"),
}


@pytest.mark.parametrize("kind", BROKEN_RULES)
def test_a_broken_rule_is_listed_with_its_error(install, kind):
    code, words = BROKEN_RULES[kind]
    install(
        "good-rule", "good", RULE + "Mine = Rule('good', {'ReLU': back, 'GELU': back})", group="nnlens.rules"
    )
    install("bad-rule", "bad", RULE + code, group="nnlens.rules")
    infos = {info.name: info for info in Registry().list_plugins("nnlens.rules", load=True)}
    assert words in infos["bad"].error
    assert (infos["good"].error, infos["good"].title) == (None, "at GELU, ReLU")


def test_a_rule_can_be_switched_off_and_one_name_is_one_rule(install, monkeypatch):
    monkeypatch.setattr(rules, "_rules", dict(rules._rules))
    made = RULE + "Mine = Rule('twice', {'ReLU': back})"
    install("one-rule", "twice", made, group="nnlens.rules")
    install("Other.Rule", "twice", made, group="nnlens.rules")
    with pytest.raises(ModelError, match=r"'twice' is brought by one-rule and other-rule\. Switch one off"):
        find_rule("twice")
    monkeypatch.setenv("NNLENS_DISABLE_PLUGINS", "twice")
    assert "twice" not in rule_names()
    with pytest.raises(ModelError, match=r"no backward rule 'twice'\. It is switched off by NNLENS_DISABLE"):
        find_rule("twice")
    monkeypatch.setenv("NNLENS_DISABLE_PLUGINS", "other-rule")
    assert "twice" in rule_names()
    assert find_rule("twice").backward
