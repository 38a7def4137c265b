"""Word vectors from a text by gensim: skip-gram with negative sampling, 100 wide, window 5, 5 drawn, 5 epochs.

usage: training.py TEXT THREADS

rate  words of the text times epochs a second, gensim's words counted, its text already split
"""

import sys
import time

from peer import need, report

models = need("gensim.models")
sentences = [line.split() for line in open(sys.argv[1], encoding="utf-8") if line.strip()]
began = time.perf_counter()
models.Word2Vec(sentences, vector_size=100, window=5, min_count=1, sg=1, negative=5, workers=int(sys.argv[2]), epochs=5)
report({"gensim": "gensim"}, {"rate": 5 * sum(map(len, sentences)) / (time.perf_counter() - began)})
