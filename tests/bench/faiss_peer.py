"""The queries of `cloud/examples/retrieval.rs` on faiss's HNSW graph, one thread: `faiss_peer.py FOLDER` prints a JSON object."""

import json
import sys
import time
from pathlib import Path

import faiss
import numpy

DIMENSION, K, RECALL = 64, 100, 0.99
BREADTHS = (100, 150, 200, 300, 400, 600, 800, 1200)
CHECKED = 200

folder = Path(sys.argv[1])
items = numpy.fromfile(folder / "items.f32", "<f4").reshape(-1, DIMENSION)
queries = numpy.fromfile(folder / "queries.f32", "<f4").reshape(-1, DIMENSION)
exact = faiss.IndexFlatIP(DIMENSION)
exact.add(items)
_, truth = exact.search(queries[:CHECKED], K)
# As many links and as much breadth as the engine's usual graph.
graph = faiss.IndexHNSWFlat(DIMENSION, 16, faiss.METRIC_INNER_PRODUCT)
graph.hnsw.efConstruction = 100
graph.add(items)
faiss.omp_set_num_threads(1)
for breadth in BREADTHS:
    graph.hnsw.efSearch = breadth
    _, found = graph.search(queries[:CHECKED], K)
    recall = float(numpy.mean([len(set(one) & set(other)) / K for one, other in zip(found, truth)]))
    if recall >= RECALL:
        break
started = time.perf_counter()
graph.search(queries, K)
per_second = len(queries) / (time.perf_counter() - started)
print(json.dumps({"per_second": per_second, "recall_at_100": recall, "breadth": breadth}))
