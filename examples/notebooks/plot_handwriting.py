"""
Handcrafted features of handwriting
===================================

A notebook takes EMNIST, 814,255 handwritten digits and letters of 28 x 28 pixels (697,932 to train on, 116,323 to
test on), and computes eleven families of features of each: 1,436 numbers. It copies the images to a temporary file,
from which the processes of joblib read their batches. A first cell shows on 1,000 images that one process and eight
give the same numbers; the last, over all of them, ends with ``KeyboardInterrupt``: its author gave up. Nothing was
classified.

Its loop takes 3.0 to 3.5 ms an image, on the machine and core that the :doc:`benchmarks </benchmarks>` are of: 41 to
47 minutes of processor time for all images.

==========================================  ===========================================================================
the notebook                                here
==========================================  ===========================================================================
eleven functions, each makes its own mask   :class:`~skimgfeat.HandcraftedFeatures`, one pass that shares the work
joblib, a copy of the images, batches       ``n_jobs=2``: threads, no copy, and the same bits for any number of them
one array of 4.7 GB, compressed             :func:`~skimgfeat.transform_into` to a memory map, batch by batch
no classifier                               any of scikit-learn's, in a pipeline
==========================================  ===========================================================================
"""

# %%
# The data
# --------
# Where the environment variable ``SKIMGFEAT_DATA`` names the folder of real data, these are 10,000 digits of MNIST:
# EMNIST in the same format, by other hands. Otherwise they are scikit-learn's 1,797 digits, enlarged to 28 x 28
# pixels.
import os
from pathlib import Path
from time import process_time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import LinearSVC

from skimgfeat import HandcraftedFeatures, ImageGridDisplay, Resize
from skimgfeat.datasets import load_digits
from skimgfeat.io import read_images, read_labels

if "SKIMGFEAT_DATA" in os.environ:
    folder = Path(os.environ["SKIMGFEAT_DATA"], "mnist")
    images = read_images(folder / "t10k-images-idx3-ubyte.gz")
    labels = read_labels(folder / "t10k-labels-idx1-ubyte.gz")
    print("MNIST, test set:", images.shape, images.dtype)
else:
    small, labels = load_digits(return_X_y=True)
    images = Resize((28, 28)).fit_transform(small)
    print("scikit-learn's digits, enlarged:", images.shape, images.dtype)

# %%
# The pipeline
# ------------
# The features of an image depend on no other image, and so they may be computed once, before any split. The columns
# differ in scale, areas beside shares; distances and linear models need them alike.
train_images, test_images, train_labels, test_labels = train_test_split(images, labels, test_size=0.3, random_state=0)
extractor = HandcraftedFeatures(threshold="otsu")
start = process_time()
X_train, X_test = extractor.fit_transform(train_images), extractor.transform(test_images)
seconds = process_time() - start
classifiers = {
    "nearest neighbors": make_pipeline(MinMaxScaler(), KNeighborsClassifier()),
    "random forest": RandomForestClassifier(random_state=0),
    "linear SVC": make_pipeline(MinMaxScaler(), LinearSVC(C=0.1)),
}
predicted = {name: model.fit(X_train, train_labels).predict(X_test) for name, model in classifiers.items()}

# %%
# What comes out
# --------------
print(f"{len(images)} images x {X_train.shape[1]} columns: {1e6 * seconds / len(images):.1f} µs an image")
accuracies = {name: accuracy_score(test_labels, found) for name, found in predicted.items()}
for name, accuracy in accuracies.items():
    print(f"{name}: {accuracy:.3f} of {len(test_labels)} test images")

# %%
# Columns have names and an order, so that a model can be asked what it looks at. Left: the share of each family in
# what the forest's decisions gain. HOG has nine columns of ten. Right: its share, cell by cell; red lines are those
# of the mean image.
families = {
    family: len(HandcraftedFeatures([family]).fit(images[:1]).get_feature_names_out())
    for family in ("zoning", "hog", "hu", "lbp", "skeleton", "contours", "run_lengths", "connectivity", "geometry")
    + ("projections", "density")
}
importances = classifiers["random forest"].feature_importances_
pieces = np.split(importances, np.cumsum(list(families.values()))[:-1])
shares = {family: piece.sum() for family, piece in zip(families, pieces, strict=True)}

blocks = pieces[1].reshape(6, 6, 2, 2, 9).sum(axis=-1)  # rows and columns of blocks, of cells in a block
cells = np.zeros((7, 7))
for row, col in np.ndindex(2, 2):
    cells[row : row + 6, col : col + 6] += blocks[:, :, row, col]

fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained", width_ratios=(1.5, 1))
labels_of_bars = [f"{family} ({columns})" for family, columns in families.items()]
bars = axes[0].barh(labels_of_bars, list(shares.values()), color=["C1" if name == "hog" else "C0" for name in families])
axes[0].bar_label(bars, [f"{share:.1%}" for share in shares.values()], padding=3, fontsize=9)
axes[0].invert_yaxis()
axes[0].set(title="importance of each family (columns)", xlim=(0, 1.15 * max(shares.values())), xticks=[])
axes[0].spines[["top", "right", "bottom"]].set_visible(False)
drawn = axes[1].imshow(cells, cmap="Blues", extent=(-0.5, 27.5, 27.5, -0.5))
axes[1].contour(images.mean(axis=0), 5, colors="C3", linewidths=0.8)
axes[1].set(title="HOG: importance of each cell", xticks=[], yticks=[])
fig.colorbar(drawn, ax=axes[1], shrink=0.8)

# %%
# Images that one of the three mistakes, with what they are and what the neighbors, the forest and the linear SVC say.
guesses = np.column_stack(list(predicted.values()))
wrong = np.flatnonzero((guesses != test_labels[:, None]).any(axis=1))[:16]
titles = [f"{test_labels[index]}: {', '.join(map(str, guesses[index]))}" for index in wrong]
ImageGridDisplay.from_images(test_images[wrong], titles=titles, n_cols=8, cmap="gray_r")
# sphinx_gallery_thumbnail_number = 2
plt.show()

# %%
# All of EMNIST
# -------------
# Its features take 4.7 GB, more than many a machine has to spare. They go to a file that is mapped into memory, in 18
# seconds on one thread and with one megabyte beside the images (:doc:`/benchmarks`):
#
# .. code-block:: python
#
#    images, labels = fetch_emnist(split="byclass", subset="all", return_X_y=True)
#    extractor = HandcraftedFeatures(n_jobs=-1).fit(images[:1])
#    shape = len(images), len(extractor.get_feature_names_out())
#    out = np.lib.format.open_memmap("emnist.npy", mode="w+", dtype=np.float32, shape=shape)
#    transform_into(extractor, images, out)
#
# The command line writes labels and the names of columns beside them:
#
# .. code-block:: shell
#
#    skimgfeat extract emnist-byclass-train-images-idx3-ubyte.gz train.npz --features handcrafted \
#        --labels emnist-byclass-train-labels-idx1-ubyte.gz
#
# What differs from the notebook
# ------------------------------
# - Its Hu moments are 0, all seven for every image: it gives the image to a function that takes normalized central
#   moments, and finds some pixels of an empty corner. Here they are moments.
# - Its zones drop the last rows and columns where a side is no multiple of 4, and its projections need square images.
#   Here the zones share the pixels out, and images may have any shape; rows of pixels say theirs by ``image_shape``.
# - Its foreground is what is above 0, which the gray paper of a scan is too: ``threshold`` is a number, or "otsu" as
#   above.
# - It divides by 255 where the largest pixel is above 1, and cuts 16 bits to 8, wrapping around. Here the type of the
#   pixels tells their scale.
# - An image that is None becomes zeros, of HOG a single one, and the row has another length than the others. Here it
#   is an error that names the image, or a row of NaN.
# - ``n_jobs=None`` took all processors but one. Here it is what scikit-learn means: one.
# - The rest is its definitions, column for column: HOG and LBP equal scikit-image's, a branch is a pixel of the
#   skeleton with three neighbors or more, an empty row is a run of length 0.
#
# Read on
# -------
# :doc:`/user_guide/handcrafted` tells what each family is, :doc:`/auto_examples/plot_handcrafted_families` draws it
# and what it is worth alone, :doc:`/user_guide/memory` is about memory maps and threads.
