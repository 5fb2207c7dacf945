"""What a report shows, as its page takes it: texts, numbers and lists of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np

from skimgfeat.io._sources import is_missing
from skimgfeat.recipes._report_page import number, visible
from skimgfeat.recipes._report_source import NAMES
from skimgfeat.recipes._report_statistics import (
    ColumnStatistics,
    agreement,
    count_distances,
    family_of,
    find_neighbors,
    map_rows,
    prepare_rows,
)

# Failed images, and columns, that are listed one by one.
_MOST_LISTED = 5000
# Labels with a color of their own.
_N_COLORS = 10


@dataclass(frozen=True)
class Shown:
    """What was read of the rows: statistics of all, and those that are shown.

    Attributes
    ----------
    columns : dict of list
        What stands beside the rows shown: ``index``, names, ``label``, ``message``.
    rows : list of ndarray
        The features of those.
    statistics : ColumnStatistics
        Of all rows that have features.
    classes, failed_classes : Counter of str
        How many images have each label, and how many of these have no features.
    failures : iterable of dict
        The images without features: ``index``, a name, ``code``, ``message``.
    codes : dict of str to int
        How many failed with each code.
    n_usable : int
        How many rows could have been shown.
    """

    columns: dict[str, list]
    rows: list
    statistics: ColumnStatistics
    classes: Counter
    failed_classes: Counter
    failures: Iterable
    codes: dict[str, int]
    n_usable: int

    @property
    def n_failed(self):
        """How many images have no features."""
        return sum(self.codes.values())


def read_rows(source, y, sample):
    """Read all rows once, part by part; ``y`` are the labels of all items, or None for those beside the rows."""
    statistics = ColumnStatistics(len(source.names))
    classes: Counter[str] = Counter()
    failed_classes: Counter[str] = Counter()
    failures = []
    for columns, rows in source.batches():
        if y is not None:
            columns = columns | {"label": [y[index] for index in columns["index"]]}
        is_there = _have_features(columns, rows)
        statistics.add(rows[is_there])
        sample.add(columns, rows, is_there & np.isfinite(rows).all(axis=1))
        labels = [label_text(label) for label in columns.get("label", ())]
        classes.update(label for label in labels if label is not None)
        failed = np.flatnonzero(~is_there).tolist()
        failed_classes.update(labels[place] for place in failed if labels and labels[place] is not None)
        failures += [{name: column[place] for name, column in columns.items()} for place in failed]
    shown, kept = sample.take()
    told = source.account is not None
    return Shown(
        columns=shown,
        rows=kept,
        statistics=statistics,
        classes=classes,
        failed_classes=failed_classes,
        failures=source.errors if told else failures,
        codes=source.account.codes if told else dict(Counter(_code(failure) for failure in failures)),
        n_usable=sample.n_offered,
    )


def _have_features(columns, rows):
    """Tell which rows have features: those that a run says so of, or that are not NaN from end to end."""
    if "status" in columns:
        return np.array([status != "error" for status in columns["status"]], dtype=bool)
    return ~np.isnan(rows).all(axis=1)


def _code(failure):
    return failure.get("code") or "no features"


def label_text(label):
    """Return a label as it is shown, None for one that is missing."""
    if is_missing(label):
        return None
    return visible(label.decode("utf-8", "surrogateescape") if isinstance(label, bytes) else label, distinct=True)


def _name(values):
    """Return what an image is called: its path, or its place where it has none."""
    named = (values[name] for name in NAMES if not is_missing(values.get(name)) and values[name] != "")
    return visible(next(named, f"item {values['index']}"))


def summarize(shown, source, thumbnails, notes, options):
    """Return all that the page shows but neighbors.

    ``notes`` are sentences that a reader has to know, ``options`` a dictionary of those that the page was made with.
    """
    rows_of_images = [
        dict(zip(shown.columns, values, strict=True)) for values in zip(*shown.columns.values(), strict=True)
    ]
    labels = [label_text(values.get("label")) for values in rows_of_images]
    names = _sort_labels(set(labels) - {None})
    codes = {label: code for code, label in enumerate(names)}
    common = [label for label, _ in Counter(label for label in labels if label is not None).most_common(_N_COLORS)]
    failures = list(islice(shown.failures, _MOST_LISTED))
    return {
        "images": {
            "names": list(map(_name, rows_of_images)),
            "places": shown.columns.get("index", []),
            "labels": [codes.get(label, -1) for label in labels] if names else None,
            "messages": [visible(values.get("message") or "") for values in rows_of_images],
            "thumbnails": [thumbnail.uri for thumbnail in thumbnails],
            "problems": [visible(thumbnail.problem) for thumbnail in thumbnails],
            "sizes": [thumbnail.size for thumbnail in thumbnails],
            "kinds": [thumbnail.kind for thumbnail in thumbnails],
        },
        "labels": names,
        "colored": sorted(codes[label] for label in common),
        "classes": _describe_classes(shown, source),
        "classOrder": _sort_labels(shown.classes),
        "labelled": sum(shown.classes.values()),
        "families": _describe_families(source.names, shown.statistics),
        "columns": _describe_columns(source.names, shown.statistics),
        "columnsLeftOut": max(0, len(source.names) - _MOST_LISTED),
        "errors": {
            "ofRun": source.account is not None,
            "known": source.account is not None or "status" in shown.columns,
            "codes": [[visible(code), count] for code, count in sorted(shown.codes.items())],
            "rows": [
                [values["index"], _name(values), visible(_code(values)), visible(values.get("message") or "")]
                for values in failures
            ],
            "total": shown.n_failed,
        },
        "summary": _summary(shown, source),
        "notes": [*_notes(shown, options["random_state"]), *notes],
        "facts": _describe_images(thumbnails),
        "about": [
            [title, [[name, visible(text)] for name, text in facts]]
            for title, facts in (*source.about, ("This page", options.items()))
        ],
    }


def _sort_labels(labels):
    """Return labels in order: of numbers, if they all are; "1" and "1.0" are equal, and then in order of text."""
    try:
        numbers = {label: float(label) for label in labels}
    except ValueError:
        return sorted(labels)
    # NaN has no place among numbers.
    if any(value != value for value in numbers.values()):
        return sorted(labels)
    return sorted(labels, key=lambda label: (numbers[label], label))


def _describe_classes(shown, source):
    """Return (label, images, those that failed) for each label; None where the failed have no rows, and no labels."""
    tells_failed = source.n_rows == source.n_items
    return [
        [label, count, shown.failed_classes[label] if tells_failed else None]
        for label, count in shown.classes.most_common()
    ]


def _moments(n, mean, std, low, high, n_zeros, n_missing):
    values = [mean, std, low, high] if n else [np.nan] * 4
    return [*map(number, values), int(n_zeros), int(n_missing)]


def _describe_columns(names, found):
    missing, std = found.n_rows - found.n_finite, found.std
    n = min(len(names), _MOST_LISTED)
    return [
        [
            visible(names[at]),
            *_moments(
                found.n_finite[at],
                found.mean[at],
                std[at],
                found.min[at],
                found.max[at],
                found.n_zeros[at],
                missing[at],
            ),
            bool(found.is_constant[at]),
        ]
        for at in range(n)
    ]


def _describe_families(names, found):
    """Return for each family: its name, columns, constant ones, and the moments of all its values together."""
    families: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        families.setdefault(family_of(name), []).append(at)
    described, std = [], found.std
    for family, places in families.items():
        n = found.n_finite[places]
        total = max(1, n.sum())
        with np.errstate(over="ignore", invalid="ignore"):
            mean = (n * found.mean[places]).sum() / total
            variance = (n * (std[places] ** 2 + (found.mean[places] - mean) ** 2)).sum() / total
        low, high = found.min[places].min(), found.max[places].max()
        n_missing = found.n_rows * len(places) - n.sum()
        moments = _moments(n.sum(), mean, np.sqrt(variance), low, high, found.n_zeros[places].sum(), n_missing)
        described.append([visible(family), len(places), int(found.is_constant[places].sum()), *moments])
    return described


def _summary(shown, source):
    """Return (what, how much) of the page's head."""
    account = source.account
    facts = [("images", f"{source.n_items:,}")]
    if account is not None:
        facts.append(("with features", f"{account.ok + account.partial:,}"))
        facts += [("with a reservation", f"{account.partial:,}")] if account.partial else []
    facts += [
        ("failed", f"{shown.n_failed:,}"),
        ("columns", f"{len(source.names):,}"),
        ("constant columns", f"{int(shown.statistics.is_constant.sum()):,}"),
    ]
    if shown.classes:
        facts.append(("labels", f"{len(shown.classes):,}"))
    return facts


def _notes(shown, random_state):
    """Return what has to be known of the rows that are shown."""
    notes = []
    if shown.n_usable > len(shown.rows):
        notes.append(
            f"{len(shown.rows):,} of {shown.n_usable:,} rows, drawn at random (random_state={random_state}), are shown "
            "and compared with each other; there may be nearer images among the others. The statistics are of all rows."
        )
    if shown.statistics.n_rows > shown.n_usable:
        n_left_out = shown.statistics.n_rows - shown.n_usable
        notes.append(f"Not compared, since they hold NaN or infinities: {n_left_out:,} rows.")
    return notes if shown.rows else [*notes, "No row can be compared."]


def _describe_images(thumbnails):
    """Return (what, how much) of the files or arrays that the pictures were made of."""
    facts = []
    sizes = np.array([thumbnail.size for thumbnail in thumbnails if thumbnail.size is not None])
    if len(sizes):
        rows, cols = (f"{low:.0f} to {high:.0f}, median {middle:.0f}" for low, middle, high in _quantiles(sizes))
        n_sizes = len(np.unique(sizes, axis=0))
        facts += [("rows of an image", rows), ("columns of an image", cols), ("different sizes", f"{n_sizes:,}")]
    kinds = Counter(thumbnail.kind for thumbnail in thumbnails if thumbnail.kind)
    facts += [(kind, f"{count:,}") for kind, count in kinds.most_common()]
    n_missing = sum(not thumbnail.uri for thumbnail in thumbnails)
    return facts + ([("without a picture", f"{n_missing:,}")] if n_missing else [])


def _quantiles(sizes):
    return np.quantile(sizes, [0, 0.5, 1], axis=0).T


def compare(shown, metric, standardize, numbers, n_jobs):
    """Return what the page shows of how far the rows are from each other."""
    how = f"{metric} distance{' of standardized columns' if standardize else ''}"
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    data: dict[str, Any] = {"subtitle": f"Neighbors by {how}. Written {now}.", "map": None, "distances": None}
    if not shown.rows:
        nothing: dict[str, list] = {"indices": [], "distances": []}
        return data | {"nearest": nothing, "farthest": nothing}
    rows = prepare_rows(shown.rows, standardize)
    found = find_neighbors(rows, metric, n_jobs=n_jobs, **numbers)
    for name, (distances, indices) in found.items():
        data[name] = {
            "indices": indices.tolist(),
            "distances": [list(map(number, line)) for line in distances.tolist()],
        }
    if (placed := map_rows(rows, metric)) is not None:
        (x, y), shares = placed[0].T, placed[1]
        data["map"] = {"x": list(map(number, x)), "y": list(map(number, y)), "shares": list(map(number, shares))}
    if (counted := count_distances(found["nearest"][0])) is not None:
        data["distances"] = dict(zip(("counts", "edges"), (list(map(number, part)) for part in counted), strict=True))
    labels = [label_text(label) for label in shown.columns.get("label", ())]
    data["agreement"] = agreement(labels, found["nearest"][1])
    return data
