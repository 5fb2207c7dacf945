"""The graph of approximate neighbors, by faiss."""

from contextlib import contextmanager

import numpy as np

from skimgfeat._parallel import count_threads

# Rows handed to faiss at a time, as float32: 64 MB. How many they are shapes the graph, hence not by n_jobs.
_BYTES_AT_ONCE = 1 << 26


def import_faiss(owner):
    """Return faiss, or raise ImportError with the extra that brings it."""
    try:
        import faiss
    except ImportError as error:
        raise ImportError(f"{owner}: algorithm='hnsw' needs faiss: pip install 'skimgfeat[faiss]'.") from error
    return faiss


def make_graph(owner, n_columns, n_links, ef_construction):
    """Return an empty graph."""
    graph = import_faiss(owner).IndexHNSWFlat(n_columns, n_links)
    graph.hnsw.efConstruction = ef_construction
    return graph


def add_to_graph(owner, graph, rows, n_jobs):
    """Put Rows behind those that a graph holds."""
    with _threads(import_faiss(owner), n_jobs):
        step = max(1, _BYTES_AT_ONCE // (4 * rows.values.shape[1]))
        for start in range(0, len(rows.values), step):
            graph.add(_vectors(rows.take(slice(start, start + step))))


def search_graph(owner, graph, queries, k, ef_search, n_jobs):
    """Return the places of about the k nearest of each query, -1 where fewer were found."""
    faiss = import_faiss(owner)
    parameters = faiss.SearchParametersHNSW(efSearch=max(ef_search, k))
    with _threads(faiss, n_jobs):
        return graph.search(_vectors(queries), k, params=parameters)[1]


def pack_graph(owner, graph):
    """Return a graph as an array of bytes."""
    return import_faiss(owner).serialize_index(graph)


def unpack_graph(owner, data):
    """Return the graph that :func:`pack_graph` packed."""
    return import_faiss(owner).deserialize_index(data)


def _vectors(rows):
    return np.ascontiguousarray(rows.values * rows.scale[:, np.newaxis], dtype=np.float32)


@contextmanager
def _threads(faiss, n_jobs):
    """Let faiss use ``n_jobs`` threads; the setting belongs to the thread that calls."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count_threads(n_jobs))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
