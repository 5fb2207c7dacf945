"""
From boxes in photos to a classifier
====================================

Red blood cells, white blood cells and platelets, each a box in a photo of a smear: a table of boxes, the crops,
features of their shapes and of their colors, and a linear classifier. Photos, not cells, are split into folds, since
the cells of one photo share its light and its stain.
"""

# %%
# Where the environment variable ``SKIMGFEAT_DATA`` names the folder of real data, the photos are the micrographs of the
# BCCD data set. Otherwise smears are drawn here: pale disks, large cells with a lobed nucleus, small dark grains.
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.metrics import ConfusionMatrixDisplay, f1_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from skimgfeat import HOG, BBoxCrop, ColorHistogram, ImageGridDisplay, Resize
from skimgfeat.datasets import OpenImages

CLASSES = ["RBC", "WBC", "Platelets"]
SIDE = 320  # of a drawn photo, in pixels
RADII = {"RBC": (17, 23), "WBC": (24, 34), "Platelets": (6, 10)}


def draw_smear(rng):
    """Return a photo of a smear, and the center, radius and class of each cell."""
    rows, cols = np.mgrid[:SIDE, :SIDE]
    light = rng.normal(0, 6, 3)
    photo = np.array([232, 222, 226]) + light + gaussian_filter(rng.normal(0, 60, (SIDE, SIDE, 1)), (9, 9, 0))
    pink, purple = np.array([214, 160, 170]) + light, np.array([122, 82, 156]) + rng.normal(0, 12, 3)
    cells = []
    for label in rng.choice(CLASSES, 22, p=[0.74, 0.11, 0.15]):
        radius = rng.uniform(*RADII[label])
        x, y = rng.uniform(radius, SIDE - radius, 2)
        if any(np.hypot(x - other[0], y - other[1]) < 0.8 * (radius + other[2]) for other in cells):
            continue
        tilt, stretch = rng.uniform(0, np.pi), rng.uniform(0.8, 1)
        u, v = (
            (cols - x) * np.cos(tilt) + (rows - y) * np.sin(tilt),
            (rows - y) * np.cos(tilt) - (cols - x) * np.sin(tilt),
        )
        distance = np.hypot(u, v / stretch)
        inside = 1 / (1 + np.exp((distance - radius) / 1.5))[..., None]
        if label == "RBC":  # a disk that is thinner in the middle
            color = pink + 28 * np.exp(-((distance / (radius * rng.uniform(0.3, 0.6))) ** 2))[..., None]
        elif label == "WBC":
            lobes = [np.hypot(u - radius * a, v - radius * b) for a, b in rng.uniform(-0.4, 0.4, (3, 2))]
            nucleus = 1 / (1 + np.exp((np.min(lobes, axis=0) - radius * rng.uniform(0.3, 0.5)) / 1.5))[..., None]
            color = (pink + [4, 16, 34]) * (1 - nucleus) + purple * nucleus
        else:
            color = purple + rng.normal(12, 6, 3)
        photo = photo * (1 - inside) + color * inside
        cells.append((x, y, radius, label))
    noisy = gaussian_filter(photo, (0.7, 0.7, 0)) + rng.normal(0, 4, photo.shape)
    return noisy.clip(0, 255).astype(np.uint8), cells


def draw_data(folder, n_photos):
    """Write photos into a folder; return the table of their cells."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(n_photos):
        photo, cells = draw_smear(rng)
        Image.fromarray(photo).save(folder / f"{number}.png")
        for x, y, radius, label in cells:
            # Nobody draws boxes to the pixel.
            corners = np.array([x - radius, y - radius, x + radius, y + radius]) + rng.normal(0, 2, 4)
            rows.append((f"{number}.png", label, *(corners / SIDE), number))
    return pd.DataFrame(rows, columns=["path", "label", "x_min", "y_min", "x_max", "y_max", "group"])


drawn = tempfile.TemporaryDirectory()
if "SKIMGFEAT_DATA" in os.environ:
    data = Path(os.environ["SKIMGFEAT_DATA"], "boxes")
    folder = data / "images"
    boxes = OpenImages(data / "metadata").boxes(CLASSES)
    boxes = boxes[boxes["group"].isin(boxes["group"].unique()[::3])]
else:
    folder = Path(drawn.name)
    boxes = draw_data(folder, n_photos=40)
boxes = boxes.reset_index(drop=True)
print(boxes["label"].value_counts().to_string())
boxes.head()

# %%
# A photo with the boxes of its cells.
path = boxes["path"][boxes["label"] == "WBC"].iloc[0]
photo = Image.open(folder / path)
fig, ax = plt.subplots(figsize=(6, 6 * photo.height / photo.width), layout="constrained")
ax.imshow(photo)
colors = dict(zip(CLASSES, ("C3", "C0", "C2"), strict=True))
for box in boxes[boxes["path"] == path].itertuples():
    left, top = box.x_min * photo.width, box.y_min * photo.height
    width, height = (box.x_max - box.x_min) * photo.width, (box.y_max - box.y_min) * photo.height
    ax.add_patch(Rectangle((left, top), width, height, fill=False, color=colors[box.label]))
    ax.text(left, top - 3, box.label, color=colors[box.label], fontsize=8)
ax.set_axis_off()

# %%
# :class:`~skimgfeat.BBoxCrop` takes the table as it is. Neither it nor :class:`~skimgfeat.Resize` learns anything, so
# crops may be made once, before any split.
crops = BBoxCrop(root=folder).fit_transform(boxes)
images = np.asarray(Resize((64, 64)).fit_transform(crops))
shown = [index for label in CLASSES for index in np.flatnonzero(boxes["label"] == label)[:8]]
ImageGridDisplay.from_images(crops[shown], titles=boxes["label"][shown], n_cols=8)

# %%
# The same classifier on shapes, on colors, and on both. Macro F1 is the mean of the F1 of the three classes: most cells
# are red ones, and accuracy would hide the others.
hog = HOG(orientations=8, cells_per_block=(2, 2), signed=True, interpolate=True)
color = ColorHistogram("lab", bins=16, joint=False)
extractors = {"HOG": hog, "ColorHistogram": color, "HOG + ColorHistogram": make_union(hog, color)}
predicted = {
    name: cross_val_predict(
        make_pipeline(extractor, LinearSVC(C=0.1, dual=False)),
        images,
        boxes["label"],
        groups=boxes["group"],
        cv=GroupKFold(4),
    )
    for name, extractor in extractors.items()
}
fig, axes = plt.subplots(1, 3, figsize=(11, 3.9), layout="constrained")
for ax, (name, labels) in zip(axes, predicted.items(), strict=True):
    ConfusionMatrixDisplay.from_predictions(
        boxes["label"], labels, labels=CLASSES, ax=ax, cmap="Blues", colorbar=False, im_kw={"vmax": len(boxes) / 4}
    )
    ax.set_title(f"{name}:\nmacro F1 {f1_score(boxes['label'], labels, average='macro'):.3f}")

# %%
# What each takes for something else, with what it took it for.
for name, labels in predicted.items():
    wrong = np.flatnonzero(labels != boxes["label"])
    if len(wrong):
        first = wrong[:16]
        titles = [f"{taken}, not {label}" for taken, label in zip(labels[first], boxes["label"][first], strict=True)]
        n_rows = -(-len(first) // 8)
        fig, ax = plt.subplots(figsize=(11, 0.5 + 1.6 * n_rows), layout="constrained")
        ImageGridDisplay.from_images(crops[first], titles=titles, n_cols=8, colors="C3", ax=ax)
        ax.set_title(f"{name}: {len(first)} of {len(wrong)} mistakes")
drawn.cleanup()
plt.show()
