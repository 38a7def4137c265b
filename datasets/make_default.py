#!/usr/bin/env python3
"""Make datasets/default/glove-20k.bin, the word vectors that are compiled into vecscope.

usage: make_default.py GLOVE_DIR OUT [ROWS]

GLOVE_DIR is what `vecscope fetch glove-6b-50d` leaves: glove-6b-50d.npy (row-major f32) and words.txt, in order of
frequency.  The first ROWS (20,000) are kept as 8-bit codes with one scale a row, in the layout that
lib/space/default_space.h describes.  Only the standard library is used, so that anyone can make the file again.
"""
import ast
import struct
import sys
from array import array

MAGIC = b"VSWORDS1"


def npy_rows(path, rows):
    """The first rows of a row-major <f4 npy file: (dim, flat array)."""
    with open(path, "rb") as f:
        if f.read(8) != b"\x93NUMPY\x01\x00":
            sys.exit(f"{path}: not an npy file of version 1")
        (n,) = struct.unpack("<H", f.read(2))
        header = ast.literal_eval(f.read(n).decode("latin-1"))
        if header["descr"] != "<f4" or header["fortran_order"] or len(header["shape"]) != 2:
            sys.exit(f"{path}: want row-major <f4 of two axes, has {header}")
        dim = header["shape"][1]
        values = array("f")
        values.fromfile(f, rows * dim)
    return dim, values


def encode(values, rows, dim):
    """Codes in -127..127 and the f32 scale of each row: value = code * scale, the largest magnitude gets 127."""
    scales, codes = array("f"), array("b")
    for r in range(rows):
        row = values[r * dim : (r + 1) * dim]
        scales.append(max(abs(v) for v in row) / 127)
        codes.extend(max(-127, min(127, round(v / scales[-1]))) if scales[-1] else 0 for v in row)
    return scales, codes


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    folder, out = sys.argv[1:3]
    rows = int(sys.argv[3]) if len(sys.argv) == 4 else 20000
    with open(f"{folder}/words.txt", encoding="utf-8", newline="\n") as f:
        words = [f.readline().rstrip("\n") for _ in range(rows)]
    dim, values = npy_rows(f"{folder}/glove-6b-50d.npy", rows)
    scales, codes = encode(values, rows, dim)
    keys = b"".join(w.encode() + b"\0" for w in words)
    with open(out, "wb") as f:
        f.write(MAGIC + struct.pack("<III", rows, dim, len(keys)))
        for part in (scales, codes):
            if sys.byteorder == "big":
                part.byteswap()
            f.write(part.tobytes())
        f.write(keys)
        print(f"{out}: {rows} rows, {dim} dimensions, {f.tell()} bytes")


main()
