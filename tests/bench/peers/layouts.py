"""The first N of 400,000 x 50 laid out in the plane by scikit-learn's t-SNE, of unit vectors, beginning at their PCA.

usage: layouts.py VECTORS.npy N THREADS

tsne  seconds
kept  the share of each one's ten nearest that are its ten nearest in the plane
"""

import sys
import time

from peer import need, report

np, manifold, neighbors = need("numpy", "sklearn.manifold", "sklearn.neighbors")
x = np.load(sys.argv[1], mmap_mode="r")[:int(sys.argv[2])].astype(np.float32)
x /= np.linalg.norm(x, axis=1, keepdims=True)
began = time.perf_counter()
y = manifold.TSNE(init="pca", random_state=0, n_jobs=int(sys.argv[3])).fit_transform(x)
seconds = time.perf_counter() - began
near = [neighbors.NearestNeighbors(n_neighbors=11).fit(z).kneighbors(z, return_distance=False)[:, 1:] for z in (x, y)]
kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*near)])
report({"scikit-learn": "scikit-learn"}, {"tsne": seconds, "kept": float(kept)})
