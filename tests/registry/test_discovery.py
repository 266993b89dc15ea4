"""What is installed is listed without importing it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nnlens.errors import PluginError
from nnlens.registry import Registry, discovery

EDITABLE = '{"url": "file:///somewhere", "dir_info": {"editable": true}}'


def named(registry: Registry, name: str):
    return next(info for info in registry.list_plugins() if info.name == name)


def test_listing_imports_nothing(install, sound):
    install("fresh-pack", "fresh", "raise RuntimeError('I was imported')\n" + sound())
    info = named(Registry(), "fresh")
    assert (info.id, info.version, info.error) == ("fresh-pack:fresh", "1.2.3", None)
    assert info.target == "fresh_pack_code:Mine"
    assert "fresh_pack_code" not in sys.modules


def test_listing_all_that_is_installed_here_imports_none_of_it():
    code = (
        "import sys; from nnlens.registry import list_plugins; names = [i.target.split('.')[0] for i in list_plugins()]"
        "; assert names; print([name for name in names if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_loading_tells_what_it_is(install, sound):
    install("fresh-pack", "fresh", sound("sums", 7))
    registry = Registry()
    cls = registry.load("fresh")
    assert registry.load("fresh-pack:fresh") is cls
    info = registry.info("fresh")
    assert (info.title, info.api, info.scope, info.priority) == ("Mine of sums", 1, "dataset", 7)
    assert info.provides == {"worth": ("sample",)}


def test_two_packages_with_one_name_are_both_listed_and_the_short_name_is_refused(install, sound):
    install("first-pack", "twin", sound())
    install("second-pack", "twin", sound())
    registry = Registry()
    assert [info.id for info in registry.list_plugins() if info.name == "twin"] == [
        "first-pack:twin",
        "second-pack:twin",
    ]
    with pytest.raises(PluginError, match="first-pack:twin or second-pack:twin"):
        registry.load("twin")
    assert registry.load("second-pack:twin").__module__ == "second_pack_code"


@pytest.mark.parametrize("what", ["fresh", "fresh-pack", "fresh-pack:fresh", " other , fresh "])
def test_one_can_be_switched_off_and_is_never_imported(install, monkeypatch, what):
    install("fresh-pack", "fresh", "raise RuntimeError('I was imported')")
    monkeypatch.setenv("NNLENS_DISABLE_PLUGINS", what)
    registry = Registry()
    assert "NNLENS_DISABLE_PLUGINS" in named(registry, "fresh").error
    with pytest.raises(PluginError, match=r"switched off by NNLENS_DISABLE_PLUGINS\. Unset") as refused:
        registry.load("fresh")
    assert "Repair" not in str(refused.value)
    assert "fresh_pack_code" not in sys.modules


def test_broken_metadata_of_a_stranger_does_not_end_the_listing(install, sound, tmp_path):
    install("fresh-pack", "fresh", sound())
    nameless = tmp_path / "site" / "gone-1.0.dist-info"
    nameless.mkdir()
    garbled = tmp_path / "site" / "garbled-1.0.dist-info"
    garbled.mkdir()
    (garbled / "METADATA").write_text("Metadata-Version: 2.1\nName: garbled\nVersion: 1.0\n")
    (garbled / "entry_points.txt").write_text("[nnlens.analyses]\nthis line says nothing\n= =\n")
    infos = Registry().list_plugins(load=True)
    assert any(info.name == "fresh" and info.error is None for info in infos)
    assert all(info.error for info in infos if info.distribution == "garbled")


def test_of_an_editable_install_the_sources_are_part_of_the_version(install, sound):
    package = install("fresh-pack", "fresh", sound(), direct=EDITABLE)
    first = Registry().code_version("fresh")
    assert first.startswith("1.2.3+")
    assert Registry().code_version("fresh") == first
    (package / "helper.py").write_text("x = 1\n")
    second = Registry().code_version("fresh")
    assert second not in ("1.2.3", first)
    (package / "helper.py").rename(package / "renamed.py")
    assert Registry().code_version("fresh") not in (first, second)


def test_of_any_other_install_the_version_is_enough(install, sound):
    install("fresh-pack", "fresh", sound(), direct='{"url": "https://somewhere", "archive_info": {}}')
    assert Registry().code_version("fresh") == "1.2.3"


def test_a_process_keeps_the_version_of_the_code_that_it_runs(install, sound):
    package = install("fresh-pack", "fresh", sound(), direct=EDITABLE)
    registry = Registry()
    first = registry.code_version("fresh")
    (package / "helper.py").write_text("x = 1\n")
    assert registry.code_version("fresh") == first


def test_sources_of_a_single_module_and_of_nothing(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lone_module.py").write_text("x = 1\n")
    assert discovery.hash_sources("lone_module") == discovery.hash_files(
        [tmp_path / "lone_module.py"], Path(tmp_path)
    )
    assert discovery.hash_sources("no_such_package_anywhere") == "0" * 16
