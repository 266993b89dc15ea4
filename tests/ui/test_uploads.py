"""Files of coordinates that strangers send: what they claim is compared with what can be, before it is unpacked."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nnlens.errors import SamplesError
from nnlens.ui.maps.stored import stored_map, take_file

MEGABYTE = 1 << 20
ROWS, XY = 60, np.arange(120, dtype=np.float32).reshape(60, 2)


def header(shape):
    """The beginning of a .npy file, whatever follows it."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def zipped(name, *parts):
    """A zip of one member, which is written part by part."""
    stream = io.BytesIO()
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(stream, "w", compresslevel=1) as archive, archive.open(info, "w") as member:
        for part in parts:
            member.write(part)
    return stream.getvalue()


def bomb(megabytes):
    """A .npz of a hundredth of what it unpacks to, true to its header."""
    zeros = bytes(MEGABYTE)
    return zipped("xy.npy", header((megabytes * MEGABYTE // 8, 2)), *[zeros] * megabytes)


def saved(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


class Runs:
    """Does something when it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was run')",)


OBJECTS = np.array([[Runs(), Runs()]] * ROWS, object)
LONG = b"\x93NUMPY\x02\x00" + (1 << 27).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("bomb.npz", lambda: bomb(300), "claims to unpack to 315 MB where 268 MB are the most"),
        ("rows.npz", lambda: bomb(100), "13,107,200 rows where at most 60 fit"),
        ("rows.npy", lambda: header((900_000, 2)) + bytes(7_200_000), "900,000 rows where at most 60 fit"),
        ("huge.npy", lambda: header((10**15, 2)) + bytes(480), "bytes where its header says"),
        ("huge.npz", lambda: zipped("xy.npy", header((2**60, 2**60)), bytes(480)), "where its header says"),
        ("long.npz", lambda: zipped("xy.npy", LONG, *[b" " * MEGABYTE] * 128), "does not begin as a .npy"),
        ("cut.npz", lambda: zipped("xy.npy", saved(XY))[:-30], "damaged or no .npz file"),
        ("cut.npy", lambda: saved(XY)[:-30], "bytes where its header says"),
        ("half.npz", lambda: zipped("xy.npy", saved(XY)[:-30]), "bytes where its header says"),
        ("objects.npy", lambda: saved(OBJECTS), "pickled Python objects"),
        ("objects.npz", lambda: zipped("xy.npy", saved(OBJECTS)), "pickled Python objects"),
        ("commas.csv", lambda: b"," * 2_000_000, "2,000,001 columns"),
        ("rows.csv", lambda: b"1,2\n" * 10_000, "10,000 rows where at most 60 fit"),
        ("rows.parquet", lambda: parquet(x=np.zeros(3_000_000), y=1), "3,000,000 rows where at most 60 fit"),
        ("wide.parquet", lambda: parquet(xy=[np.zeros(99_999)] * ROWS), "99999 numbers a sample"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_what_claims_too_much_is_refused_before_it_is_unzipped(tiny_lens, name, make, words):
    content = make()
    before = len(tiny_lens.results())
    tracemalloc.start()
    with pytest.raises(SamplesError) as refused:
        take_file(tiny_lens, name, content)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert words in refused.value.message and refused.value.hint and name in refused.value.message
    assert most < 40 * MEGABYTE, f"{most / MEGABYTE:.0f} MB"
    assert len(tiny_lens.results()) == before


def parquet(**columns):
    return pd.DataFrame(columns).to_parquet(index=False)


def test_texts_that_are_packed_once_stay_once_in_memory(tiny_lens):
    table = parquet(x=XY[:, 0], y=XY[:, 1], note=["long " * MEGABYTE] * ROWS, image=[np.zeros(9_999)] * ROWS)
    key = take_file(tiny_lens, "notes.parquet", table)
    np.testing.assert_array_equal(stored_map(tiny_lens, key)["projection"], XY)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=40))
@example("../xy")
@example("/etc/xy")
@example("..\\xy")
@example("C:xy")
@example("a\0b")
@example("..")
@example("a/b")
def test_a_member_whose_name_leads_elsewhere_is_refused(tiny_lens, name):
    told = f"{name}.npy"
    try:
        content = zipped(told, saved(XY))
    except (UnicodeEncodeError, ValueError):  # a name that no zip has
        return
    leads = any(sign in told for sign in "/\\") or told[1:2] == ":" or any(sign < " " for sign in told)
    try:
        key = take_file(tiny_lens, "own.npz", content)
    except SamplesError as refused:
        assert leads or "leads elsewhere" not in refused.message
    else:
        assert not leads
        assert stored_map(tiny_lens, key) is not None


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=90))
@example("../../out")
@example("a\0b")
@example("<img src=x onerror=hacked=1>")
@example("x" * 300)
@example("\U0001f600" * 80)
def test_a_file_of_any_name_is_read_and_called_by_it(tiny_lens, name):
    key = take_file(tiny_lens, f"{name}é.csv", b"x,y\n" + b"1,2\n" * ROWS)
    attrs = stored_map(tiny_lens, key).attrs
    assert "é.csv · 60 samples" in attrs["caption"] or "….csv · 60 samples" in attrs["caption"]
    assert not {"/", "\0"} & set(attrs["caption"].partition(" · ")[0])
