"""
What each handcrafted family sees
=================================

:class:`~skimgfeat.HandcraftedFeatures` computes eleven families of numbers in one pass. Most look at a mask, the
pixels above a threshold; some thin it to a skeleton, count its pieces, or measure the largest of them. This example
draws what they look at, and compares what each is worth.
"""

# %%
# Digits of 8 x 8 pixels, enlarged to 32 x 32. They are gray, so Otsu's threshold separates ink from paper in each.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from scipy.ndimage import convolve
from skimage.morphology import skeletonize
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

from skimgfeat import HandcraftedFeatures, Resize
from skimgfeat.datasets import load_digits

small, target = load_digits(return_X_y=True)
images = Resize((32, 32)).fit_transform(small)
extractor = HandcraftedFeatures(threshold="otsu").fit(images)
features = extractor.set_output(transform="pandas").transform(images)
print(features.shape)

# %%
# Every column has a name, so a data frame tells what is what.
chosen = [0, 12, 4, 6, 18]
features.iloc[chosen][["zone_0_0", "skeleton_length", "contour_solidity", "euler_number", "box_top", "density_left"]]

# %%
# A row for a digit: the image, its zones, its skeleton with ends (red) and branches (blue), box and centroid of its
# largest piece, the sums of its rows (blue) and columns (green). The Euler number is the pieces less the holes.
from skimage.filters import threshold_otsu  # noqa: E402


def draw_skeleton(ax, mask, row):
    """Draw the thinned mask: lines black, ends red, branches blue."""
    lines = skeletonize(mask)
    neighbors = convolve(lines.astype(int), np.ones((3, 3)), mode="constant") - 1
    picture = np.where(mask[..., None], 0.82, np.ones(3))
    picture[lines] = to_rgb("black")
    picture[lines & (neighbors == 1)] = to_rgb("C3")
    picture[lines & (neighbors >= 3)] = to_rgb("C0")
    ax.imshow(picture)
    ends, branches = row["skeleton_endpoints"], row["skeleton_branches"]
    ax.set_xlabel(f"{ends:.0f} ends, {branches:.0f} branches")


def draw_component(ax, mask, row):
    """Draw bounding box and centroid of the largest component."""
    ax.imshow(~mask, cmap="gray", vmin=-3, vmax=1)
    top, left, bottom, right = row[["box_top", "box_left", "box_bottom", "box_right"]]
    ax.add_patch(Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, color="C1", linewidth=2))
    ax.plot(row["centroid_column"], row["centroid_row"], "+", color="C3", markersize=11, markeredgewidth=2)
    ax.set_xlabel(f"solidity {row['contour_solidity']:.2f}, Euler {row['euler_number']:.0f}")


def draw_projections(ax, mask, row):
    """Draw the sums of rows and columns as shares of the foreground."""
    of_rows, of_columns = row.filter(regex=r"^row_sum_\d").values, row.filter(regex=r"^column_sum_\d").values
    ax.imshow(~mask, cmap="gray", vmin=-8, vmax=1)
    side = np.arange(len(of_rows))
    ax.fill_betweenx(side, 0, of_rows * 160, color="C0", alpha=0.6, linewidth=0)
    ax.fill_between(side, len(side) - 1, len(side) - 1 - of_columns * 160, color="C2", alpha=0.6, linewidth=0)
    ax.set_xlabel("rows and columns")


fig, axes = plt.subplots(len(chosen), 5, figsize=(10, 2.15 * len(chosen)), layout="constrained")
for (ax_image, ax_zones, ax_skeleton, ax_component, ax_projections), index in zip(axes, chosen, strict=True):
    image, row = images[index], features.iloc[index]
    mask = image > threshold_otsu(image)
    ax_image.imshow(image, cmap="gray_r")
    ax_image.set_xlabel(f"digit {target[index]}")
    zones = row.filter(regex="^zone_").values.reshape(4, 4)
    ax_zones.imshow(zones, cmap="Blues", vmin=0, vmax=1, extent=(-0.5, 31.5, 31.5, -0.5))
    ax_zones.set_xlabel("4 x 4 densities")
    draw_skeleton(ax_skeleton, mask, row)
    draw_component(ax_component, mask, row)
    draw_projections(ax_projections, mask, row)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
for ax, title in zip(axes[0], ("image", "zoning", "skeleton", "contours, geometry", "projections"), strict=True):
    ax.set_title(title)

# %%
# Each family alone against all of them, by a random forest. Half of the families are two to seven numbers, and no
# digit is known by two numbers; together they still add to HOG.
families = ["zoning", "hog", "hu", "lbp", "skeleton", "contours", "run_lengths", "connectivity", "geometry"]
families += ["projections", "density"]
folds = StratifiedKFold(3, shuffle=True, random_state=0)


def accuracy_of(names):
    """Number of columns and mean accuracy of a forest on these families."""
    rows = HandcraftedFeatures(families=names, threshold="otsu").fit_transform(images)
    forest = RandomForestClassifier(60, random_state=0)
    return rows.shape[1], cross_val_score(forest, rows, target, cv=folds).mean()


results = {name: accuracy_of([name]) for name in families}
results["all but hog"] = accuracy_of([name for name in families if name != "hog"])
results["all"] = accuracy_of(families)
results = dict(sorted(results.items(), key=lambda item: item[1][1]))

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
labels = [f"{name} ({columns} columns)" for name, (columns, _) in results.items()]
colors = ["C1" if name.startswith("all") else "C0" for name in results]
bars = ax.barh(labels, [accuracy for _, accuracy in results.values()], color=colors)
ax.bar_label(bars, fmt="%.3f", padding=3)
ax.axvline(0.1, color="0.5", linewidth=1, linestyle=":")
ax.text(0.11, len(results) - 0.45, "guessing", color="0.4", fontsize=9, va="bottom")
ax.set(xlabel="accuracy, mean of 3 folds", xlim=(0, 1.08))
ax.spines[["top", "right"]].set_visible(False)
plt.show()
