"""
A codec for SIFT: from images to matches, before and after
==========================================================

SIFT finds some thousands of descriptors in a photo, 512 bytes each as OpenCV gives them. Much of that can go without
harm: numbers that are whole take a byte, principal components hold most of what 128 numbers say, the weakest keypoints
find no partner anyway. This example follows two views of a scene from pixels to matches, before and after.
"""

# %%
# The two views come with scikit-image, and with them the true shift of each pixel. What keypoints are best is a matter
# of ranking: with ``rank_by="response_size"``, the default, large ones of strong contrast come first.
import matplotlib.pyplot as plt
import numpy as np
from skimage import data

from skimgfeat import SIFT, DescriptorCodec, KeypointsDisplay, MatchesDisplay

left, right, disparity = data.stereo_motorcycle()
sift = SIFT(root=True, geometry=True)
views = sift.fit_transform([left, right])
print([len(view) for view in views], views[0].dtype["descriptor"])

fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for ax, view, name in zip(axes, (views[0], views[0][:300]), ("all keypoints", "the best 300"), strict=True):
    KeypointsDisplay.from_descriptors(left, view, ax=ax, color="yellow")
    ax.set_title(name)

# %%
# A codec learns its principal components, and the range of each, from other images: here photos of other things.
photos = [getattr(data, name)() for name in ("astronaut", "camera", "chelsea", "coffee", "rocket", "brick", "coins")]
training = sift.transform(photos)
codec = DescriptorCodec(n_components=64, n_bits=4, max_descriptors=1000, random_state=0).fit(training)
codes = codec.transform(views)
restored = codec.inverse_transform(codes)
print(f"mean squared error of a value: {codec.pca_.reconstruction_error_:.0f}, that of the mean: ", end="")
print(f"{np.vstack([view['descriptor'] for view in training]).var(axis=0).mean():.0f}")
print(f"clipped: {codec.pca_.clipped_fraction_:.2%} of the codes")
n_values = sum(len(view) for view in views) * 128
n_codes = sum(code["descriptor"].size for code in codes)
print(f"{4 * n_values:,} bytes as float32, {n_values:,} as uint8, {n_codes:,} as codes: ", end="")
print(f"{4 * n_values / n_codes:.0f} times smaller than float32")


# %%
# A match is a pair of descriptors each nearest to the other. It is correct where the true shift leads from one keypoint
# to within 3 pixels of the other.
def is_correct(first, second):
    cols, rows = np.rint(first).astype(int).T
    expected = first - np.column_stack([disparity[rows, cols], np.zeros(len(first))])
    return np.hypot(*(expected - second).T) < 3


def count_correct(descriptors):
    display = MatchesDisplay.from_descriptors([left, right], descriptors, correct=is_correct)
    plt.close(display.figure_)
    ends = [
        np.column_stack([view["x"] * image.shape[1], view["y"] * image.shape[0]])[column]
        for view, image, column in zip(descriptors, (left, right), display.matches.T, strict=True)
    ]
    return np.count_nonzero(is_correct(*ends))


fig, axes = plt.subplots(2, 1, figsize=(9, 6.4), layout="constrained")
best = [view[:150] for view in views]
decoded = codec.inverse_transform(codec.transform(best))
gray = [image.mean(axis=2) for image in (left, right)]
for ax, name, descriptors in zip(axes, ("128 bytes a descriptor", "32 bytes"), (best, decoded), strict=True):
    display = MatchesDisplay.from_descriptors(gray, descriptors, correct=is_correct, ax=ax)
    n_correct = count_correct(descriptors)
    ax.set_title(f"The best 150, {name}: {n_correct} of {len(display.matches)} matches are correct (blue)")

# %%
# What matters is which descriptors are kept, far more than how short they are: of the same photo, the same number of
# descriptors by SIFT's ranking, at random, and by the length of their projections, as the notebook that this codec
# comes from selects them.
farthest = DescriptorCodec(max_descriptors=1000, select_by="norm", random_state=0).fit(training)
random = np.random.default_rng(0)
kept = {
    "all": views,
    "best 1,000": [view[:1000] for view in views],
    "best 1,000, codec": restored,
    "1,000 by norm, codec": farthest.inverse_transform(farthest.transform(views)),
    "1,000 at random": [view[random.permutation(len(view))[:1000]] for view in views],
}
counts = [count_correct(descriptors) for descriptors in kept.values()]
n_bytes = [sum(view["descriptor"].nbytes for view in descriptors) for descriptors in kept.values()]
n_bytes[2:4] = n_codes, sum(view["descriptor"].nbytes for view in farthest.transform(views))

fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
bars = ax.barh(list(kept), counts, color=["0.7", "0.7", "C0", "0.7", "0.7"])
labels = [f"{count} in {size / 1e3:.0f} kB" for count, size in zip(counts, n_bytes, strict=True)]
ax.bar_label(bars, labels, padding=4)
ax.invert_yaxis()
ax.set(xlabel="correct matches", xlim=(0, 1.25 * max(counts)))
ax.spines[["top", "right"]].set_visible(False)
plt.show()
