"""
What looks alike
================

Given an image, which others are most like it, and which least? It depends on what is compared: pixels, which differ as
soon as a stroke moves, or features such as HOG. And where two images are more alike than they should be, one is a copy.
"""

# %%
# Handwritten digits, and the histograms of oriented gradients of each. The distance is 1 minus the cosine.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skimgfeat import HOG, Resize, SimilarityDisplay, SimilarityIndex, find_duplicates
from skimgfeat.datasets import load_digits, load_textures

images, labels = load_digits(return_X_y=True)
hog = HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2), signed=True, interpolate=True)
X = make_pipeline(Resize((16, 16)), hog).fit_transform(images)
index = SimilarityIndex(n_neighbors=6, metric="cosine").fit(X)

# %%
# The most similar are of the same class, the least similar of others.
queries = (1, 13, 64)
fig, axes = plt.subplots(3, 1, figsize=(8, 8.4), layout="constrained")
for ax, query in zip(axes, queries, strict=True):
    SimilarityDisplay.from_estimator(index, X, images, query, labels=[f"({label})" for label in labels], ax=ax)

# %%
# How often is the nearest of the same class? Every image is asked for, and does not find itself.
pixels = images.reshape(len(images), -1)
for name, rows in (("pixels", pixels), ("HOG", X)):
    _, neighbors = SimilarityIndex(1, "cosine").fit(rows).kneighbors()
    print(f"{name}: {np.mean(labels[neighbors[:, 0]] == labels):.1%}")

# %%
# Who copied? Among pieces of photos of brick, grass and gravel stand twenty of them again, shifted by a pixel and a
# little darker. HOG of large cells, its votes interpolated, hardly sees either.
pieces, _ = load_textures(return_X_y=True)
sources = np.random.default_rng(0).permutation(len(pieces))[:20]
copies = np.rint(0.9 * np.roll(pieces[sources], 1, axis=2)).astype(np.uint8)
together = np.concatenate([pieces, copies])
hog = HOG(pixels_per_cell=(8, 8), cells_per_block=(2, 2), signed=True, interpolate=True)
rows = make_pipeline(Resize((32, 32)), hog).fit_transform(together)
duplicates = find_duplicates(rows, metric="cosine", threshold=0.01)
print(duplicates)
planted = {(source, len(pieces) + place) for place, source in enumerate(sources.tolist())}
print(f"{len(planted & set(map(tuple, duplicates.pairs.tolist())))} of the {len(planted)} are found")

# %%
# The pair that lies farthest apart among those found.
fig, axes = plt.subplots(1, 2, figsize=(5, 2.6), layout="constrained")
for ax, place in zip(axes, duplicates.pairs[-1], strict=True):
    ax.imshow(together[place], cmap="gray", vmin=0, vmax=255)
    ax.set(title=f"image {place}", xticks=[], yticks=[])
plt.show()
