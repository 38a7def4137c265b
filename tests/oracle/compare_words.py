#!/usr/bin/env python3
"""compare_words.py - vecscope's readers and writers of word vectors beside gensim's and numpy's, bit by bit.

usage: compare_words.py VECSCOPE [FOLDER]      wants gensim, numpy

FOLDER holds gensim's own test files (default: those of the gensim that is imported).  Every file that both read is compared
row by row; fastText models also by words that are not in them; every format that vecscope writes is read back.
"""

import json
import os
import subprocess
import sys
import tempfile

import gensim.test
import numpy as np
from gensim.models import KeyedVectors
from gensim.models.fasttext import load_facebook_vectors

vecscope = os.path.abspath(sys.argv[1])
folder = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(gensim.test.__file__), "test_data")
FASTTEXT = ["toy-model.bin", "toy-model-pretrained.bin", "crime-and-punishment.bin", "lee_fasttext.bin", "lee_fasttext_new.bin",
            "non_ascii_fasttext.bin"]  # gensim reads no supervised models
BINARY = ["euclidean_vectors.bin", "high_precision.kv.bin", "poincare_vectors.bin"]
TEXT = ["EN.1-10.cbow1_wind5_hs0_neg10_size300_smpl1e-05.txt", "IT.1-10.cbow1_wind5_hs0_neg10_size300_smpl1e-05.txt",
        "toy-model.vec", "crime-and-punishment.vec", "lee_fasttext.vec", "high_precision.kv.txt", "pang_lee_polarity_fasttext.vec"]
GLOVE = ["test_glove.txt"]
UNSEEN = ["zebrafish", "Überraschung", "night", "ночью", "x", "landlady's", "日本語", "a-very-long-word-that-nobody-has-ever-seen"]
failed = 0


def ours(path, *command):
    done = subprocess.run([vecscope, "-s", path, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{path}: {done.stderr}")
    return done.stdout


def rows_of(path):
    with tempfile.TemporaryDirectory() as work:
        ours(path, "export", "--to", os.path.join(work, "v.npy"))
        words = open(os.path.join(work, "v.words.txt"), encoding="utf-8").read().split("\n")[:-1]
        return dict(zip(words, np.load(os.path.join(work, "v.npy"))))


def say(good, what):
    global failed
    failed += not good
    print(("ok   " if good else "FAIL ") + what)


def compare(name, theirs):
    mine, same, missing = rows_of(os.path.join(folder, name)), 0, []
    for key in theirs.index_to_key:
        if key not in mine:
            missing.append(key)
        elif key != "</s>":
            same += np.array_equal(mine[key], theirs[key])
    rest = [key for key in theirs.index_to_key if key in mine and key != "</s>"]
    say(same == len(rest) and rest, f"{name}: {same} of {len(rest)} rows bit-equal"
        + (f"; not read here: {missing[:5]}" if missing else ""))


def unseen(name, theirs):
    for word in UNSEEN:
        quoted = word.replace("'", "''")
        if word in theirs.key_to_index or theirs.bucket == 0:
            continue
        line = ours(os.path.join(folder, name), "--json", "sql", f"select vs_json(vs_vec('\"{quoted}\"')) v")
        mine = np.array(json.loads(json.loads(line)["rows"][0]["v"]), dtype=np.float32)
        say(np.array_equal(mine, theirs[word].astype(np.float32)), f"{name}: {word}")


for name in FASTTEXT:
    if os.path.exists(os.path.join(folder, name)):
        theirs = load_facebook_vectors(os.path.join(folder, name))
        compare(name, theirs)
        unseen(name, theirs)
for names, how in ((BINARY, {"binary": True}), (TEXT, {}), (GLOVE, {"no_header": True})):
    for name in names:
        if os.path.exists(os.path.join(folder, name)):
            compare(name, KeyedVectors.load_word2vec_format(os.path.join(folder, name), unicode_errors="replace", **how))

with tempfile.TemporaryDirectory() as work:  # what is written here is read there, and here again
    whole = rows_of("default")
    words, rows = list(whole), np.stack(list(whole.values()))
    for end, how in ((".bin", {"binary": True}), (".vec", {}), (".txt", {"no_header": True})):
        path = os.path.join(work, "words" + end)
        ours("default", "export", "--to", path)
        theirs = KeyedVectors.load_word2vec_format(path, **how)
        again = rows_of(path)
        say(theirs.index_to_key == words and np.array_equal(theirs.vectors, rows), f"default → {end} → gensim")
        say(list(again) == words and np.array_equal(np.stack(list(again.values())), rows), f"default → {end} → vecscope")
    for end in (".npy", ".npz", ".tsv"):
        path = os.path.join(work, "words" + end)
        ours("default", "export", "--to", path)
        if end == ".npy":
            theirs, keys = np.load(path), open(path[:-4] + ".words.txt", encoding="utf-8").read().split("\n")[:-1]
        elif end == ".npz":
            theirs, keys = np.load(path)["vectors"], np.load(path)["keys"].tolist()
        else:
            theirs = np.loadtxt(path, delimiter="\t", dtype=np.float32)
            keys = open(path[:-4] + ".metadata.tsv", encoding="utf-8").read().split("\n")[:-1]
        again = rows_of(path)
        say(keys == words and np.array_equal(theirs, rows), f"default → {end} → numpy")
        say(list(again) == words and np.array_equal(np.stack(list(again.values())), rows), f"default → {end} → vecscope")

try:  # a static model in the hub's layout: pip install tokenlearn-static-model
    import static_model
except ImportError:
    static_model = None
if static_model:
    where = os.path.join(os.path.dirname(static_model.__file__), "model")
    for text in ("Hello World", "the king of France", "zzzqqq unknownish €", "\U0001F9FF ꙮ king", "HELLO", "queen " * 600, "größe. Größe!"):
        theirs = np.array(static_model.get_embeddings(text))
        mine = np.array(json.loads(ours(where, "--json", "embed", text))["vector"])
        say(np.abs(mine - theirs).max() < 1e-6, f"tokenlearn-static-model: {text[:20]!r}: largest difference {np.abs(mine - theirs).max():.1e}")
print(f"{failed} failed")
sys.exit(failed > 0)
