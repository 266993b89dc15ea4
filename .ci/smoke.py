"""Use the installed wheels; .ci/run starts this in an empty environment: bare, then with extras (``--extras``)."""

import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

HEAVY = ("torch", "tensorflow", "keras", "panel", "holoviews")
ANALYSES = {"pca", "tsne", "umap", "neighbors", "quality", "loss", "confusion", "saliency", "gradcam"}
ANALYSES |= {"feature-maps", "channel-score", "top-samples", "dead-channels", "selectivity"}
COMMAND = Path(sys.executable).with_name("nnlens")


def nnlens(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False
    )


def check_bare(folder: Path) -> None:
    """Without extras: the library, the digits, the plugins, an analysis; what is missing is named."""
    for name in HEAVY:
        assert importlib.util.find_spec(name) is None, f"{name} is installed: this environment is not bare"
    import nnlens as library
    from nnlens.testing import tiny_store

    for name in library.__all__:
        getattr(library, name)
    digits = library.load_samples("digits", split="all")
    assert len(digits) == 1797, len(digits)
    print(f"digits: {len(digits)} samples of {digits.image_shape}")

    listed = json.loads(nnlens("plugins", "--json").stdout)
    analyses = {plugin["name"]: plugin["error"] for plugin in listed if plugin["group"] == "nnlens.analyses"}
    assert not any(analyses.values()), analyses
    assert set(analyses) >= ANALYSES, f"not listed: {sorted(ANALYSES - set(analyses))}"
    print(f"plugins: {', '.join(analyses)}")

    tiny_store(folder / "tiny")
    answer = nnlens("run", folder / "tiny", "tsne", "--layer", "fc1", "--perplexity", 5)
    assert answer.returncode == 0, answer.stderr
    print(answer.stdout.strip())

    for arguments, extra in (
        (["explore"], "nnlens[ui]"),
        (["capture", "zoo:digits", "digits", folder / "x"], "nnlens[torch]"),
    ):
        refused = nnlens(*arguments)
        assert refused.returncode == 1, refused
        assert extra in refused.stderr, refused.stderr
        assert len(refused.stderr.splitlines()) == 1, refused.stderr
        print(refused.stderr.strip())


def check_extras(folder: Path) -> None:
    """With extras: the digits demo is served, from a folder that is no checkout."""
    served = subprocess.Popen(
        [COMMAND, "explore", "--no-browser"], stdout=subprocess.PIPE, text=True, cwd=folder
    )
    try:
        address = served.stdout.readline().strip()
        with urllib.request.urlopen(address, timeout=60) as page:
            assert page.status == 200
            print(f"{address} answers with {len(page.read()):,} bytes")
        served.send_signal(signal.SIGINT)
        assert served.wait(60) == 0
    finally:
        served.kill()


def main() -> None:
    """Check one of both."""
    with tempfile.TemporaryDirectory() as folder:
        (check_extras if "--extras" in sys.argv else check_bare)(Path(folder))


if __name__ == "__main__":
    main()
