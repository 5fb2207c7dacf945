"""
Where a model looks: faces
==========================

A forest has importances, a linear model coefficients: one a column. Where columns have a place in the image,
:class:`~skimgfeat.FeatureImportanceDisplay` lays them back on the pixels, and one sees what a model looks at, and what
it may have learned by mistake.
"""

# %%
# First where the answer is known: images of noise, and in one patch of 8 x 8 pixels the classes differ in brightness.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skimgfeat import HOG, FeatureImportanceDisplay, Flatten, ImageGridDisplay
from skimgfeat.datasets import load_faces

random = np.random.default_rng(0)
classes = np.arange(400) % 2
noise = random.normal(0.5, 0.2, (400, 32, 32))
noise[:, 8:16, 16:24] += 0.5 * (classes[:, None, None] - 0.5)

models = {
    "forest": make_pipeline(Flatten(), RandomForestClassifier(random_state=0)),
    "logistic regression": make_pipeline(Flatten(), LogisticRegression()),
    "the same of the best 80 pixels": make_pipeline(Flatten(), SelectKBest(k=80), LogisticRegression()),
}
fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    display = FeatureImportanceDisplay.from_estimator(model.fit(noise, classes), ax=ax)
    share = display.importances[8:16, 16:24].sum()
    ax.set_title(f"{name}:\n{share:.0%} in the patch")

# %%
# All three see the patch. The coefficients of the second are small elsewhere, but there are 960 pixels elsewhere, and
# with 400 images to learn from, the noise of each gets a little: a picture of a linear model shows that, too.
#
# Now faces, and pieces of background, 100 of each, of scikit-image.
faces = load_faces()
images, target = faces.images, faces.target
shown = np.r_[:8, 100:108]
ImageGridDisplay.from_images(images[shown], titles=faces.target_names[target[shown]], n_cols=8)

# %%
# Two models on pixels and two on HOG, over the mean face; with the accuracy of 5 folds.
hog = HOG(pixels_per_cell=(5, 5), cells_per_block=(2, 2))
models = {
    "pixels, forest": make_pipeline(Flatten(), RandomForestClassifier(300, random_state=0)),
    "pixels, linear": make_pipeline(Flatten(), LogisticRegression(C=0.01)),
    "HOG, forest": make_pipeline(hog, RandomForestClassifier(300, random_state=0)),
    "HOG, linear": make_pipeline(hog, LogisticRegression()),
}
mean_face = images[target == 1].mean(axis=0)
fig, axes = plt.subplots(2, 2, figsize=(8.4, 7.4), layout="constrained")
pictures = {}
for ax, (name, model) in zip(axes.ravel(), models.items(), strict=True):
    accuracy = cross_val_score(model, images, target, cv=5).mean()
    display = FeatureImportanceDisplay.from_estimator(model.fit(images, target), image=mean_face, ax=ax)
    pictures[name] = display.importances
    ax.set_title(f"{name}: accuracy {accuracy:.2f}")

# %%
# What is found: the forest on pixels hardly looks at faces. Three quarters of its importance lie on the forehead, at
# the very top of the image. That is bright in faces, and nearly black in most pieces of background, whatever the
# reason: enough to be right, here. The linear model looks there, too, and at cheeks and what is beside the head. On
# HOG, both models look at brows and eyes, the linear one also at the mouth, the forest also at the upper right, where
# the hair ends.
top = images[:, :4, 8:17].mean(axis=(1, 2))
for label in (1, 0):
    low, middle, high = np.quantile(top[target == label], [0.1, 0.5, 0.9])
    print(
        f"{faces.target_names[label]:9} forehead: median brightness {middle:.2f}, four fifths {low:.2f} to {high:.2f}"
    )

# %%
# Of five bands of five rows, the shares of the importance.
bands = ["forehead", "eyes", "nose", "mouth", "chin"]
for name, picture in pictures.items():
    shares = picture.reshape(5, 5, 25).sum(axis=(1, 2))
    print(f"{name:15}", ", ".join(f"{band} {share:.0%}" for band, share in zip(bands, shares, strict=True)))
# sphinx_gallery_thumbnail_number = 3
plt.show()
