"""Make small wheels in the folder named: two parts of a file, a matrix by columns, and a pyarrow that reads lines.
Prints the size of each wheel and the sha256 of what is to come of it, for the rows of a catalogue."""

import base64
import hashlib
import os
import struct
import sys
import zipfile

folder = sys.argv[1]


def wheel(package, version, members):
    name = package.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    members = dict(members)
    members[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n".encode()
    members[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = f"{info}/RECORD"
    rows = [f"{n},sha256={base64.urlsafe_b64encode(hashlib.sha256(b).digest()).rstrip(b'=').decode()},{len(b)}" for n, b in members.items()]
    members[record] = "\n".join([*rows, f"{record},,", ""]).encode()
    path = os.path.join(folder, f"{name}-{version}-py3-none-any.whl")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for n, b in members.items():
            z.writestr(zipfile.ZipInfo(n), b)
    return os.path.getsize(path)


def npy(fortran, values):
    text = f"{{'descr': '<f4', 'fortran_order': {fortran}, 'shape': (3, 2), }}"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + text.ljust(117).encode() + b"\n" + struct.pack("<6f", *values)


one, two = bytes(range(256)) * 40, b"the second part" * 50
words = "the\nof\ncafé\n".encode()
matrix = npy(False, [1, 2, 3, 4, 5, 6])
columns = npy(True, [1, 3, 5, 2, 4, 6])
arrow = """
class Column(list):
    def to_pylist(self):
        return self
class Table:
    def __init__(self, path, columns):
        assert columns == ["index"]
        self.lines = open(path, encoding="utf-8").read().split()
    def column(self, name):
        return Column(self.lines)
def read_table(path, columns):
    return Table(path, columns)
"""
sizes = [
    wheel("vs-test-one", "1.0", {"vs_test_one/data/big.bin.part0": one}),
    wheel("vs-test-two", "1.0", {"vs_test_two/data/big.bin.part1": two}),
    wheel("vs-test-glove", "2.0", {"vs_test_glove/data/m.npy": columns, "vs_test_glove/data/w.parquet": words}),
]
wheel("pyarrow", "99.0", {"pyarrow/__init__.py": b"", "pyarrow/parquet.py": arrow.encode()})
for file in (one + two, matrix, words):
    sizes += [len(file), hashlib.sha256(file).hexdigest()]
print(*sizes)
