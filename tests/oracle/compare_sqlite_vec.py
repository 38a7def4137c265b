#!/usr/bin/env python3
"""compare_sqlite_vec.py - vecscope's SQL functions beside sqlite-vec's and numpy's: the same blobs, the same numbers.

usage: compare_sqlite_vec.py VECSCOPE_SQL.so     a Python with apsw, sqlite_vec and numpy

Each row of random vectors goes through both extensions in one connection; what one writes, the other reads.
"""

import sys

import apsw
import numpy as np
import sqlite_vec

db = apsw.Connection(":memory:")
db.enable_load_extension(True)
db.load_extension(sqlite_vec.loadable_path())
db.load_extension(sys.argv[1])
passed = failed = 0


def check(what, good):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAILED:", what)


def one(query, *values):
    return db.execute("select " + query, values).fetchone()


rng = np.random.default_rng(1)
for d in (1, 3, 50, 640):
    for scale in (1e-3, 1, 1e3):
        x, y = (rng.standard_normal((2, d)) * scale).astype("<f4")
        a, b = x.tobytes(), y.tobytes()
        for name, ours, theirs in (("add", "vs_add", "vec_add"), ("sub", "vs_sub", "vec_sub")):
            ours, theirs = one(f"{ours}(?1, ?2), {theirs}(?1, ?2)", a, b)
            check(f"{name} {d}: the same bytes", ours == theirs)
        check(f"numpy {d}: the same bytes", one("vs_add(?1, ?2)", a, b)[0] == (x + y).tobytes())
        ours, theirs = (np.frombuffer(v, "<f4") for v in one("vs_unit(?1), vec_normalize(?1)", a))
        check(f"unit {d}", np.allclose(ours, theirs, rtol=1e-6, atol=0))
        exact = float(x.astype("f8") @ y.astype("f8") / np.linalg.norm(x.astype("f8")) / np.linalg.norm(y.astype("f8")))
        ours, theirs = one("vs_cosine(?1, ?2), 1 - vec_distance_cosine(?1, ?2)", a, b)
        check(f"cosine {d}: {ours} {theirs}", abs(ours - theirs) < 2e-6 and abs(ours - exact) < 1e-7)
        exact = float(np.linalg.norm(x.astype("f8") - y.astype("f8")))
        ours, theirs = one("vs_l2(?1, ?2), vec_distance_L2(?1, ?2)", a, b)
        check(f"l2 {d}: {ours} {theirs}", abs(ours - theirs) < 2e-6 * exact and abs(ours - exact) < 1e-12 * exact)
        check(f"dim {d}", one("vs_dim(vec_f32(?1)) = vec_length(?1)", a)[0])
        check(f"JSON {d}: ours read by theirs", one("vec_f32(vs_json(?1))", a)[0] == a)
        check(f"JSON {d}: theirs read by ours", np.allclose(np.frombuffer(one("vs_f32(vec_to_json(?1))", a)[0], "<f4"), x, rtol=1e-6, atol=1e-6))
check("the bytes of JSON", one("vs_f32('[1, 2.5, -3]') = vec_f32('[1, 2.5, -3]')")[0])
db.execute("create virtual table v using vec0(e float[50])")
rows = rng.standard_normal((200, 50)).astype("<f4")
db.executemany("insert into v(rowid, e) values (?, vs_f32(vs_json(?)))", ((i, r.tobytes()) for i, r in enumerate(rows)))
theirs = [r for r, in db.execute("select rowid from v where e match ? and k = 10 order by distance", (rows[7].tobytes(),))]
ours = [r for r, in db.execute("select rowid from v order by vs_l2(e, ?) limit 10", (rows[7].tobytes(),))]
check("a vec0 table in the order of vs_l2", ours == theirs)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
