"""
What HOG sees: hard and interpolated votes
==========================================

A histogram of oriented gradients describes an image by the directions of its edges, cell by cell. By default a pixel
votes for one cell and one of 9 directions, as in scikit-image. With ``signed=True`` dark-to-bright and bright-to-dark
edges differ, and with ``interpolate=True`` a vote is shared between the nearest cells and directions, as Dalal and
Triggs describe it.
"""

# %%
# The photo comes with scikit-image. Bright strokes are strong; in the last picture they point to the brighter side.
import matplotlib.pyplot as plt
import numpy as np
from skimage.data import astronaut

from skimgfeat import HOG, HOGDisplay

image = np.asarray(astronaut()[:252, 96:348].mean(axis=-1), dtype=np.uint8)
extractors = {
    "default: 9 directions, hard votes": HOG(pixels_per_cell=(9, 9)),
    "16 signed directions, interpolated": HOG(orientations=16, pixels_per_cell=(9, 9), signed=True, interpolate=True),
}
fig, axes = plt.subplots(1, 3, figsize=(12, 4.3), layout="constrained")
axes[0].imshow(image, cmap="gray")
axes[0].set(title=f"{image.shape[0]} x {image.shape[1]} pixels", xticks=[], yticks=[])
for ax, (title, hog) in zip(axes[1:], extractors.items(), strict=True):
    HOGDisplay.from_estimator(hog, image, panels=["cells"], ax=ax)
    ax.set_title(title)

# %%
# Why interpolated votes score higher: move the photo by a few pixels, or turn it by a few degrees, and hard votes
# jump from one cell or direction to the next, while shared votes pass over smoothly. The distance below is that
# between the features of the photo and of the moved photo, over the distance between two unlike photos.
from scipy.ndimage import rotate  # noqa: E402
from skimage.data import camera  # noqa: E402

photo, other = (np.asarray(p, dtype=np.float32) / 255 for p in (astronaut().mean(axis=-1), camera()))
window = np.s_[128:384, 128:384]
pixels, degrees = np.arange(9), np.arange(0, 21, 2)
moved = [photo[128 : 128 + 256, 128 + shift : 384 + shift] for shift in pixels]
turned = [rotate(photo, angle, reshape=False, order=1)[window] for angle in degrees]

fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
variants = {"hard votes": False, "interpolated votes": True}
for color, (name, interpolate) in zip(("0.6", "C0"), variants.items(), strict=True):
    hog = HOG(interpolate=interpolate)
    for ax, steps, versions in zip(axes, (pixels, degrees), (moved, turned), strict=True):
        rows = hog.fit_transform(np.stack([*versions, other[window]]))
        distances = np.linalg.norm(rows - rows[0], axis=1)
        ax.plot(steps, distances[:-1] / distances[-1], marker="o", color=color, label=name)
axes[0].set(xlabel="shift in pixels", ylabel="distance of the features", ylim=0)
axes[1].set(xlabel="turn in degrees", xticks=degrees)
axes[1].legend(frameon=False, loc="lower right")
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
