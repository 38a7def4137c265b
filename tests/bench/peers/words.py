"""Ranks and word mover's distances by gensim, which asks POT for the transport.

usage: words.py VECTORS.npy WORDS.txt SENTENCES.txt

rank    median seconds of the rank of river among the neighbours of bank, and back
movers  median seconds of wmdistance over each sentence and the next, all of them; their words split beforehand
"""

import sys

from peer import median_time, need, report

np, models, _ = need("numpy", "gensim.models", "ot")
rows = np.load(sys.argv[1])
space = models.KeyedVectors(rows.shape[1])
space.add_vectors(open(sys.argv[2], encoding="utf-8").read().split("\n")[:len(rows)], rows)
space.fill_norms()
sentences = [[word.strip(".,;:!?\"'()").lower() for word in line.split()] for line in open(sys.argv[3], encoding="utf-8")]
pairs = list(zip(sentences, sentences[1:]))
rank = median_time(lambda: (space.rank("bank", "river"), space.rank("river", "bank")), 5)
movers = median_time(lambda: [space.wmdistance(a, b) for a, b in pairs], 5)
report({"gensim": "gensim", "POT": "POT"}, {"rank": rank, "movers": movers})
