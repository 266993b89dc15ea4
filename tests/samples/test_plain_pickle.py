import io
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnlens.errors import SamplesError
from nnlens.samples.plain_pickle import OPCODES, read_pickle

NAMES = st.one_of(st.text(max_size=5), st.binary(max_size=5).map(lambda name: name.decode("latin1")))
PLAIN = st.recursive(
    st.one_of(
        st.integers(), st.booleans(), st.none(), st.text(max_size=9), st.floats(allow_nan=False), st.binary()
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=4), inner, max_size=4),
        st.tuples(inner, inner),
    ),
    max_leaves=20,
)
ARRAYS = st.sampled_from(["u1", "<i8", ">i4", "<u2", "i1"]).flatmap(
    lambda kind: arrays(kind, array_shapes(max_dims=3, max_side=4))
)


def read(folder, data):
    path = folder / "batch"
    path.write_bytes(data)
    return read_pickle(path)


@given(named=st.dictionaries(NAMES, PLAIN, max_size=5), protocol=st.integers(3, pickle.HIGHEST_PROTOCOL))
def test_plain_data_comes_back(tmp_path_factory, named, protocol):
    assert read(tmp_path_factory.mktemp("pickle"), pickle.dumps(named, protocol)) == named


@given(array=ARRAYS, fortran=st.booleans(), protocol=st.integers(2, pickle.HIGHEST_PROTOCOL))
def test_arrays_of_integers_come_back(tmp_path_factory, array, fortran, protocol):
    array = np.asfortranarray(array) if fortran else array
    got = read(tmp_path_factory.mktemp("pickle"), pickle.dumps({"data": array}, protocol))["data"]
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)


def test_the_words_of_python_2_are_read(tmp_path):
    """As Python 2 and its NumPy wrote CIFAR, instruction by instruction."""
    data = (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x01aU\x06labels]q\x03(K\x06K\x09eU\x04data"
        b"cnumpy.core.multiarray\n_reconstruct\nq\x04cnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x06abcdeftbu."
    )
    assert pickle.loads(data, encoding="bytes")[b"labels"] == [6, 9]  # Python's own reader takes it so
    found = read(tmp_path, data)
    assert found["batch_label"] == b"a"
    assert found["labels"] == [6, 9]
    np.testing.assert_array_equal(found["data"], [[97, 98, 99], [100, 101, 102]])


def called(module, name, arguments=b")"):
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + arguments + b"R."


def of(*arguments):
    """Arguments as a tuple, on the stack."""
    return pickle.dumps(arguments, 2)[2:-1]


class Reduced:
    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


DTYPE = b"cnumpy\ndtype\nX\x02\0\0\0u1\x85R"
EMPTY_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R"
TOWER = b"K\x01" + b"2\x86" * 60
OBJECTS = b"cnumpy\ndtype\nX\x02\0\0\0O8\x85R"
NAMED_ARRAY = b"\x80\x04}X\x04\0\0\0data" + EMPTY_ARRAY
LONG_TEXT = (
    b"c_codecs\nencode\nq\0X" + struct.pack("<I", 10**6) + b"x" * 10**6 + b"X\x06\0\0\0latin1\x86q\x01"
)
HOSTILE = {
    "system": pickle.dumps(Reduced(os.system, ("touch ran",))),
    "system in a dict": pickle.dumps({"data": Reduced(os.system, ("touch ran",))}, 2),
    "process": pickle.dumps(Reduced(subprocess.Popen, (["touch", "ran"],))),
    "exec": pickle.dumps(Reduced(exec, ("open('ran', 'w')",))),
    "eval": called("__builtin__", "eval", of("open('ran', 'w')")),
    "open": called("io", "open", of("ran", "w")),
    "getattr": called("builtins", "getattr", of("", "format")),
    "import": called("importlib", "import_module", of("antigravity")),
    "import by name": b"\x80\x02cantigravity\nx\n.",
    "dotted": b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
    "dotted into modules": b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.",
    "numpy load": called("numpy", "load", of("batch")),
    "numpy scalar": pickle.dumps({"data": np.int64(3)}),
    "numpy fromfile": called("numpy", "fromfile", of("batch")),
    "own stand-in": called("nnlens.samples.plain_pickle", "read_pickle", of("batch")),
    "codec that is none": called("_codecs", "encode", of("x", "rot13")),
    "codec of bytes": called("_codecs", "encode", of(b"x", "zlib")),
    "type called": called("numpy", "ndarray", of((3,))),
    "inst": b"(S'touch ran'\nios\nsystem\n.",
    "obj": b"(cnumpy\ndtype\nX\x02\0\0\0u1o.",
    "newobj": b"\x80\x02cnumpy\nndarray\nK\x01\x85\x85\x81.",
    "newobj with names": b"\x80\x04cnumpy\nndarray\n)}\x92.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent": b"Pid\n.",
    "set": b"\x80\x04\x8f(K\x01\x90.",
    "frozen set of a tower": b"\x80\x04(" + TOWER + b"\x91.",
    "state for a function": b"\x80\x02cnumpy\ndtype\nN}X\x05\0\0\0_callNs\x86b.",
    "state for a dict": b"\x80\x02}}X\x01\0\0\0aNsb.",
    "state for a type": b"\x80\x02cnumpy\nndarray\n(K\x01K\0\x85" + DTYPE + b"\x89C\0tb.",
    "objects in an array": pickle.dumps({"data": np.array([print, 1], object)}),
    "objects from bytes": NAMED_ARRAY + b"(K\x01K\x01\x85" + OBJECTS + b"\x89C\x08AAAAAAAAtbs.",
    "records": pickle.dumps({"data": np.zeros(2, [("a", "u1"), ("b", "O")])}),
    "array of another size": NAMED_ARRAY + b"(K\x01J\xff\xff\xff\x7f\x85" + DTYPE + b"\x89C\x01Atbs.",
    "array of negative size": NAMED_ARRAY + b"(K\x01J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86" + DTYPE + b"\x89C\x01Atbs.",
    "array without state": NAMED_ARRAY + b"s.",
    "bytes that are not there": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
    "more bytes that are not there": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".",
    "memo of four billion": b"\x80\x02Nr\xff\xff\xff\xff.",
    "frame of everything": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
    "tower as a name": b"\x80\x02}" + TOWER + b"Ns.",
    "tower as names": b"\x80\x02}(" + TOWER + b"Nu.",
    "tower as first name": b"\x80\x02(" + TOWER + b"Nd.",
    "bytes again and again": b"\x80\x02" + LONG_TEXT + b"h\0h\x01R" * 10_000 + b".",
    "deep": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "no dict": pickle.dumps([1, 2]),
    "empty": b"",
    "page": b"<!DOCTYPE html>",
    "no end": pickle.dumps({"data": 1})[:-1],
    "nothing on the stack": b"\x80\x02.",
}  # fmt: skip

WATCHED = textwrap.dedent(
    """
    import resource, sys
    from pathlib import Path
    from nnlens.errors import SamplesError
    from nnlens.samples.plain_pickle import read_pickle

    seen, watching = [], False

    def hook(event, arguments):
        if watching and not (event == "open" and str(arguments[0]) == watching):
            seen.append(f"{watching}: {event} {arguments}")

    sys.addaudithook(hook)
    read_pickle(Path("good"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(int(sys.argv[1])):
        watching = str(number)
        try:
            read_pickle(Path(watching))
            seen.append(f"{number}: read")
        except SamplesError as error:
            if chr(10) in str(error):
                seen.append(f"{number}: {error}")
        watching = False
    print(*seen, sep=chr(10), end="")
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, file=sys.stderr)
    """
)


def test_nothing_runs_and_nothing_is_imported_opened_or_swollen(tmp_path):
    (tmp_path / "good").write_bytes(pickle.dumps({"data": np.zeros((2, 3), np.uint8)}, 2))
    for number, data in enumerate(HOSTILE.values()):
        (tmp_path / str(number)).write_bytes(data)
    ran = subprocess.run(
        [sys.executable, "-c", WATCHED, str(len(HOSTILE))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == ""
    assert int(ran.stderr) < 64
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_each_is_refused_and_named(tmp_path, name):
    with pytest.raises(SamplesError, match=r"^batch (cannot be read|holds no dict)") as caught:
        read(tmp_path, HOSTILE[name])
    assert caught.value.hint
    assert str(tmp_path) not in str(caught.value)


def test_the_traps_would_work_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(HOSTILE["system in a dict"])
    assert (tmp_path / "ran").exists()


def test_what_calls_is_not_among_the_instructions():
    calling = {
        "INST",
        "OBJ",
        "NEWOBJ",
        "NEWOBJ_EX",
        "EXT1",
        "EXT2",
        "EXT4",
        "PERSID",
        "BINPERSID",
        "NEXT_BUFFER",
    }
    names = {opcode.name for opcode in pickletools.opcodes}
    assert calling < names
    assert not calling & set(OPCODES.split())


@settings(max_examples=300)
@given(data=st.binary(max_size=60))
@example(data=b"\x80\x02.")
def test_any_bytes_are_refused_or_read(tmp_path_factory, data):
    try:
        read(tmp_path_factory.mktemp("pickle"), b"\x80\x04" + data)
    except SamplesError as error:
        assert "batch" in str(error)


@settings(max_examples=200)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_read(tmp_path_factory, place, byte):
    data = bytearray(pickle.dumps({"data": np.zeros((2, 3), np.uint8), "labels": [1, 2]}, 2))
    data[place % len(data)] = byte
    try:
        read(tmp_path_factory.mktemp("pickle"), bytes(data))
    except SamplesError as error:
        assert "batch" in str(error)


def test_a_file_that_is_not_there_is_named_without_its_folder(tmp_path):
    with pytest.raises(SamplesError, match=r"^batch cannot be read") as caught:
        read_pickle(tmp_path / "batch")
    assert str(tmp_path) not in str(caught.value)


def test_it_is_as_fast_as_the_files_are_large(tmp_path):
    """The training file of CIFAR-100 has 200,000 entries; Python's own C reader takes the same."""
    named = {"labels": list(range(200_000)), "filenames": [b"%d.png" % number for number in range(50_000)]}
    data = pickle.dumps(named, 4)
    assert read(tmp_path, data) == pickle.load(io.BytesIO(data))
