"""
How far classes are from each other
===================================

Good features put what belongs together near each other, and what does not far apart. A matrix of distances, ordered by
class, shows whether they do, before any classifier is trained: :class:`~skimgfeat.DistanceMatrixDisplay` draws it.
"""

# %%
# Fifteen of each digit: dark is near. With features that suit the task, squares along the diagonal are dark, and
# nothing else is. By pixels, the ones fall apart into two kinds, and eights are near to everything.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skimgfeat import HOG, LBP, DistanceMatrixDisplay, Flatten, Resize
from skimgfeat.datasets import load_digits, load_textures

images, labels = load_digits(return_X_y=True)
some = np.concatenate([np.flatnonzero(labels == digit)[:15] for digit in range(10)])
hog = HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2), signed=True, interpolate=True)
extractors = {"pixels": make_pipeline(Flatten()), "HOG": make_pipeline(Resize((16, 16)), hog)}

fig, axes = plt.subplots(1, 2, figsize=(11, 4.7), layout="constrained")
for ax, (name, extractor) in zip(axes, extractors.items(), strict=True):
    extractor.fit(images)
    DistanceMatrixDisplay.from_estimator(extractor, images[some], labels=labels[some], metric="cosine", ax=ax)
    ax.set_title(name)

# %%
# Of all 1797 images, the mean distances between classes, and on the diagonal between different images of one. Classes
# that are near each other are those that get mixed up, such as 3 and 9, or 8 and many.
fig, axes = plt.subplots(1, 2, figsize=(11, 4.7), layout="constrained")
for ax, (name, extractor) in zip(axes, extractors.items(), strict=True):
    display = DistanceMatrixDisplay.from_estimator(
        extractor, images, labels=labels, metric="cosine", per="class", ax=ax
    )
    ax.set_title(name)
    within = np.diag(display.distances).mean()
    between = display.distances[~np.eye(10, dtype=bool)].mean()
    print(f"{name}: {within:.2f} within classes, {between:.2f} between, a ratio of {between / within:.2f}")

# %%
# Pieces of photos of brick, grass and gravel. HOG says where edges are, which means little here: bricks, whose joints
# lie now here, now there, differ from each other as much as from the rest, and grass is as near to gravel as to grass.
# The histogram of local binary patterns says what the texture is, wherever it lies.
textures = load_textures()
fig, axes = plt.subplots(1, 2, figsize=(11, 4.7), layout="constrained")
for ax, extractor in zip(axes, (HOG(pixels_per_cell=(16, 16), cells_per_block=(2, 2)), LBP()), strict=True):
    DistanceMatrixDisplay.from_estimator(
        extractor.fit(textures.images),
        textures.images,
        labels=textures.target,
        display_labels=textures.target_names,
        ax=ax,
    )
    ax.set_title(type(extractor).__name__)
# sphinx_gallery_thumbnail_number = 3
plt.show()
