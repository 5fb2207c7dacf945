"""``skimgfeat info``: what a job folder holds."""

import math
import os

from skimgfeat.cli._arguments import index
from skimgfeat.cli._show import show, show_json

# Of the features of a sample row.
_N_FEATURES = 4
_ITEM_COLUMNS = ("index", "image_path", "label", "status", "code", "message")


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "info",
        help="tell what a job folder holds",
        description="Print the account of a job folder, finished or not, how it was made, and what its features are.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("output", metavar="OUTPUT", help="a job folder that extract has written, or a store")
    parser.add_argument("--rows", type=index, default=3, metavar="N", help="how many of its first rows to show (3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")


def run(args):
    """Read the chunks one by one and print what they hold."""
    from skimgfeat.jobs import load_account
    from skimgfeat.jobs._folder import JobFolder

    account = load_account(args.output)
    parts = JobFolder(args.output).parts()
    told = [_tell(part, args) for part in parts]  # or None each, where they are printed
    if args.json:
        show_json(told[0] if len(parts) == 1 else {"account": account.to_dict(), "parts": told})
    elif len(parts) > 1:
        show(f"\n{args.output}: {len(parts)} parts\n{account}")
    return 0


def _tell(folder, args):
    """Return what a run holds, or print it."""
    from skimgfeat.jobs._folder import JOB
    from skimgfeat.jobs._readers import account_of

    account, job = account_of(folder), folder.read_json(JOB)
    statistics, sample = _measure(folder, job, args.rows)
    if args.json:
        job["features"].pop("names", None)  # many, and in job.json
        return {"account": account.to_dict(), "job": job, "features": statistics, "sample": sample}
    _print(account, job, statistics, sample)
    return None


def _measure(folder, job, n_sample):
    """Return the statistics of all features, and the first rows."""
    import numpy as np

    from skimgfeat.jobs._folder import chunk_name

    n_rows = n_nan = n_values = 0
    total, smallest, largest = 0.0, math.inf, -math.inf
    sample: list[dict] = []
    for number in folder.chunk_numbers():
        table = folder.read_table(chunk_name(number))
        rows = _rows(table, job)
        items = table.select([name for name in _ITEM_COLUMNS if name in table.column_names])
        shown = items.slice(0, n_sample - len(sample)).to_pylist()
        sample += [item | {"features": _as_json(row[:_N_FEATURES])} for item, row in zip(shown, rows, strict=False)]
        good = ~np.isnan(rows).any(axis=1)
        n_rows += len(rows)
        n_nan += len(rows) - int(good.sum())
        if good.any():
            rows = rows[good]
            n_values += rows.size
            total += float(rows.sum(dtype=np.float64))
            smallest, largest = min(smallest, float(rows.min())), max(largest, float(rows.max()))
    values = (smallest, total / n_values, largest) if n_values else (None, None, None)
    statistics = {"rows": n_rows, "nan_rows": n_nan, "bytes": _count_bytes(folder)}
    return statistics | dict(zip(("min", "mean", "max"), values, strict=True)), sample


def _rows(table, job):
    """Return the rows of features or pixels in a chunk; of descriptors, how many each item has."""
    from skimgfeat.jobs._readers import _rows as feature_rows

    if job["features"]["kind"] == "ragged":
        return table["count"].to_numpy()[:, None]
    rows = feature_rows(table, job)
    return rows.reshape(len(rows), -1)


def _as_json(row):
    """Return numbers as JSON has them, which knows no NaN."""
    return [None if math.isnan(value) else value for value in row.tolist()]


def _count_bytes(folder):
    """Return the bytes of all files in the folder."""
    if folder.is_remote:
        from skimgfeat.io._sources import import_fsspec

        filesystem, path = import_fsspec("info").url_to_fs(folder.path)
        return filesystem.du(path)
    return sum(os.path.getsize(os.path.join(place, name)) for place, _, files in os.walk(folder.path) for name in files)


def _print(account, job, statistics, sample):
    show(f"{account.output}: {'finished' if account.complete else 'not finished; the same command goes on'}")
    show(str(account))
    show("\nmade by")
    show(" ".join(job["estimator_repr"].split()))
    for name in ("input", "settings", "versions"):
        show(f"{name}: {', '.join(f'{key} {value}' for key, value in job[name].items())}")
    show(f"chunks of {job['chunk_size']}")
    names = job["features"].get("names")
    show("\n" + {"rows": "features", "ragged": "descriptors of an item", "images": "images"}[job["features"]["kind"]])
    columns = f"{len(names):,} columns, {names[0]} to {names[-1]}; " if names else ""
    if "shape" in job["features"]:
        columns = f"{' x '.join(map(str, job['features']['shape']))}; "
    show(
        f"{statistics['rows']:,} rows, {statistics['nan_rows']:,} of them NaN; {columns}"
        f"{statistics['bytes'] / 1e6:,.1f} MB on disk"
    )
    if statistics["mean"] is not None:
        show("min {min:.6g}, mean {mean:.6g}, max {max:.6g}".format_map(statistics))
    for row in sample:
        show(_describe(row))


def _describe(row):
    """Return a row as a line; names of files are quoted, since they can hold anything."""
    texts = [str(row["index"]), repr(row["image_path"])] if "image_path" in row else [str(row["index"])]
    if "label" in row:
        texts.append(f"label {row['label']!r}")
    if row["code"]:
        return "  ".join([*texts, f"{row['status']} {row['code']}: {row['message']!r}"])
    return "  ".join([*texts, row["status"], *(f"{value:.4g}" for value in row["features"]), "..."])
