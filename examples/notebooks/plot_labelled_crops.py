"""
Boxes in photos to a labelled data set
======================================

A notebook joins the tables of Open Images, cuts sandwiches, hot dogs and hamburgers out of photos, some 3,100 boxes,
brings each crop to 128 x 128 pixels, and writes the pixels as columns ``p0`` to ``p49151`` of a CSV file beside label
and flags, for a classifier in another notebook. It works on 20 boxes at a time, since whole photos as int32 fill the
memory; its steps wait to be "written in sklearn semantics", says a note.

Its way to a crop, decoded to int32 and resized by scikit-image, makes 20 a second from photos of 1.2 megapixels.

============================================  =========================================================================
the notebook                                  here
============================================  =========================================================================
three tables, joined by hand                  :class:`~skimgfeat.datasets.OpenImages`
``process_chunk``, 20 boxes at a time         :func:`~skimgfeat.datasets.build_box_dataset`: in parallel, a chunk in
                                              memory, each photo decoded once, can be killed and goes on
crop and resize, functions of an array        :class:`~skimgfeat.BBoxCrop` and :class:`~skimgfeat.Resize`, as steps of
                                              a pipeline too
what fails ends the run, or drops out         an account of every box, ``errors.csv``
a CSV file of pixels                          Parquet; :func:`~skimgfeat.datasets.export_box_dataset` writes the CSV
============================================  =========================================================================
"""

# %%
# The data
# --------
# Where the environment variable ``SKIMGFEAT_DATA`` names the folder of real data, these are a third of its photos:
# blood cells and raccoons, described as Open Images describes its own. Otherwise pages are put together from
# scikit-learn's digits, in ink on paper, with what photos from the web bring along: an address at which the host
# shows "not found" three times, a file that is no image, a flag that nobody knows, a box without width.
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle
from PIL import Image
from skimage.transform import resize
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from skimgfeat import HOG, ColorHistogram, ImageGridDisplay
from skimgfeat.datasets import OpenImages, build_box_dataset, load_box_dataset, load_digits

CLASSES = ["Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"]
SHAPE = 240, 360  # of a page


def draw_page(random, digits, labels):
    """Return a page with a digit in each of 2 x 4 places, and their labels and boxes."""
    paper, ink = random.uniform(190, 250, 3), random.uniform(0, 120, 3)
    page = paper + random.normal(0, 6, (*SHAPE, 3))
    boxes = []
    for place in range(8):
        chosen, side = random.integers(len(digits)), random.integers(44, 84)
        top, left = 120 * (place // 4) + random.integers(116 - side), 90 * (place % 4) + random.integers(88 - side)
        strength = resize(digits[chosen], (side, side))[..., None]
        window = np.s_[top : top + side, left : left + side]
        page[window] = page[window] * (1 - strength) + ink * strength
        x_min, x_max = (np.array([left, left + side]) + random.normal(0, 2, 2)) / SHAPE[1]
        y_min, y_max = (np.array([top, top + side]) + random.normal(0, 2, 2)) / SHAPE[0]
        boxes.append((CLASSES[labels[chosen]], x_min, x_max, y_min, y_max, 0))
    return page.clip(0, 255).astype(np.uint8), boxes


def draw_data(folder, n_pages=60):
    """Write pages, and their metadata as Open Images publishes its own."""
    random, (digits, labels) = np.random.default_rng(0), load_digits(return_X_y=True)
    (folder / "images").mkdir()
    (folder / "metadata").mkdir()
    rows = []
    for number in range(n_pages):
        page, boxes = draw_page(random, digits, labels)
        Image.fromarray(page).save(folder / "images" / f"{number}.png")
        rows += [(f"page-{number}", *box) for box in boxes]
    for number in range(n_pages, n_pages + 3):
        Image.fromarray(np.full((*SHAPE, 3), 128, dtype=np.uint8)).save(folder / "images" / f"{number}.png")
        rows.append((f"page-{number}", "One", 0.1, 0.5, 0.1, 0.5, 0))
    (folder / "images" / f"{n_pages + 3}.png").write_text("<html>not found</html>")
    rows.append((f"page-{n_pages + 3}", "Two", 0.1, 0.5, 0.1, 0.5, 0))
    rows += [("page-0", "Three", 0.1, 0.5, 0.1, 0.5, -1), ("page-0", "Four", 0.5, 0.5, 0.1, 0.9, 0)]
    table = pd.DataFrame(rows, columns=["ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax", "IsOccluded"])
    table["LabelName"] = "/m/" + table["LabelName"]
    table.to_csv(folder / "metadata" / "train-annotations-bbox.csv", index=False)
    photos = pd.DataFrame({"ImageID": table["ImageID"].unique(), "Subset": "train"})
    photos["OriginalURL"] = "https://example.org/" + photos["ImageID"].str.removeprefix("page-") + ".png"
    photos.to_csv(folder / "metadata" / "train-images-boxable.csv", index=False)
    names = pd.DataFrame({"id": [f"/m/{name}" for name in CLASSES], "name": CLASSES})
    names.to_csv(folder / "metadata" / "class-descriptions-boxable.csv", index=False, header=False)


scratch = tempfile.TemporaryDirectory()
if "SKIMGFEAT_DATA" in os.environ:
    data = Path(os.environ["SKIMGFEAT_DATA"], "boxes")
    print("blood cells and raccoons")
else:
    data = Path(scratch.name)
    draw_data(data)
    print("digits on pages")

# %%
# The pipeline
# ------------
# Tables to boxes, boxes to a data set, a data set to a classifier. No photo is on two sides of a split.
boxes = OpenImages(data / "metadata").boxes()
if "SKIMGFEAT_DATA" in os.environ:
    boxes = boxes[boxes["group"].isin(boxes["group"].unique()[::3])]
output = Path(scratch.name, "dataset")
account = build_box_dataset(boxes, data / "images", output, (64, 64), progress=False)
X, y, groups = load_box_dataset(output, to="numpy")
hog = HOG(orientations=8, cells_per_block=(2, 2), signed=True, interpolate=True)
model = make_pipeline(make_union(hog, ColorHistogram("lab", bins=16, joint=False)), LinearSVC(C=0.1, dual=False))
predicted = cross_val_predict(model, X, y, groups=groups, cv=GroupKFold(4))

# %%
# What comes out
# --------------
# What became of every box, and what those that were left out lack. Macro F1 is the mean of the F1 of the classes.
print(account)
print((output / "errors.csv").read_text())
macro_f1 = f1_score(y, predicted, average="macro")
print(f"{X.shape}, {len(set(groups))} photos, {len(set(y))} classes; macro F1 {macro_f1:.3f}")

# %%
# Crops, with what the classifier says, which has not seen their photo; red where it is wrong.
random = np.random.default_rng(0)
wrong = np.flatnonzero(predicted != y)[:8]
shown = np.concatenate([random.choice(np.flatnonzero(predicted == y), 24 - len(wrong), replace=False), wrong])
colors = ["C3" if predicted[index] != y[index] else "black" for index in shown]
ImageGridDisplay.from_images(X[shown], titles=predicted[shown], n_cols=8, colors=colors)

# %%
# What the notebook cuts out
# --------------------------
# It multiplies x by the number of rows and y by that of columns, and cuts rows from x and columns from y. A photo,
# its boxes (blue), and what it takes for them (red):
corners = boxes[["x_min", "y_min", "x_max", "y_max"]].to_numpy()
swapped = corners[:, [1, 0, 3, 2]]
shared = np.minimum(corners[:, 2:], swapped[:, 2:]) - np.maximum(corners[:, :2], swapped[:, :2])
shared = shared.clip(0).prod(axis=1)
area = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
overlap = shared[area > 0] / (2 * area[area > 0] - shared[area > 0])
print(f"intersection over union of a box and what the notebook cuts out: {overlap.mean():.2f} in the mean")

path = boxes["path"].iloc[len(boxes) // 2]
photo = Image.open(data / "images" / path)
fig, ax = plt.subplots(figsize=(7, 7 * photo.height / photo.width), layout="constrained")
ax.imshow(photo)
size = np.array([photo.width, photo.height])
for color, rows in (("C0", corners), ("C3", swapped)):
    for box in rows[boxes["path"] == path]:
        ax.add_patch(Rectangle(box[:2] * size, *(box[2:] - box[:2]) * size, fill=False, color=color, linewidth=2))
ax.set_axis_off()
scratch.cleanup()
# sphinx_gallery_thumbnail_number = 2
plt.show()

# %%
# What else differs from the notebook
# -----------------------------------
# - Its chunks overlap, so that every row is written twice; here a row is a box.
# - It drops rows, and then puts labels beside pixels by their place, so that all labels behind the first row it
#   dropped are those of other boxes. Here a box keeps its label, and a box that is left out stands in ``errors.csv``.
# - It takes photos without color for those that are gone. Here a photo that three or more paths share, byte by byte,
#   is a placeholder, and what is gray becomes gray in three channels, or is left out with ``gray="drop"``.
# - More than one channel is RGBA and CMYK, too; here all are converted.
# - It ignores EXIF data and the column ``Rotation``; a file that is no image ends the run, and so does a box without
#   area.
# - Nothing tells which crops share a photo. Here ``groups`` do, for ``GroupKFold``.
# - Resizing with ``mode="constant"`` darkens the borders of its crops, by up to 70 levels.
#
# Read on
# -------
# :doc:`/user_guide/boxes` is about tables, downloads and crops, :doc:`/auto_examples/plot_boxes_to_classifier`
# compares shapes and colors of cells, :doc:`/user_guide/command_line` has ``skimgfeat crop``.
