"""
HOG of an image, step by step
=============================

From pixels to gradients, from gradients to the histograms of cells: :class:`~skimgfeat.HOGDisplay` draws each step as
the estimator takes it, with the parameters that it has.
"""

# %%
# A photo of scikit-image. Each pixel has a gradient: the differences of its neighbors to the left and right, ``gx``,
# and above and below, ``gy``. The magnitude is how fast the brightness changes, the angle where to. Then every cell of
# 8 x 8 pixels sums the magnitudes in its pixels by their angles: a line along the edge for each direction, the
# brighter the more.
import matplotlib.pyplot as plt
import numpy as np
from skimage.data import camera, chelsea

from skimgfeat import HOG, HOGDisplay

photo = camera()[20:276, 120:376]
HOGDisplay.from_estimator(HOG(), photo)

# %%
# In color, each pixel takes the channel whose gradient is the largest. Here that is red around the eyes and on the
# nose, and any of the three in the fur. Where the magnitude is next to nothing, the angle is left white.
cat = chelsea()[:240, 90:330]
display = HOGDisplay.from_estimator(HOG(), cat)
shares = np.bincount(display.channel.ravel(), minlength=3) / display.channel.size
print("red {:.0%}, green {:.0%}, blue {:.0%}".format(*shares))

# %%
# The size of the cells says how fine the description is, and how long: with blocks of 2 x 2 cells, a cell stands in up
# to four blocks, with nine directions in each.
fig, axes = plt.subplots(1, 3, figsize=(10, 3.7), layout="constrained")
for ax, side in zip(axes, (6, 12, 24), strict=True):
    hog = HOG(pixels_per_cell=(side, side), cells_per_block=(2, 2))
    n_columns = hog.fit_transform(cat[None]).shape[1]
    HOGDisplay.from_estimator(hog, cat, panels=["cells"], ax=ax)
    ax.set_title(f"cells of {side} x {side}: {n_columns:,} columns")

# %%
# Unsigned directions, the default, do not tell dark-to-bright from bright-to-dark. With ``signed=True`` they do: lines
# point from the middle of the cell to the brighter side. The square root of the pixels (``transform_sqrt``) raises
# edges in the dark: the coat of the photographer has some.
fig, axes = plt.subplots(1, 3, figsize=(10, 3.7), layout="constrained")
cells = {"pixels_per_cell": (12, 12)}
variants = {
    "unsigned": HOG(**cells),
    "signed, 16 directions": HOG(orientations=16, signed=True, interpolate=True, **cells),
    "of the square root": HOG(transform_sqrt=True, **cells),
}
for ax, (title, hog) in zip(axes, variants.items(), strict=True):
    HOGDisplay.from_estimator(hog, photo, panels=["cells"], ax=ax)
    ax.set_title(title)
plt.show()
