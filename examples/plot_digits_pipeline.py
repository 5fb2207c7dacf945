"""
Digits: resize, HOG, and three classifiers
==========================================

The digits of scikit-learn are 8 x 8 pixels: smaller than one block of HOG with its default cells, and too coarse for
cells of 4 pixels. The first step of the pipeline below enlarges them; the second turns each into 1764 numbers; the
third is any classifier of scikit-learn.
"""

# %%
# The images are float32 in [0, 1]. Floats are taken as they are, integers are divided by the full scale of their type.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skimgfeat import HOG, Flatten, Resize
from skimgfeat.datasets import load_digits

images, target = load_digits(return_X_y=True)
print(images.shape, images.dtype)

# %%
# A pipeline takes the images themselves; no step needs them as rows.
hog = HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2))
pipeline = make_pipeline(Resize((32, 32)), hog, LinearSVC())
pipeline.fit(images, target)

# %%
# Raw pixels, laid out as rows by :class:`~skimgfeat.Flatten`, against HOG, for three classifiers and the same folds.
folds = StratifiedKFold(4, shuffle=True, random_state=0)
classifiers = {
    "kNN": KNeighborsClassifier(),
    "random forest": RandomForestClassifier(random_state=0),
    "linear SVC": LinearSVC(),
}
extractors = {"pixels": [Flatten()], "HOG": [Resize((32, 32)), hog]}
accuracies = {
    features: [
        cross_val_score(make_pipeline(*steps, classifier), images, target, cv=folds).mean()
        for classifier in classifiers.values()
    ]
    for features, steps in extractors.items()
}

fig, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
places = np.arange(len(classifiers))
ax.hlines(places, accuracies["pixels"], accuracies["HOG"], color="0.8", linewidth=3, zorder=1)
for (features, values), color in zip(accuracies.items(), ("0.5", "C0"), strict=True):
    ax.scatter(values, places, s=70, color=color, label=features, zorder=2)
    for place, value in zip(places, values, strict=True):
        ax.annotate(f"{value:.3f}", (value, place), (0, 7), textcoords="offset points", ha="center", fontsize=9)
ax.set(yticks=places, yticklabels=classifiers, ylim=(2.4, -0.6), xlabel="accuracy, mean of 4 folds")
ax.spines[["top", "right", "left"]].set_visible(False)
ax.legend(loc="upper left", frameon=False)

# %%
# Which digits are taken for which: predictions for each image by the pipeline that has not seen it.
predicted = cross_val_predict(pipeline, images, target, cv=folds)
fig, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
ConfusionMatrixDisplay.from_predictions(target, predicted, ax=ax, cmap="Blues", colorbar=False)
ax.set_title(f"{np.sum(predicted != target)} of {len(target)} digits are mistaken")

# %%
# The mistakes, with what each was taken for and what it is.
wrong = np.flatnonzero(predicted != target)[:18]
fig, axes = plt.subplots(2, 9, figsize=(8, 2.4), layout="constrained")
for ax in axes.flat:
    ax.set_axis_off()
for ax, index in zip(axes.flat, wrong, strict=False):
    ax.imshow(images[index], cmap="gray_r")
    ax.set_title(f"{predicted[index]}, not {target[index]}", fontsize=9)
plt.show()
