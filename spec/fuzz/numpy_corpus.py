"""Writes the corpora of npy and npz, from the root of the repository, with a
Python that has NumPy 2. good-* must be read, bad-* refused; specs know the
values of the good ones."""
import io
import struct
import zipfile

import numpy as np

FOLDER = "spec/fuzz/corpus/"
COUNT = np.arange(-3, 3)


def write(path, data):
    with open(FOLDER + path, "wb") as f:
        f.write(data)


def npy(array, version=None):
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asanyarray(array), version=version)
    return out.getvalue()


def header(text, data=b"", version=1):
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode() + data


def good_npy():
    for kind in "f4 f8 f2 i8 i4 i2 i1".split():
        write("npy/good-" + kind, npy((COUNT / 2).astype("<" + kind)))
    for kind in "u1 u2 u4".split():
        write("npy/good-" + kind, npy((COUNT + 200).astype("<" + kind)))
    for kind in "f4 f8 i2 i4 i8 u2 u4".split():
        write("npy/good-big-" + kind, npy((COUNT + 3).astype(">" + kind)))
    write("npy/good-bool", npy(COUNT > 0))
    write("npy/good-half", npy(np.array(
        [0, -0.0, 1, -2, 65504, 6e-8, 6.1e-5, np.inf, -np.inf, np.nan],
        "<f2")))
    write("npy/good-scalar", npy(np.float32(2.5)))
    write("npy/good-empty", npy(np.zeros((0, 3), "<f4")))
    matrix = np.arange(24, dtype="<f4").reshape(2, 3, 4)
    write("npy/good-rows", npy(matrix))
    write("npy/good-fortran", npy(np.asfortranarray(matrix)))
    write("npy/good-version-2", npy(matrix, (2, 0)))
    write("npy/good-version-3", npy(matrix, (3, 0)))
    write("npy/good-python-2", header(
        "{'shape': (3L,), \"fortran_order\": False, 'descr': '|u1'}\n",
        b"abc"))


def bad_npy():
    whole = npy(np.arange(4, dtype="<f4"))
    for name, data in {
        "empty": b"", "magic": b"\x94" + whole[1:], "only-magic": whole[:6],
        "version": whole[:6] + b"\4\0" + whole[8:],
        "cut-length": whole[:9], "cut-header": whole[:40],
        "cut-data": whole[:-1], "too-long": whole + b"x",
        "huge-header": b"\x93NUMPY\2\0\xff\xff\xff\xff" + whole[10:],
        "complex": npy(np.zeros(2, "<c8")),
        "text": npy(np.array(["ab"])),
        "unsigned-64": npy(np.zeros(2, "<u8")),
        "object": npy(np.array([None, {}], dtype=object)),
        "records": npy(np.zeros(2, [("a", "<f4"), ("b", "<i4")])),
        "bool": npy(np.zeros(3, bool))[:-1] + b"\2",
    }.items():
        write("npy/bad-" + name, data)
    for name, text in {
        "no-dictionary": "[1, 2]", "no-end": "{'descr': '<f4', ",
        "missing": "{'descr': '<f4', 'shape': (1,)}",
        "unknown": "{'descr': '<f4', 'more': 1}",
        "twice": "{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}",
        "code": "{'descr': exit(), 'fortran_order': False, 'shape': (1,)}",
        "order": "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
        "number": "{'descr': '<f4', 'fortran_order': False, 'shape': 1}",
        "negative": "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "huge": "{'descr': '<f4', 'fortran_order': False, "
                "'shape': (4611686018427387904, 4)}",
        "past-63": "{'descr': '<f4', 'fortran_order': False, "
                   "'shape': (9223372036854775808,)}",
        "lying": "{'descr': '<f4', 'fortran_order': False, "
                 "'shape': (1000000, 1000)}",
        "nine": "{'descr': '<f4', 'fortran_order': False, "
                "'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1)}",
        "after": "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "string": "{'descr': '<f4",
        "long-string": "{'" + "descr" * 100 + "': '<f4'}",
    }.items():
        write("npy/bad-" + name, header(text, b"abcd"))


def npz(members, how=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name), data, how)
    return out.getvalue()


def saved(save, **arrays):
    out = io.BytesIO()
    save(out, **arrays)
    return out.getvalue()


def stretched(data, name, place, value, size):
    """The first record of the directory with another number in it."""
    at = data.index(b"PK\1\2")
    packed = value.to_bytes(size, "little")
    write("npz/bad-" + name,
          data[:at + place] + packed + data[at + place + size:])


def good_npz():
    a = np.arange(6, dtype="<f4").reshape(2, 3)
    b = np.array([True, False])
    write("npz/good-saved", saved(np.savez, a=a, b=b))
    write("npz/good-packed", saved(np.savez_compressed, a=a, b=b))
    write("npz/good-nothing", saved(np.savez))
    write("npz/good-names", npz([("layer/1.npy", npy(a)),
                                 ("\u00e9.npy", npy(b))]))
    write("npz/good-comment", npz([("a.npy", npy(a))])[:-2] + b"\3\0abc")
    write("npz/good-columns", saved(np.savez_compressed,
                                    f=np.asfortranarray(a)))
    # zip64 where nothing needs it: the sizes and the place, and the end.
    plain = npz([("a.npy", npy(a))])
    at = plain.index(b"PK\1\2")
    record, end = bytearray(plain[at:-22]), bytearray(plain[-22:])
    sizes = struct.pack("<QQQ", len(npy(a)), len(npy(a)), 0)
    record[20:28] = b"\xff" * 8
    record[42:46] = b"\xff" * 4
    record[30:32] = struct.pack("<H", 28)
    record += struct.pack("<HH", 1, 24) + sizes
    end64 = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1,
                                    len(record), at)
    locator = b"PK\6\7" + struct.pack("<IQI", 0, at + len(record), 1)
    end[12:20] = b"\xff" * 8
    write("npz/good-zip64", plain[:at] + record + end64 + locator + end)
    write("npz/bad-zip64-end", plain[:at] + record + end64 + locator[:8]
          + b"\xff" * 8 + locator[16:] + end)
    write("npz/bad-zip64-none", plain[:at] + record + end)
    record[-28:-24] = b"\1\0\7\0"
    write("npz/bad-zip64-sizes", plain[:at] + record + end64 + locator + end)


def bad_npz():
    a = npy(np.arange(6, dtype="<f4"))
    one, packed = npz([("a.npy", a)]), npz([("a.npy", a)],
                                           zipfile.ZIP_DEFLATED)
    for name, data in {
        "cut": one[:-30], "only-magic": one[:4], "end-alone": one[-22:],
        "no-npy": npz([("a.npy", a), ("readme.txt", b"hello")]),
        "not-npy": npz([("a.npy", b"hello, this is no array")]),
        "twice": npz([("a.npy", a), ("b.npy", a)]).replace(b"b.npy", b"a.npy"),
        "crc": one.replace(a[-8:], a[-8:-1] + b"\7"),
        "cut-array": npz([("a.npy", a[:-1])]),
        "long-array": npz([("a.npy", a + b"x")]),
        "directory": one.replace(b"PK\1\2", b"PK\1\3"),
        "name": one.replace(b"a.npy", b"\xff.npy"),
        "zero-name": one.replace(b"a.npy", b"\0.npy"),
        "deflate": packed[:50] + b"\xff\xff\xff" + packed[53:],
        "method": npz([("a.npy", a)], zipfile.ZIP_BZIP2),
        "end-of-another": packed[:-22] + one[-22:],
    }.items():
        write("npz/bad-" + name, data)
    stretched(one, "encrypted", 8, 1, 2)
    stretched(one, "whole-size", 24, 7, 4)
    stretched(one, "packed-size", 20, 2 ** 31, 4)
    stretched(packed, "more-than-deflate", 24, 2 ** 31, 4)
    stretched(packed, "longer", 24, len(a) + 1, 4)
    stretched(packed, "shorter", 24, len(a) - 1, 4)
    stretched(one, "place", 42, 5, 4)
    stretched(one, "place-beyond", 42, 2 ** 31, 4)
    stretched(one, "name-length", 28, 60000, 2)
    # Two members over the same bytes: each alone is in order.
    at = one.index(b"PK\1\2")
    record = one[at:-22]
    both = record + record.replace(b"a.npy", b"b.npy")
    end = bytearray(one[-22:])
    end[8:12] = struct.pack("<HH", 2, 2)
    end[12:16] = struct.pack("<I", len(both))
    write("npz/bad-overlap", one[:at] + both + bytes(end))


good_npy()
bad_npy()
good_npz()
bad_npz()
