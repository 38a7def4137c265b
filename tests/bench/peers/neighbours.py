"""The ten nearest of 400,000 x 50 to one row, and storing those rows.

usage: neighbours.py PEER VECTORS.npy WORDS.txt THREADS     PEER: faiss, numpy, gensim, sqlite-vec

near   median seconds of one query, the vectors being in memory; gensim looks its word up, the others are given a vector
many   the same of a thousand queries: at once, by gensim one after another
sql    median seconds of a plain table of blobs ordered by the cosine (sqlite-vec)
store  seconds to insert every row into a new file, in one transaction (sqlite-vec)
"""

import os
import sys
import tempfile
import time

from peer import median_time, need, report

peer, vectors, words, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
np = need("numpy")
rows = np.load(vectors)
keys = open(words, encoding="utf-8").read().split("\n")[:len(rows)]
unit = np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
query = unit[keys.index("queen")]
thousand = np.ascontiguousarray(unit[np.arange(1000) * 97]) # bench.py's thousand_words()


def by_faiss():
    faiss = need("faiss")
    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(unit)
    report({"FAISS": "faiss-cpu"}, {"near": median_time(lambda: index.search(query[None], 10), 100),
                                    "many": median_time(lambda: index.search(thousand, 10), 3)})


def by_numpy():
    def nearest():
        score = unit @ query
        best = np.argpartition(-score, 10)[:10]
        return best[np.argsort(-score[best])]

    def all_nearest():
        for some in np.split(thousand, 10):
            score = some @ unit.T
            best = np.argpartition(-score, 10, axis=1)[:, :10]
            np.take_along_axis(best, np.argsort(-np.take_along_axis(score, best, 1), axis=1), 1)
    report({"numpy": "numpy"}, {"near": median_time(nearest, 100), "many": median_time(all_nearest, 1)})


def by_gensim():
    models = need("gensim.models")
    space = models.KeyedVectors(rows.shape[1])
    space.add_vectors(keys, rows)
    space.fill_norms()
    words_of = [keys[i * 97] for i in range(1000)]
    report({"gensim": "gensim"}, {"near": median_time(lambda: space.most_similar("queen", topn=10), 50),
                                  "many": median_time(lambda: [space.most_similar(w, topn=10) for w in words_of], 1)})


def by_sqlite_vec():
    apsw, sqlite_vec = need("apsw", "sqlite_vec")
    with tempfile.TemporaryDirectory() as folder:
        db = apsw.Connection(os.path.join(folder, "vectors.db"))
        db.enable_load_extension(True)
        db.load_extension(sqlite_vec.loadable_path())
        db.execute(f"create virtual table v using vec0(e float[{rows.shape[1]}] distance_metric=cosine)")
        began = time.perf_counter()
        with db:
            db.executemany("insert into v(rowid, e) values (?, ?)", ((i, row.tobytes()) for i, row in enumerate(unit)))
        store = time.perf_counter() - began
        ask = "select rowid, distance from v where e match ? and k = 10"
        near = median_time(lambda: list(db.execute(ask, (query.tobytes(),))), 10)
        db.execute("create table t (id integer primary key, key text, vec blob)")
        with db:
            db.executemany("insert into t values (?, ?, ?)", ((i, keys[i], row.tobytes()) for i, row in enumerate(rows)))
        scan = "select key from t order by vec_distance_cosine(vec, ?) limit 10"
        sql = median_time(lambda: list(db.execute(scan, (query.tobytes(),))), 5)
        db.close()
    report({"sqlite-vec": "sqlite-vec"}, {"near": near, "store": store, "sql": sql})


{"faiss": by_faiss, "numpy": by_numpy, "gensim": by_gensim, "sqlite-vec": by_sqlite_vec}[peer]()
