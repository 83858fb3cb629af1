#!/usr/bin/env python3
"""Writes the sample files of this folder: small arrays, each wrong in one way.

The files are committed; this script only documents how they came about (standard library only).
"""
import os
import struct
import zipfile


def npy(code, shape, data, fortran=False, version=(1, 0)):
    text = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (code, fortran, shape)
    size = 2 if version[0] == 1 else 4
    text += " " * (-(6 + 2 + size + len(text) + 1) % 64) + "\n"
    head = b"\x93NUMPY" + bytes(version) + struct.pack("<H" if size == 2 else "<I", len(text))
    return head + text.encode() + data


def floats(*v):
    return struct.pack("<%df" % len(v), *v)


def write(name, data):
    with open(name, "wb") as f:
        f.write(data)


def write_zip(name, **arrays):
    with zipfile.ZipFile(name, "w") as z:
        for key, data in arrays.items():
            z.writestr(zipfile.ZipInfo(key + ".npy"), data)


good = npy("<f4", (2, 3, 2, 2), floats(*range(24)))
write("good.npy", good)
write("wrong_shape.npy", npy("<f4", (2, 3, 2, 3), floats(*range(36))))
write("wrong_layout.npy", npy("<f4", (2, 2, 2, 3), floats(*range(24))))
write("no_samples_dimension.npy", npy("<f4", (3, 2), floats(*range(6))))
write("nan.npy", npy("<f4", (2, 3, 2, 2), floats(*range(17), float("nan"), *range(6))))
write("inf.npy", npy("<f4", (1, 3, 2, 2), floats(float("inf"), *range(11))))
write("empty.npy", npy("<f4", (0, 3, 2, 2), b""))
write("int16.npy", npy("<i2", (1, 3, 2, 2), struct.pack("<12h", *range(12))))
write("truncated.npy", good[:-5])
write("left_over.npy", good + b"abc")
write("no_magic.npy", b"0.1 0.2 0.3\n")
write("zero_bytes.npy", b"")
write("header_cut.npy", good[:40])
write("header_text.npy", good[:10] + b"x" * 20 + good[30:])
write("version_9.npy", good[:6] + b"\x09" + good[7:])
write("big_endian.npy", npy(">f4", (1, 3, 2, 2), bytes(48)))
write("objects.npy", npy("|O", (3,), b"\x80\x04"))
write("strings.npy", npy("<U5", (1,), bytes(20)))
write("records.npy", good.replace(b"'<f4'", b"[('a', '<f4')]"[:5]))
write("huge.npy", npy("<f4", (1 << 40, 1 << 40, 2, 2), b""))
write("rank_9.npy", npy("<f4", (1,) * 9, floats(0)))
write("fraction.npy", npy("<f4", (1, 4), floats(1, 2, 2.5, 3)))
write("not_a_zip.npz", good)
write_zip("missing.npz", first=good, third=good)
write_zip("near.npz", first=good, secnd=good)
write_zip("counts.npz", first=good, second=npy("<f4", (1, 3, 2, 2), floats(*range(12))))
os.makedirs("vectors", exist_ok=True)
dims = b"".join(b"\x08" + bytes([n]) for n in (1, 3, 2, 2))  # a TensorProto: dims, data_type, raw_data
write("vectors/input_0.pb", dims + b"\x10\x01\x4a\x30" + floats(*range(11), float("nan")))
