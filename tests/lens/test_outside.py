"""A picture from outside: the same as if it were in the run, and never more than a message where it is none."""

import io

import numpy as np
import pytest
from PIL import Image

from nnlens import Lens, capture, load_model, load_samples
from nnlens.errors import AnalysisError, JobError, SamplesError
from nnlens.lens.outside import LARGEST_FILE, submit_outside


@pytest.fixture(scope="module")
def lens(tmp_path_factory):
    model = load_model("zoo:digits")
    return Lens(
        capture(model, load_samples("digits", "test", limit=40), tmp_path_factory.mktemp("r") / "run"), model
    )


def png(image, kind="PNG"):
    out = io.BytesIO()
    Image.fromarray(image).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("layer", ["fc1", "conv1"])
def test_a_sample_that_comes_as_a_file_is_the_sample(lens, layer):
    sample = int(lens.store.ids[7])
    found = submit_outside(lens, png(lens.store.images([sample])[0, ..., 0]), layer).result(timeout=120)
    assert np.allclose(found.logits, lens.store.samples["logit"].sel(sample=sample), atol=1e-4)
    assert np.allclose(found.vector, lens.store.pooled(layer).sel(sample=sample), atol=1e-4)
    assert (found.height, found.width) == (8, 8)
    space = lens.run("search-space", layer=layer)
    place = (found.vector - space["center"].values) @ space["axis"].values.T
    assert np.allclose(place, space["vector"].sel(sample=sample), atol=1e-3)
    away = np.linalg.norm(space["vector"].values - place, axis=1)
    full = np.linalg.norm(lens.store.pooled(layer).values - found.vector, axis=1)
    assert np.allclose(away, full, atol=1e-3), "components turn the space and keep its distances"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!doctype html>nothing", "is a web page"),
        (b"<svg xmlns='x'></svg>", "is SVG"),
        (b"%!PS-Adobe", "PostScript"),
        (b"\x80\x04cos\nsystem\n", "is no picture"),
        (png(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8))[:600], "damaged or cut off"),
    ],
    ids=["web page", "SVG", "PostScript", "pickle", "cut off"],
)
def test_what_is_no_picture_is_named(lens, content, words):
    with pytest.raises(JobError, match=words) as caught:
        submit_outside(lens, content, "fc1").result(timeout=120)
    assert "/" not in str(caught.value).replace("PNG or JPEG", "")


def test_limits_are_checked_before_anything_is_done(lens):
    with pytest.raises(SamplesError, match="at most 8 MB"):
        submit_outside(lens, b"x" * (LARGEST_FILE + 1), "fc1")
    with pytest.raises(SamplesError, match="is empty"):
        submit_outside(lens, b"", "fc1")
    with pytest.raises(AnalysisError, match="needs the model"):
        submit_outside(Lens(lens.store), b"x", "fc1")


def test_a_huge_picture_is_refused_before_it_is_decoded(lens):
    out = io.BytesIO()
    Image.new("1", (13_000, 13_000)).save(out, "PNG")
    with pytest.raises(JobError, match="has 169 megapixels"):
        submit_outside(lens, out.getvalue(), "fc1").result(timeout=120)
