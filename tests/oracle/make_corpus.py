#!/usr/bin/env python3
"""Make the seeds of the fuzz targets of lib/io: tests/data/fuzz/<target>/*.  Python's standard library only.

usage: make_corpus.py [DIRECTORY]      (default tests/data/fuzz; a seed that exists already is written anew)
"""
import io
import json
import struct
import sys
import zipfile
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/data/fuzz")


def save(target, name, data):
    path = ROOT / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


# ---- GGUF ----

U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 = range(13)
PACK = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f", BOOL: "<B", U64: "<Q", I64: "<q", F64: "<d"}


def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(s)) + s


def value(kind, v):
    if kind == STR:
        return text(v)
    if kind == ARR:
        elem, items = v
        return struct.pack("<IQ", elem, len(items)) + b"".join(value(elem, x) for x in items)
    return struct.pack(PACK[kind], v)


def gguf(keys, tensors, align=32, version=3, data=None, counts=None):
    """tensors: (name, dims with the fastest first, type, bytes)"""
    head = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(tensors), len(keys))))
    for name, kind, v in keys:
        head += text(name) + struct.pack("<I", kind) + value(kind, v)
    offset, body = 0, b""
    for name, dims, kind, raw in tensors:
        head += text(name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in dims)
        head += struct.pack("<IQ", kind, len(body))
        body += raw + b"\0" * (-len(raw) % align)
    return head + b"\0" * (-len(head) % align) + (body if data is None else data)


ALL_KINDS = [
    ("general.architecture", STR, "llama"), ("a.u8", U8, 7), ("a.i8", I8, -7), ("a.u16", U16, 700), ("a.i16", I16, -700),
    ("a.u32", U32, 70000), ("a.i32", I32, -70000), ("a.f32", F32, 1.5), ("a.bool", BOOL, 1), ("a.u64", U64, 1 << 40),
    ("a.i64", I64, -(1 << 40)), ("a.f64", F64, 2.5), ("tokens", ARR, (STR, ["<s>", "a", "", "▁the"])),
    ("scores", ARR, (F32, [0.0, -1.0, -2.0])), ("kinds", ARR, (I32, [1, 2, 3])), ("flags", ARR, (BOOL, [1, 0])),
    ("none", ARR, (STR, [])), ("bytes", ARR, (U8, list(range(16)))),
]
TENSORS = [
    ("token_embd.weight", (4, 3), 0, bytes(48)), ("blk.0.attn_q.weight", (32, 2), 8, bytes(68)), ("norm", (4,), 1, bytes(8)),
    ("q4_k", (256, 1), 12, bytes(144)), ("q6_k", (256,), 14, bytes(210)), ("q4_0", (32,), 2, bytes(18)),
]
GOOD = gguf(ALL_KINDS, TENSORS)
save("gguf", "all_kinds", GOOD)
save("gguf", "version_2", gguf(ALL_KINDS[:3], TENSORS[:1], version=2))
save("gguf", "no_tensors", gguf(ALL_KINDS[:1], []))
save("gguf", "alignment_64", gguf([("general.alignment", U32, 64)], TENSORS[:3], align=64))
save("gguf", "alignment_1", gguf([("general.alignment", U32, 1)], TENSORS[2:4], align=1))
save("gguf", "alignment_0", gguf([("general.alignment", U32, 0)], TENSORS[:1]))
save("gguf", "alignment_33", gguf([("general.alignment", U32, 33)], TENSORS[:1]))
save("gguf", "alignment_text", gguf([("general.alignment", STR, "32")], TENSORS[:1]))
save("gguf", "version_1", gguf([], [], version=1))
save("gguf", "big_endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0))
save("gguf", "cut_header", GOOD[:20])
save("gguf", "cut_key", GOOD[:70])
save("gguf", "cut_tensor", GOOD[: GOOD.index(b"blk.0") + 24])
save("gguf", "cut_data", GOOD[:-200])
save("gguf", "many_tensors", gguf([], [], counts=(1 << 60, 0)))
save("gguf", "many_keys", gguf([], [], counts=(0, 1 << 60)))
save("gguf", "long_name", b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 63) + bytes(64))
save("gguf", "key_twice", gguf([ALL_KINDS[1], ALL_KINDS[1]], []))
save("gguf", "tensor_twice", gguf([], [TENSORS[0], TENSORS[0]]))
save("gguf", "array_of_arrays", gguf([("a", ARR, (ARR, [(U8, [1])]))], []))
save("gguf", "array_kind", gguf([], [], counts=(0, 1), align=1) + text("a") + struct.pack("<IIQ", ARR, 77, 1))
save("gguf", "array_count", gguf([], [], counts=(0, 1), align=1) + text("a") + struct.pack("<IIQ", ARR, STR, 1 << 61) + bytes(64))
save("gguf", "string_beyond", gguf([("a", ARR, (STR, ["ab", "cd"]))], [], align=1)[:-6])
save("gguf", "value_kind", gguf([], [], counts=(0, 1), align=1) + text("a") + struct.pack("<IQ", 13, 1))
save("gguf", "bool_2", gguf([("a", BOOL, 2)], []))
save("gguf", "bools_2", gguf([("a", ARR, (BOOL, [0, 2]))], []))
save("gguf", "name_nul", gguf([("a\0b", U8, 1)], []))
save("gguf", "name_latin1", gguf([(b"a\xe9", U8, 1)], []))
save("gguf", "name_empty", gguf([("", U8, 1)], []))
save("gguf", "axes_5", gguf([], [("t", (1, 1, 1, 1, 1), 0, bytes(4))]))
save("gguf", "axis_0", gguf([], [("t", (4, 0), 0, b"")]))
save("gguf", "overflow", gguf([], [("t", (1 << 40, 1 << 40), 0, bytes(4))]))
save("gguf", "not_blocks", gguf([], [("t", (33,), 8, bytes(68))]))
save("gguf", "kind_q4_1", gguf([], [("t", (32,), 3, bytes(20))]))
save("gguf", "kind_99", gguf([], [("t", (32,), 99, bytes(20))]))
OFFSET = bytearray(gguf([], TENSORS[:2]))
save("gguf", "offset_odd", bytes(OFFSET).replace(struct.pack("<IQ", 8, 64), struct.pack("<IQ", 8, 65)))
save("gguf", "offset_beyond", bytes(OFFSET).replace(struct.pack("<IQ", 8, 64), struct.pack("<IQ", 8, 1 << 62)))
save("gguf", "overlap", bytes(OFFSET).replace(struct.pack("<IQ", 8, 64), struct.pack("<IQ", 8, 32)))


# ---- safetensors ----


def safetensors(header, data=b"", pad=True):
    head = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8 if pad else 0)
    return struct.pack("<Q", len(head)) + head + data


def entry(kind, shape, begin, end, **more):
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end], **more}


GOOD_ST = {"__metadata__": {"format": "pt"}, "w": entry("F32", [2, 3], 0, 24), "b": entry("I64", [], 24, 32),
           "e": entry("F16", [0, 7], 32, 32), "h": entry("BF16", [1, 2], 32, 36)}
save("safetensors", "good", safetensors(GOOD_ST, bytes(36)))
save("safetensors", "misaligned", safetensors({"a": entry("U8", [1], 0, 1), "b": entry("F64", [1], 1, 9)}, bytes(9), pad=False))
save("safetensors", "empty", safetensors({}))
save("safetensors", "cut", safetensors(GOOD_ST, bytes(36))[:50])
save("safetensors", "cut_data", safetensors(GOOD_ST, bytes(35)))
save("safetensors", "long_header", struct.pack("<Q", 1 << 62) + b"{}")
save("safetensors", "long_header_30m", struct.pack("<Q", 30 << 20) + b"{}")
save("safetensors", "gap", safetensors({"a": entry("U8", [1], 0, 1), "b": entry("U8", [1], 2, 3)}, bytes(3)))
save("safetensors", "overlap", safetensors({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 1, 3)}, bytes(3)))
save("safetensors", "after", safetensors({"a": entry("U8", [1], 0, 1)}, bytes(3)))
save("safetensors", "backwards", safetensors({"a": entry("U8", [1], 1, 0)}, bytes(1)))
save("safetensors", "size", safetensors({"a": entry("F32", [2], 0, 4)}, bytes(4)))
save("safetensors", "overflow", safetensors({"a": entry("F32", [1 << 62, 1 << 62], 0, 4)}, bytes(4)))
save("safetensors", "negative", safetensors({"a": entry("F32", [-1], 0, 4)}, bytes(4)))
save("safetensors", "real", safetensors({"a": entry("F32", [1.5], 0, 4)}, bytes(4)))
save("safetensors", "axes_5", safetensors({"a": entry("F32", [1] * 5, 0, 4)}, bytes(4)))
save("safetensors", "kind", safetensors({"a": entry("F8_E4M3", [4], 0, 4)}, bytes(4)))
save("safetensors", "more", safetensors({"a": entry("F32", [1], 0, 4, extra=1)}, bytes(4)))
save("safetensors", "twice", safetensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', bytes(1)))
save("safetensors", "no_object", safetensors({"a": 3}))
save("safetensors", "no_kind", safetensors({"a": {"shape": [1], "data_offsets": [0, 1]}}, bytes(1)))
save("safetensors", "no_shape", safetensors({"a": {"dtype": "U8", "data_offsets": [0, 1]}}, bytes(1)))
save("safetensors", "no_offsets", safetensors({"a": {"dtype": "U8", "shape": [1]}}, bytes(1)))
save("safetensors", "meta_number", safetensors({"__metadata__": {"a": 1}}))
save("safetensors", "meta_list", safetensors({"__metadata__": []}))
save("safetensors", "name_newline", safetensors({"a\nb": entry("U8", [1], 0, 1)}, bytes(1)))
save("safetensors", "deep", safetensors(b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}"))
save("safetensors", "no_json", safetensors(b"{hello}"))


# ---- npy, npz ----


def npy(descr="'<f4'", shape="(2, 3)", order="False", data=bytes(24), version=1, head=None):
    head = head or ("{'descr': %s, 'fortran_order': %s, 'shape': %s, }" % (descr, order, shape)).encode()
    size = "<H" if version == 1 else "<I"
    start = 8 + struct.calcsize(size)
    head += b" " * (-(start + len(head) + 1) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(size, len(head)) + head + data


GOOD_NPY = npy()
NPYS = {
    "good": GOOD_NPY, "version_2": npy(version=2), "version_3": npy(version=3), "version_9": npy(version=9),
    "scalar": npy(shape="()", data=bytes(4)), "vector": npy(shape="(6,)"), "half": npy("'<f2'", data=bytes(12)),
    "double": npy("'<f8'", data=bytes(48)), "int": npy("'<i8'", data=bytes(48)), "bool": npy("'|b1'", data=bytes(6)),
    "none": npy(shape="(0, 3)", data=b""), "fortran": npy(order="True"), "order": npy(order="Maybe"),
    "big_endian": npy("'>f4'"), "text": npy("'<U5'"), "record": npy("[('a', '<f4')]"), "descr": npy("3"),
    "axes_5": npy(shape="(1, 1, 1, 2, 3)"), "overflow": npy(shape="(9999999999999, 9999999999999)"),
    "huge": npy(shape="(99999999999999999999999,)"), "negative": npy(shape="(-2, 3)"), "shape": npy(shape="[2, 3]"),
    "cut_data": GOOD_NPY[:-1], "after": GOOD_NPY + b"x", "cut_head": GOOD_NPY[:40], "cut_start": GOOD_NPY[:9],
    "no_dict": npy(head=b"hello"), "key": npy(head=b"{'a': 1}"), "twice": npy(head=b"{'descr': '<f4', 'descr': '<f4'}"),
    "few": npy(head=b"{'descr': '<f4'}"), "tail": npy(head=b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} 1"),
    "double_quotes": npy(head=b'{"descr": "<f4", "fortran_order": False, "shape": (2, 3)}'),
}
for name, data in NPYS.items():
    save("npy", name, data)


def npz(members, method=zipfile.ZIP_STORED, force=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with z.open(info, "w", force_zip64=force) as f:
                f.write(data)
    return out.getvalue()


GOOD_NPZ = npz([("a.npy", GOOD_NPY), ("b.npy", NPYS["scalar"])])
END = GOOD_NPZ.rindex(b"PK\5\6")
CENTRAL = GOOD_NPZ.index(b"PK\1\2")
save("npz", "good", GOOD_NPZ)
save("npz", "zip64_local", npz([("a.npy", GOOD_NPY)], force=True))
save("npz", "empty", npz([]))
save("npz", "compressed", npz([("a.npy", GOOD_NPY)], zipfile.ZIP_DEFLATED))
save("npz", "other", npz([("a.txt", b"hello")]))
save("npz", "torch", npz([("archive/data.pkl", b"hello")]))
save("npz", "twice", npz([("a.npy", GOOD_NPY), ("a.npy", GOOD_NPY)]))
save("npz", "no_end", GOOD_NPZ[:END])
save("npz", "cut", GOOD_NPZ[10:])
save("npz", "bad_member", npz([("a.npy", b"hello")]))
save("npz", "short_member", npz([("a.npy", GOOD_NPY[:-4])]))
save("npz", "fortran", npz([("a.npy", NPYS["fortran"])]))
save("npz", "comment", GOOD_NPZ[:-2] + struct.pack("<H", 5) + b"hello")
save("npz", "records", GOOD_NPZ[:END] + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 9999, 9999, 106, CENTRAL, 0))
save("npz", "far_member", GOOD_NPZ[:CENTRAL] + GOOD_NPZ[CENTRAL:CENTRAL + 42] + struct.pack("<I", 1 << 31) + GOOD_NPZ[CENTRAL + 46:])
save("npz", "wrong_local", b"PK\3\4" + GOOD_NPZ[4:30].replace(b"a", b"b") + b"z" + GOOD_NPZ[31:])
save("npz", "long_member", GOOD_NPZ[:CENTRAL] + GOOD_NPZ[CENTRAL:CENTRAL + 20] + struct.pack("<II", 1 << 20, 1 << 20)
     + GOOD_NPZ[CENTRAL + 28:])


def with_zip64_end(body, at, size, records, end_at=None):
    where = len(body)
    end64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, records, records, size, at)
    locator = struct.pack("<IIQI", 0x07064B50, 0, where if end_at is None else end_at, 1)
    return body + end64 + locator + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)


save("npz", "zip64_end", with_zip64_end(GOOD_NPZ[:END], CENTRAL, END - CENTRAL, 2))
save("npz", "zip64_end_far", with_zip64_end(GOOD_NPZ[:END], CENTRAL, END - CENTRAL, 2, end_at=1 << 50))
save("npz", "zip64_end_wrong", with_zip64_end(GOOD_NPZ[:END], CENTRAL, END - CENTRAL, 2, end_at=3))
save("npz", "zip64_records", with_zip64_end(GOOD_NPZ[:END], CENTRAL, END - CENTRAL, 1 << 60))
RECORD = GOOD_NPZ[CENTRAL:CENTRAL + 51]
BIG = struct.pack("<HHQQQ", 1, 24, len(GOOD_NPY), len(GOOD_NPY), 0)
for name, extra in {"zip64_central": BIG, "zip64_central_cut": BIG[:-8], "zip64_central_none": b""}.items():
    central = RECORD[:20] + b"\xff" * 8 + RECORD[28:30] + struct.pack("<H", len(extra)) + RECORD[32:42] + b"\xff" * 4 + RECORD[46:] + extra
    save("npz", name, GOOD_NPZ[:CENTRAL] + central + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(central), CENTRAL, 0))


# ---- words ----

WORDS = {
    "glove": "the 0.1 -0.2 3e-1\n, 1 2 3\nNew York 0.5 .5 5.\n", "word2vec_text": "2 3\nking 1 2 3 \nqueen 4 5 6 \n",
    "tabs": "a\t1\t2\nb\t3\t4\n", "crlf": "a 1 2\r\nb 3 4\r\n", "mark": "\ufeff2 2\na 1 2\nb 3 4\n", "one": "a 1",
    "nan": "a 1 2\nb nan 2\n", "inf": "a 1 2\nb 1e999 2\n", "few": "a 1 2\nb 1 2\nc 1\n", "not_number": "a 1 2\nb 1 x\n",
    "no_word": "a 1 2\n 1 2\n", "rows_more": "3 2\na 1 2\nb 1 2\n", "rows_fewer": "1 2\na 1 2\nb 1 2\n",
    "count": "99999999999999999 99999999999999999\na 1\n", "dim_0": "3 0\na\nb\nc\n", "blank_lines": "a 1 2\n\nb 1 2\n\n\n",
    "digits": "a 0.1234567890123456789012345 16777217 9007199254740993e-3\nb 1e-40 3.4028236e38 1e-46\n", "prose": "hello\nworld\n",
    "hex": "a 0x1p3 2\n", "long_number": "a " + "1" * 200 + " 2\n", "halfway": "a 8388608.5 8388609.5 1e23\n",
    "exponent": "a 1e 2e+ 3e-\nb 1e1 1e+1 1e-1\n", "signs": "a +1 -1\nb -0 +0.0\n",
}
for name, s in WORDS.items():
    save("words", name, s.encode())
save("words", "nul", b"a\0b 1 2\nc 3 4\n")
save("words", "latin1", b"caf\xe9 1 2\nc 3 4\n")
BINARY = b"2 3\n" + b"king " + struct.pack("<3f", 1, 2, 3) + b"\nqueen " + struct.pack("<3f", 4, 5, 6) + b"\n"
save("words", "binary", BINARY)
save("words", "binary_tight", BINARY.replace(b"\nqueen", b"queen"))
save("words", "binary_cut", BINARY[:-6])
save("words", "binary_after", BINARY + b"more")
save("words", "binary_count", b"4000000000 3\n" + BINARY[4:])
save("words", "binary_nan", BINARY.replace(struct.pack("<f", 5), struct.pack("<f", float("nan"))))
save("words", "binary_no_word", BINARY.replace(b"queen ", b" "))
save("words", "binary_no_blank", b"1 2\n" + b"\1" * 40)


def wordlist(words, array):
    words = words.encode() if isinstance(words, str) else words
    return struct.pack("<H", len(words)) + words + array


save("wordlist", "good", wordlist("a\nb\n", npy()))
save("wordlist", "crlf", wordlist("a\r\nb", npy()))
save("wordlist", "fortran", wordlist("a\nb\n", npy(order="True")))
save("wordlist", "half", wordlist("a\nb\n", npy("'<f2'", data=bytes(12))))
save("wordlist", "double", wordlist("a\nb\n", npy("'<f8'", data=bytes(48))))
save("wordlist", "few", wordlist("a\n", npy()))
save("wordlist", "no_word", wordlist("\nb\n", npy()))
save("wordlist", "int", wordlist("a\nb\n", npy("'<i4'")))
save("wordlist", "vector", wordlist("a\n", npy(shape="(6,)")))
save("wordlist", "none", wordlist("a\n", npy(shape="(0, 3)", data=b"")))
save("wordlist", "cut", wordlist("a\nb\n", npy()[:-1]))
save("wordlist", "nan", wordlist("a\nb\n", npy(data=b"\xff" * 24)))
save("wordlist", "latin1", wordlist(b"caf\xe9\nb\n", npy()))
save("wordlist", "nul", wordlist(b"a\0\nb\n", npy()))
save("wordlist", "wide", wordlist("a\n", npy(shape="(1, 70000)", data=bytes(280000))[:300]))
save("wordlist", "files", wordlist("#\nb\n", npy()))
save("wordlist", "files_text", wordlist("#\nb\n", b"a 1 2\nb 3 4\n"))
save("wordlist", "files_cut", wordlist("#\nb\n", npy()[:-1]))
save("wordlist", "empty_text", wordlist("", b"a 1 2\n"))


# ---- hub ----

SHARD = safetensors({"a": entry("F32", [2], 0, 8)}, bytes(8))


def hub(index, shard=SHARD):
    index = index if isinstance(index, bytes) else json.dumps(index).encode()
    return struct.pack("<H", len(index)) + index + shard


save("hub", "good", hub({"metadata": {}, "weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}))
save("hub", "one", hub({"weight_map": {"a": "a.safetensors"}}))
save("hub", "no_index", hub(b""))
save("hub", "lacks", hub({"weight_map": {"a": "a.safetensors", "c": "b.safetensors"}}))
save("hub", "twice", hub({"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}},
                         safetensors({"b": entry("F32", [2], 0, 8)}, bytes(8))))
save("hub", "elsewhere", hub({"weight_map": {"a": "../a.safetensors"}}))
save("hub", "hidden", hub({"weight_map": {"a": ".a.safetensors"}}))
save("hub", "number", hub({"weight_map": {"a": 3}}))
save("hub", "missing", hub({"weight_map": {"a": "c.safetensors"}}))
save("hub", "no_map", hub({"a": 1}))
save("hub", "empty_map", hub({"weight_map": {}}))
save("hub", "bad_shard", hub({"weight_map": {"a": "a.safetensors"}}, b"hello"))
save("hub", "no_json", hub(b"hello"))
save("hub", "list", hub([1, 2]))


# ---- models: config.json, and GGUF as a model ----

for model in ("bert", "gemma3"):
    config = json.loads((ROOT.parent / "fixtures" / model / "config.json").read_text())
    save("config", model, json.dumps(config).encode())
    for key in list(config):
        less = {k: v for k, v in config.items() if k != key}
        save("config", f"{model}_without_{key}", json.dumps(less).encode())
save("config", "list", b"[]")
save("config", "no_json", b"{")
save("config", "negative", json.dumps({**config, "hidden_size": -1}).encode())
save("config", "huge", json.dumps({**config, "num_hidden_layers": 1 << 40}).encode())

GEMMA = [("general.architecture", STR, "gemma3"), ("gemma3.block_count", U32, 1), ("gemma3.embedding_length", U32, 4),
         ("gemma3.feed_forward_length", U32, 8), ("gemma3.attention.head_count", U32, 2), ("gemma3.context_length", U32, 16),
         ("gemma3.attention.head_count_kv", U32, 1), ("gemma3.attention.key_length", U32, 2), ("gemma3.attention.value_length", U32, 2),
         ("gemma3.attention.layer_norm_rms_epsilon", F32, 1e-6), ("gemma3.rope.freq_base", F32, 1e6),
         ("gemma3.attention.sliding_window", U32, 4), ("tokenizer.ggml.model", STR, "llama"),
         ("tokenizer.ggml.tokens", ARR, (STR, ["<unk>", "<s>", "a", "▁the"])), ("tokenizer.ggml.scores", ARR, (F32, [0, 0, -1, -2])),
         ("tokenizer.ggml.token_type", ARR, (I32, [2, 3, 1, 1]))]
SHAPES = {"token_embd": (4, 4), "output_norm": (4,)}
BLOCK = {"attn_norm": (4,), "attn_q": (4, 4), "attn_k": (4, 2), "attn_v": (4, 2), "attn_output": (4, 4), "attn_q_norm": (2,),
         "attn_k_norm": (2,), "post_attention_norm": (4,), "ffn_norm": (4,), "ffn_gate": (4, 8), "ffn_up": (4, 8), "ffn_down": (8, 4),
         "post_ffw_norm": (4,)}
SHAPES |= {f"blk.0.{k}": v for k, v in BLOCK.items()}


def zeros(shapes):
    return [(f"{k}.weight", v, 0, bytes(4 * (v[0] * v[1] if len(v) > 1 else v[0]))) for k, v in shapes.items()]


save("gguf_model", "gemma3", gguf(GEMMA, zeros(SHAPES)))
save("gguf_model", "no_tokens", gguf(GEMMA[:12], zeros(SHAPES)))
save("gguf_model", "no_norm", gguf(GEMMA, zeros({k: v for k, v in SHAPES.items() if k != "output_norm"})))
save("gguf_model", "shape", gguf(GEMMA, zeros({**SHAPES, "blk.0.attn_q": (4, 2)})))
save("gguf_model", "extra", gguf(GEMMA, zeros({**SHAPES, "blk.1.attn_q": (4, 4)})))
IDS = [(f"tokenizer.ggml.{name}_token_id", U32, i) for i, name in enumerate(["unknown", "bos", "eos"])]
CHARSMAP = GEMMA[:12] + [("tokenizer.ggml.model", STR, "t5")] + GEMMA[13:]
save("gguf_model", "ids", gguf(GEMMA + IDS, zeros(SHAPES)))
save("gguf_model", "far_id", gguf(GEMMA + [("tokenizer.ggml.bos_token_id", U32, 99)], zeros(SHAPES)))
save("gguf_model", "charsmap", gguf(CHARSMAP + [("tokenizer.ggml.precompiled_charsmap", ARR, (I32, [4, 0, 0, 0, 0, 0, 0, 0, 97, 0]))], zeros(SHAPES)))
save("gguf_model", "no_charsmap", gguf(CHARSMAP + [("tokenizer.ggml.precompiled_charsmap", ARR, (STR, ["a"]))], zeros(SHAPES)))
save("gguf_model", "text_scores", gguf(GEMMA[:14] + [("tokenizer.ggml.scores", ARR, (STR, ["a", "b", "c", "d"]))], zeros(SHAPES)))
save("gguf_model", "json", gguf(GEMMA[:12] + [("tokenizer.huggingface.json", STR, "{}")], zeros(SHAPES)))
save("gguf_model", "unknown", gguf([("general.architecture", STR, "unheard")], []))
save("gguf_model", "nothing", gguf([], []))
