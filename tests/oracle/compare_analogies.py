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
    return difference @ (b - a) / norm / np.linalg.norm(b - a)


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
            for method in ["3cosadd", "3cosmul", "pairdirection"]:
                if rules == "gensim" and method != "3cosadd":
                    continue
                want = gensim_says(names, vectors, questions) if rules == "gensim" else numpy_says(rules, method, names, vectors, sections)
                have = ours(program, space, questions, "--rules", rules, "--method", method)
                off = [s for s, (right, total) in have.items()
                       if s in want and (total != want[s][1] or abs(right - want[s][0]) > want[s][2])]
                failed |= bool(off) or not set(want) >= {s for s in have if have[s][1]}
                print(f"{rules:9} {method:14} {sum(x[0] for x in have.values())} of {sum(x[1] for x in have.values())} here, "
                      f"{sum(x[0] for x in want.values())} of {sum(x[1] for x in want.values())} there, "
                      f"{sum(x[2] for x in want.values())} near ties: {'differs in ' + ', '.join(off) if off else 'the same'}", flush=True)
    sys.exit(failed)


main()
