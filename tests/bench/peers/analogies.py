"""Analogy questions by gensim.

usage: analogies.py VECTORS.npy WORDS.txt QUESTIONS.txt

eval      seconds for all questions over the 300,000 most frequent words, gensim's own way of asking
accuracy  share answered right
"""

import sys
import time

from peer import need, report

np, models = need("numpy", "gensim.models")
rows = np.load(sys.argv[1])
space = models.KeyedVectors(rows.shape[1])
space.add_vectors(open(sys.argv[2], encoding="utf-8").read().split("\n")[:len(rows)], rows)
space.fill_norms()
began = time.perf_counter()
accuracy, _ = space.evaluate_word_analogies(sys.argv[3])
report({"gensim": "gensim"}, {"eval": time.perf_counter() - began, "accuracy": accuracy})
