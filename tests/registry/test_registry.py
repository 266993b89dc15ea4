"""Names, providers, classes of the running program, single files."""

from __future__ import annotations

import pytest

import nnlens
from nnlens.errors import PluginError
from nnlens.registry import Registry

FILE = """
import nnlens, param

class Twice(nnlens.Analysis):
    "Double the loss."
    requires = {"loss": ("sample",)}
    provides = {"twice": ("sample",)}

    def compute(self, data, context):
        return (2 * data).rename(loss="twice")

class Look(nnlens.View):
    "Show it."
    shows = {"twice": ("sample",)}

    def element(self, result, theme):
        return "look"

not_a_class = 5
"""


def analysis(name, provides=None, priority=0):
    body = {
        "provides": provides or {"x": ("sample",)},
        "priority": priority,
        "compute": lambda self, data, context: data,
        "__doc__": "Do little.",
        "__module__": __name__,
    }
    return type(name, (nnlens.Analysis,), body)


@pytest.fixture
def registry():
    return Registry(discover=None)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "twice.py"
    path.write_text(FILE)
    return path


def test_an_unknown_name_is_answered_with_close_ones(registry):
    registry.register(analysis("tsne"))
    registry.register(analysis("pca"))
    with pytest.raises(
        PluginError, match=r"no analysis named 'tnse'. Did you mean tsne\? There are: pca, tsne"
    ):
        registry.load("tnse")
    with pytest.raises(PluginError, match="nnlens-embedding"):
        Registry(discover=None).load("tsne")


def test_providers_come_by_priority_then_by_name(registry):
    for name, priority in (("b", 1), ("a", 1), ("c", 5)):
        registry.register(analysis(name, priority=priority))
    registry.register(analysis("other", {"x": ("unit",)}, 9))
    assert [info.name for info in registry.providers("x", ("sample",))] == ["c", "a", "b"]
    assert [info.name for info in registry.providers("x")] == ["other", "c", "a", "b"]
    assert registry.providers("nothing") == []


def test_register_is_a_decorator_with_or_without_a_name(registry):
    cls = analysis("Mine")
    assert registry.register(cls) is cls
    registry.register(cls, name="called")
    assert [info.id for info in registry.list_plugins()] == ["local:called", "local:mine"]
    assert registry.load("called") is cls


def test_registering_again_replaces(registry):
    registry.register(analysis("mine"))
    newer = analysis("mine")
    registry.register(newer)
    assert registry.load("mine") is newer
    assert len(registry.list_plugins()) == 1


def test_what_breaks_the_contract_is_refused_at_once(registry):
    with pytest.raises(PluginError, match="cannot be registered: it is the class int"):
        registry.register(int)


def test_a_local_class_of_an_installed_name_makes_the_short_name_ambiguous(install, sound):
    install("fresh-pack", "twin", sound())
    registry = Registry()
    registry.register(analysis("twin"))
    with pytest.raises(PluginError, match="fresh-pack:twin or local:twin"):
        registry.load("twin")


def test_a_single_file_serves_like_a_package(registry, file):
    info = registry.register_file(f"{file}:Twice")
    assert (info.id, info.error) == ("local:twice", None)
    assert registry.load("twice").__doc__ == "Double the loss."
    assert registry.register_file(f"{file}:Look").group == "nnlens.views"
    assert [info.name for info in registry.list_plugins("nnlens.views")] == ["look"]


def test_the_version_of_a_file_changes_with_its_content(registry, file):
    first = registry.register_file(f"{file}:Twice").version
    file.write_text(FILE + "# changed\n")
    assert registry.register_file(f"{file}:Twice").version != first


@pytest.mark.parametrize(
    "spec", ["twice.py", "twice:Twice", "missing.py:Twice", "twice.txt:Twice", ":", "twice.py:No way"]
)
def test_what_names_no_file_and_class_is_refused(registry, file, monkeypatch, spec):
    monkeypatch.chdir(file.parent)
    with pytest.raises(PluginError, match=r"file\.py:Class"):
        registry.register_file(spec)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import sys; sys.exit(1)", "sys.exit(1)"),
        ("1 / 0", "ZeroDivisionError"),
        ("x = 1", "there is no Twice in twice.py"),
        ("Twice = 3", "not a subclass"),
    ],
)
def test_a_broken_file_is_listed_with_its_error(registry, file, text, words):
    file.write_text(text)
    info = registry.register_file(f"{file}:Twice")
    assert words in info.error
    assert str(file.parent) not in info.error
    with pytest.raises(PluginError, match="cannot be used"):
        registry.load("twice")


def test_a_file_is_never_run_as_main(registry, file):
    file.write_text(FILE + "\nif __name__ == '__main__':\n    raise SystemExit('the script was run')\n")
    assert registry.register_file(f"{file}:Twice").error is None


def test_another_process_gets_the_same_plugins(registry, file):
    registry.register_file(f"{file}:Twice")
    recipe = registry.recipe(["twice"])
    again = Registry.from_recipe(recipe)
    assert [info.id for info in again.list_plugins()] == ["local:twice"]
    assert again.code_version("twice") == registry.code_version("twice")
    assert not recipe["discover"]
    assert Registry.from_recipe({"discover": True, "local": []}).list_plugins()


def test_a_class_in_a_module_travels_by_its_name(registry, monkeypatch, file):
    monkeypatch.syspath_prepend(str(file.parent))
    from twice import Twice

    registry.register(Twice, "double")
    assert registry.recipe(["double"])["local"][0][:2] == ("double", "twice:Twice")
    assert Registry.from_recipe(registry.recipe(["double"])).load("double") is Twice


def test_a_class_that_no_other_process_can_import_says_so(registry):
    class Inside(nnlens.Analysis):
        """Stand inside a function."""

        provides = {"x": ("sample",)}

        def compute(self, data, context):
            return data

    registry.register(Inside)
    with pytest.raises(PluginError, match="use run"):
        registry.recipe(["inside"])
    assert registry.recipe([])["local"] == []
