"""Where in the image the columns of features lie: told by their names and by the parameters of what made them."""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.pipeline import FeatureUnion, Pipeline


class Window(NamedTuple):
    """Some rows and columns of an image, and the share of each pixel, of a sum of 1."""

    rows: slice
    cols: slice
    shares: np.ndarray


class Places(NamedTuple):
    """The window of each column, by its number in ``windows``, -1 for a column without a place."""

    image_shape: tuple[int, ...]
    which: np.ndarray
    windows: list[Window]

    def spread(self, values):
        """Return the sum of the values at each pixel, each shared over its window, and that of those without one."""
        has_place = self.which >= 0
        totals = np.bincount(self.which[has_place], values[has_place], minlength=len(self.windows))
        picture = np.zeros(self.image_shape[:2])
        for window, total in zip(self.windows, totals, strict=True):
            picture[window.rows, window.cols] += total * window.shares
        return picture, values[~has_place].sum()


def _window(along_rows, along_cols):
    """Return the window of weights along rows and along columns, None where all are 0."""
    (rows, row_weights), (cols, col_weights) = along_rows, along_cols
    shares = np.outer(row_weights, col_weights)
    return Window(rows, cols, shares / shares.sum()) if shares.any() else None


def _evenly(start, stop):
    return slice(start, stop), np.ones(max(stop - start, 0))


def _part(index, count, length):
    """Return part ``index`` of ``count`` of a length, as zones and grids have them."""
    return _evenly(index * length // count, (index + 1) * length // count)


def _cell(index, size, length, interpolate):
    """Return the pixels that vote for a cell, by how much of their vote it gets."""
    if not interpolate:
        return _evenly(index * size, (index + 1) * size)
    pixels = np.arange(length // size * size)
    return slice(0, len(pixels)), np.maximum(0, 1 - np.abs((pixels + 0.5) / size - (index + 0.5)))


def _patches(index, count, size, step, length):
    """Return the pixels of the patches that are pooled in a cell, by the number of those that hold them."""
    n_patches = (length - size) // step + 1
    covered = np.zeros(length)
    for patch in range(index * n_patches // count, (index + 1) * n_patches // count):
        covered[patch * step : patch * step + size] += 1
    return slice(0, length), covered


def _diagonal(shape, group):
    """Return one of four bands of diagonals, as ProjectionHistograms has them."""
    row, col = np.indices(shape)
    diagonal, size = col - row + shape[0] - 1, sum(shape) - 1
    band = np.minimum(diagonal // (size // 4), 3) if size >= 4 else np.full(shape, 3)
    shares = (band == group).astype(float)
    return Window(slice(None), slice(None), shares / shares.sum()) if shares.any() else None


def _hog_cell(step, shape, block_row, block_col, row, col):
    cells = zip((block_row + row, block_col + col), step.pixels_per_cell, shape, strict=True)
    return _window(*(_cell(*cell, getattr(step, "interpolate", False)) for cell in cells))


def _pooled_patches(step, shape, *cell):
    sides = zip(cell, step.pooling, step.patch_size, shape, strict=True)
    return _window(*(_patches(index, count, size, step.step, length) for index, count, size, length in sides))


# What names tell, in the groups that are numbers, to where that is in an image of a shape (rows, cols).
_READERS: dict[str, Callable[..., Window | None]] = {
    r"pixel_r(\d+)_c(\d+)(?:_ch\d+)?": lambda _, shape, row, col: _window(*(_evenly(i, i + 1) for i in (row, col))),
    r"hog_r(\d+)_c(\d+)_b(\d+?)_?(\d+)_o\d+": _hog_cell,
    r"grid_r(\d+)_c(\d+)_\w+_\w+": lambda step, shape, *cell: _window(*map(_part, cell, step.grid, shape)),
    r"patch_r(\d+)_c(\d+)_[a-z]+_\d+": _pooled_patches,
    r"zone_(\d)_(\d)": lambda _, shape, *zone: _window(*map(_part, zone, (4, 4), shape)),
    r"row_sum_(\d+)": lambda _, shape, row: _window(_evenly(row, row + 1), _evenly(0, shape[1])),
    r"column_sum_(\d+)": lambda _, shape, col: _window(_evenly(0, shape[0]), _evenly(col, col + 1)),
    r"density_left": lambda _, shape: _window(_evenly(0, shape[0]), _evenly(0, shape[1] // 2)),
    r"density_right": lambda _, shape: _window(_evenly(0, shape[0]), _evenly(shape[1] // 2, shape[1])),
    r"diagonal_(\d)": lambda _, shape, group: _diagonal(shape, group),
}


def pixel_places(image_shape):
    """Return the places of pixels laid out as rows."""
    rows, cols, *channels = image_shape
    windows = [Window(slice(r, r + 1), slice(c, c + 1), np.ones((1, 1))) for r in range(rows) for c in range(cols)]
    return Places(tuple(image_shape), np.repeat(np.arange(rows * cols), np.prod(channels, dtype=int)), windows)


def places_of(owner, step):
    """Return the places of the columns that a fitted extractor, union or pipeline of them makes of images."""
    if isinstance(step, Pipeline):
        return places_after(owner, [each for _, each in step.steps])
    if isinstance(step, FeatureUnion):
        return _side_by_side(owner, [places_of(owner, each) for _, each in step.transformer_list if each != "drop"])
    image_shape = getattr(step, "image_shape_", None)
    if image_shape is None or not hasattr(step, "get_feature_names_out"):
        raise ValueError(
            f"{owner}: {type(step).__name__} does not tell what image its columns are of; give a fitted extractor of "
            "skimgfeat, or, where columns are the pixels themselves, image_shape."
        )
    shape = tuple(image_shape[:2])
    keys = [_read(name) for name in step.get_feature_names_out()]
    found = {key: _READERS[key[0]](step, shape, *map(int, key[1:])) for key in dict.fromkeys(keys) if key}
    windows = {key: window for key, window in found.items() if window is not None}
    numbers = {key: number for number, key in enumerate(windows)}
    return Places(tuple(image_shape), np.array([numbers.get(key, -1) for key in keys]), list(windows.values()))


def _read(name):
    """Return what reads a name, and the numbers in it, as strings; () where it tells no place."""
    matches = ((reader, re.fullmatch(reader, name)) for reader in _READERS)
    return next(((reader, *match.groups()) for reader, match in matches if match), ())


def places_after(owner, steps, image_shape=None):
    """Return the places of the columns that fitted steps make of images, or of rows of pixels with ``image_shape``."""
    places = None if image_shape is None else pixel_places(image_shape)
    for step in steps:
        if step is None or step == "passthrough":
            continue
        if places is not None:
            places = places._replace(which=places.which[_kept_columns(owner, step, len(places.which))])
        elif hasattr(step, "get_feature_names_out"):  # else it makes images of images
            places = places_of(owner, step)
    if places is None:
        raise ValueError(f"{owner}: no step makes rows of images; give image_shape where the rows are pixels.")
    return places


def _side_by_side(owner, parts):
    shapes = {part.image_shape[:2] for part in parts}
    if len(shapes) != 1:
        got = " and ".join(map(str, sorted(shapes)))
        raise ValueError(f"{owner}: the parts of a union must be of images of one size, got {got}.")
    starts = np.cumsum([0, *(len(part.windows) for part in parts)])
    which = [np.where(part.which < 0, -1, part.which + start) for part, start in zip(parts, starts, strict=False)]
    return Places(parts[0].image_shape, np.concatenate(which), [window for part in parts for window in part.windows])


def _kept_columns(owner, step, n_columns):
    """Return which columns a fitted step keeps, in its order: steps that name each after one that they were given."""
    names = getattr(step, "feature_names_in_", np.array([f"x{column}" for column in range(n_columns)], dtype=object))
    numbers = {name: number for number, name in enumerate(names)}
    kept = step.get_feature_names_out(names) if hasattr(step, "get_feature_names_out") else [""]
    if not numbers.keys() >= set(kept):
        raise ValueError(
            f"{owner}: {type(step).__name__} makes new columns of those that have a place; only steps that scale or "
            "select columns can stand behind an extractor."
        )
    return [numbers[name] for name in kept]
