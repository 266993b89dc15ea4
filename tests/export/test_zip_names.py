"""What files in a zip are called: whatever a stranger named them, every system unpacks them beside each other."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from pathlib import PurePosixPath, PureWindowsPath

from hypothesis import example, given
from hypothesis import strategies as st

from nnlens.export import zipped
from nnlens.export.streaming import zip_pieces

HARD = st.text(st.sampled_from("a.A/\\: \0\n\u202e*?CON1é"), max_size=12)
LEADING = [
    "../../etc/passwd",
    "/root",
    "C:\\x.png",
    "a/../b",
    "..",
    ".",
    "",
    "NUL.png",
    "a\0.png",
    "\ud800",
    "a.PNG",
    "A.png",
]


@given(st.lists(st.one_of(HARD, st.text(max_size=300)), max_size=8))
@example(LEADING)
@example(["same.png"] * 4)
@example(["é.png", "e\u0301.png", "(no name)", "\u202e"])
@example(["\U0001f600" * 300 + ".png", "x" * 999, "." * 999, "a." + "b" * 999])
def test_any_names_unpack_beside_each_other(names):
    files = [(name, name.encode("utf-8", "surrogatepass")) for name in names]
    for content in (zipped(files), b"".join(zip_pieces(files))):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            made = archive.namelist()
            assert [archive.read(each) for each in made] == [text for _, text in files]
        assert len({unicodedata.normalize("NFC", each).casefold() for each in made}) == len(names)
        for each in made:
            assert PurePosixPath(each).parts == (each,) and PureWindowsPath(each).parts == (each,)
            assert each not in (".", "..") and ".." not in each and not each.endswith((".", " "))
            assert not any(unicodedata.category(sign) in ("Cc", "Cf", "Cs") for sign in each)
            assert not set(each) & set('/\\:*?"<>|') and not PureWindowsPath(each).is_reserved()
            assert len(each.encode()) <= 255


@given(
    st.lists(
        st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}\.(png|svg|npz|csv)", fullmatch=True), unique=True, max_size=6
    )
)
def test_names_of_ours_stay(names):
    with zipfile.ZipFile(io.BytesIO(zipped((name, b"") for name in names))) as archive:
        assert archive.namelist() == [
            f"-{each}" if PureWindowsPath(each).is_reserved() else each for each in names
        ]
