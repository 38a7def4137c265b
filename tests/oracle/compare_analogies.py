"""`eval analogies` beside the tools whose rules it follows: gensim itself, and word2vec's, GloVe's and fastText's rules, and LRCos',
written anew in numpy from what their sources do.

usage: compare_analogies.py VECSCOPE EMB.npy WORDS(.parquet: a column `index`; else a word a line) QUESTIONS [rows]
  rows: of the sub-vocabulary that everything is asked of (default 40000); the tools' own cuts apply besides
Prints a line for each rule and method; exit 1 where a section differs by more than its near ties (scores within 1e-6)."""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np


def load(emb, words, rows):
    if words.endswith(".parquet"):
        import pandas
        names = list(pandas.read_parquet(words)["index"])
    else:
        names = open(words).read().split("\n")
    return names[:rows], np.load(emb)[:rows].astype(np.float64)


def read(path):
    sections = []
    for line in open(path):
        if line.startswith(": "):
            sections.append((line[1:].strip(), []))
        elif len(line.split()) == 4:
            sections[-1][1].append(line.split())
    return sections


RULES = {  # rows, how questions and keys are written, unknown words count, an answer is above 0
    "word2vec": (30000, str.upper, str.upper, False, True),
    "glove": (None, str.lower, str, False, False),
    "fasttext": (None, str, str, True, False),
}


def ours(program, space, questions, *more):
    done = subprocess.run([program, "-s", space, "--json", "eval", "analogies", questions, *more], capture_output=True, text=True, check=True)
    return {s["name"]: (s["correct"], s["total"]) for s in json.loads(done.stdout)["sections"]}


def scores(method, unit, a, b, c):
    x, y, z = unit @ a, unit @ b, unit @ c
    if method == "3cosadd":
        return unit @ (b - a + c)
    if method == "3cosmul":
        return (y + 1) / 2 * ((z + 1) / 2) / ((x + 1) / 2 + 0.001)
    difference = unit - c
    norm = np.maximum(np.sqrt(np.maximum((difference ** 2).sum(1), 0)), 1e-3)
    return difference @ (b - a) / norm / max(np.linalg.norm(b - a), 1e-30)


def numpy_says(rules, method, names, vectors, sections):
    rows, asked, keys, counted, positive = RULES[rules]
    names, vectors = names[:rows], vectors[:rows]
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    index, result = {}, {}
    for i, name in enumerate(names):
        index.setdefault(keys(name), i)
    folded = [keys(name) for name in names]
    for section, questions in sections:
        right = total = ties = 0
        for question in questions:
            rows_of = [index.get(asked(word)) for word in question]
            if None in rows_of and not counted:
                continue
            total += 1
            a, b, c = (np.zeros(unit.shape[1]) if i is None else unit[i] for i in rows_of[:3])
            score = scores(method, unit, a, b, c)
            score[[i for i in rows_of[:3] if i is not None]] = -np.inf
            best = int(np.argmax(score))
            right += folded[best] == asked(question[3]) and (not positive or score[best] > 0)
            if rows_of[3] is not None and rows_of[3] not in rows_of[:3]:
                other = np.delete(score, rows_of[3]).max()
                ties += abs(other - score[rows_of[3]]) < 1e-6
        result[section] = (right, total, ties)
    return result


MASK = (1 << 64) - 1


def mix(h):
    h ^= h >> 33
    h = h * 0xff51afd7ed558ccd & MASK
    h ^= h >> 33
    h = h * 0xc4ceb9fe1a85ec53 & MASK
    return h ^ h >> 33


def vs_hash(data):  # lib/base/dict.h
    h = 0x9e3779b97f4a7c15 ^ len(data)
    whole = len(data) // 8 * 8
    for i in range(0, whole, 8):
        h = mix(h ^ int.from_bytes(data[i:i + 8], "little"))
    return mix(h ^ int.from_bytes(data[whole:], "little"))


def lrcos_says(rules, names, vectors, sections, seed=1):
    """LRCos with scikit-learn's logistic regression, over what vecscope draws."""
    from sklearn.linear_model import LogisticRegression
    rows, asked, keys, _, _ = RULES[rules]
    names, vectors = names[:rows], vectors[:rows]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled = unit * np.sqrt(unit.shape[1])
    index, written, result = {}, {}, {}
    for i, name in enumerate(names):
        index.setdefault(keys(name), i)
    for _, questions in sections:
        for question in questions:
            for word in question:
                written.setdefault(asked(word), word)
    for section, questions in sections:
        known = [[asked(word) for word in q] for q in questions]
        known = [q for q in known if all(word in index for word in q)]
        yes, no = {w for q in known for w in (q[1], q[3])}, {w for q in known for w in (q[0], q[2])}
        right = ties = 0
        probability = {}
        for a, b, c, d in known:
            if (c, d) not in probability:
                inside, outside = [index[w] for w in yes - {d}], [index[w] for w in no - {c}]
                drawn, more = [], len(outside)
                for i in range(4 * more):
                    if len(drawn) == more:
                        break
                    key = b"".join(x.to_bytes(8, "little") for x in (seed, vs_hash(written[d].encode()), i))
                    row = vs_hash(key) % len(names)
                    if keys(names[row]) not in yes | no:
                        drawn.append(row)
                x = scaled[inside + outside + drawn]
                y = np.arange(len(x)) < len(inside)
                fit = LogisticRegression(C=1, tol=1e-10, max_iter=10000).fit(x, y)
                probability[c, d] = fit.predict_proba(scaled)[:, 1]
            score = probability[c, d] * (unit @ unit[index[c]])
            score[[index[a], index[b], index[c]]] = -np.inf
            right += int(np.argmax(score)) == index[d]
            if d not in (a, b, c):
                ties += abs(np.delete(score, index[d]).max() - score[index[d]]) < 1e-5
        result[section] = (right, len(known), ties)
    return result


def gensim_says(names, vectors, questions):
    from gensim.models import KeyedVectors
    kv = KeyedVectors(vectors.shape[1])
    kv.add_vectors(names, vectors.astype(np.float32))
    kv.fill_norms()
    return {s["section"]: (len(s["correct"]), len(s["correct"]) + len(s["incorrect"]), 0)
            for s in kv.evaluate_word_analogies(questions)[1] if s["section"] != "Total accuracy"}


def main():
    program, emb, words, questions = sys.argv[1:5]
    rows = int(sys.argv[5]) if len(sys.argv) > 5 else 40000
    names, vectors = load(emb, words, rows)
    sections, failed = read(questions), False
    with tempfile.TemporaryDirectory() as folder:
        space = os.path.join(folder, "space.txt")
        with open(space, "w") as f:
            for name, vector in zip(names, vectors.astype(np.float32)):
                f.write(name + " " + " ".join(f"{x:.9g}" for x in vector) + "\n")
        for rules in ["gensim"] + list(RULES):
            for method in ["3cosadd", "3cosmul", "pairdirection", "lrcos"]:
                if (rules == "gensim" and method != "3cosadd") or (rules != "glove" and method == "lrcos"):
                    continue
                want = (gensim_says(names, vectors, questions) if rules == "gensim" else
                        lrcos_says(rules, names, vectors, sections) if method == "lrcos" else
                        numpy_says(rules, method, names, vectors, sections))
                have = ours(program, space, questions, "--rules", rules, "--method", method)
                off = [s for s, (right, total) in have.items()
                       if s in want and (total != want[s][1] or abs(right - want[s][0]) > want[s][2])]
                failed |= bool(off) or not set(want) >= {s for s in have if have[s][1]}
                print(f"{rules:9} {method:14} {sum(x[0] for x in have.values())} of {sum(x[1] for x in have.values())} here, "
                      f"{sum(x[0] for x in want.values())} of {sum(x[1] for x in want.values())} there, "
                      f"{sum(x[2] for x in want.values())} near ties: {'differs in ' + ', '.join(off) if off else 'the same'}", flush=True)
    sys.exit(failed)


main()
