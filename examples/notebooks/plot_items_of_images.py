"""
Embeddings of the images of an item, for a regression
=====================================================

A module takes folders of pictures of items at auction, several of each, named ``<item>_<number>.webp``. MobileNetV2,
trained on ImageNet and without its last layer, makes 1,280 numbers of each picture; mean, maximum or first of an
item's pictures makes one row, and a random forest is to tell prices from the rows. It promises batch processing, and
about 50 images a second; batches are made and given to the network one image at a time: 34 images a second of
processor time were measured here.

============================================  =========================================================================
the module                                    here
============================================  =========================================================================
``extract_features_from_directory``           :class:`~skimgfeat.CNNEmbedding` through :func:`~skimgfeat.extract`: two
                                              to three times as quick with OpenVINO or ONNX Runtime
``aggregate_features_by_item``                :func:`~skimgfeat.aggregate`, with an account of every image
``merge(..., how="left")``                    :func:`~skimgfeat.merge_features`, which tells what found no partner
``save_model_info``                           ``model_info.json``, with the hash of the weights, written by the run
============================================  =========================================================================
"""

# %%
# The data
# --------
# There is no price in any packaged data, and none is made up. In its place stands something that is true of an item
# and that its pictures show in part: how many bits a pixel the whole takes as JPEG, few for smooth surfaces and many
# for gravel. An item is an image of 192 x 192 pixels, and three crops of it are its pictures. Where the environment
# variable ``SKIMGFEAT_DATA`` names the folder of real data, the items are 100 photos of 100 things, scaled; otherwise
# they are pieces of photos that come with scikit-image. One picture is broken, and one file belongs to no item.
import io
import os
import re
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from PIL import Image
from skimage import data
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimgfeat import CNNEmbedding, aggregate, extract, merge_features

SIDE = 192


def cut_items(photo):
    """Return up to eight pieces of a photo, spread over it."""
    rows, cols = (np.arange(0, length - SIDE + 1, SIDE) for length in photo.shape[:2])
    corners = [(row, col) for row in rows for col in cols]
    return [photo[row : row + SIDE, col : col + SIDE] for row, col in corners[:: -(-len(corners) // 8)]]


scratch = tempfile.TemporaryDirectory()
images, output = Path(scratch.name, "images"), Path(scratch.name, "features")
images.mkdir()
if "SKIMGFEAT_DATA" in os.environ:
    paths = sorted(Path(os.environ["SKIMGFEAT_DATA"], "photos").glob("*.JPEG"))[::2]
    photos = [np.asarray(Image.open(path).convert("RGB").resize((SIDE, SIDE))) for path in paths]
    print("photos of 100 things: ", end="")
else:
    names = ["astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry", "hubble_deep_field"]
    names += ["brick", "camera", "coins", "grass", "gravel", "moon"]
    photos = [getattr(data, name)() for name in names]
    print(f"pieces of {len(photos)} photos of scikit-image: ", end="")
items, table, random = [], [], np.random.default_rng(0)
for number, photo in enumerate(photos):
    for item in cut_items(photo):
        jpeg = io.BytesIO()
        Image.fromarray(item).save(jpeg, "JPEG", quality=75)
        table.append((len(items), number, 8 * jpeg.tell() / SIDE**2))
        for view in (2, 10, 11):
            row, col = random.integers(0, SIDE - 128 + 1, 2)
            Image.fromarray(item[row : row + 128, col : col + 128]).save(images / f"{len(items)}_{view}.png")
        items.append(item)
table = pd.DataFrame(table, columns=["id", "photo", "bits"])
(images / "0_10.png").write_bytes(b"no image")
Image.fromarray(items[0]).save(images / "logo.png")
print(f"{len(items)} items")

# %%
# The pipeline
# ------------
# Images to embeddings, embeddings to rows of items, rows beside the table, and a forest. ``weights=None`` draws
# random weights: nothing is downloaded here, and such a network sees textures, but knows no things. In earnest it is
# ``weights="DEFAULT"``, or a file. The columns are scaled, since random weights give numbers of a billionth, and a
# tree of scikit-learn takes differences below 1e-7 for none. Pieces of a photo are on one side of a split.
embedding = CNNEmbedding("mobilenet_v2", weights=None, random_state=0)
run = extract(embedding, images, output, progress=False)
rows, account = aggregate(output, by=re.compile("^([0-9]+)_"), method="mean", prefix="img_feature_")
merged, joined = merge_features(rows, table, left_on="id")
columns = [name for name in rows.columns if name != "item_id"]
forest = RandomForestRegressor(100, max_features=0.1, min_samples_leaf=2, random_state=0)
model = make_pipeline(StandardScaler(), forest)
predicted = cross_val_predict(model, merged[columns], merged["bits"], groups=merged["photo"], cv=GroupKFold(5))

# %%
# What comes out
# --------------
# Three accounts: of files, of rows, and of items. R² is 1 for a regression that is always right, and 0 for one that
# always says the mean.
print(run)
print(account)
print(joined)
r2 = r2_score(merged["bits"], predicted)
print(f"{len(columns)} columns; R² of items from photos that the forest has not seen: {r2:.2f}")

# %%
# Each item where the forest puts it (upwards) and where it belongs (to the right).
fig, ax = plt.subplots(figsize=(8, 7), layout="constrained")
limits = [0.9 * merged["bits"].min(), 1.05 * merged["bits"].max()]
ax.plot(limits, limits, color="0.7", linewidth=1, zorder=0)
for item, bits, guess in zip(merged["id"], merged["bits"], predicted, strict=True):
    picture = OffsetImage(items[item], zoom=0.17, cmap="gray")
    ax.add_artist(AnnotationBbox(picture, (bits, guess), frameon=False))
ax.set(xlim=limits, ylim=limits, xlabel="bits a pixel as JPEG", ylabel="predicted from the mean of three embeddings")
ax.spines[["top", "right"]].set_visible(False)
scratch.cleanup()
plt.show()

# %%
# What differs from the module
# ----------------------------
# - An image that fails vanishes from its table, and nobody knows. Here it keeps its row, with a code; ``nan_policy``
#   of :func:`~skimgfeat.aggregate` says what that does to its item.
# - Its text says that images are resized to 256 x 256 pixels; its code makes the shorter side 256. Here they are
#   prepared as the weights ask for.
# - "The output of the last convolutional layer" is the mean of its maps; ``layer`` and ``pooling`` choose others.
# - Its description of the model does not tell which weights they were.
# - Its item is what stands before the first underscore, in any name; here that is the default, and a regular
#   expression leaves out what does not match. Its "first" is that of the alphabet, where ``7_10`` comes before
#   ``7_2``.
#
# Read on
# -------
# :doc:`/user_guide/embedding` is about weights, layers and backends, :doc:`/user_guide/aggregate` about items, and
# :doc:`/user_guide/long_runs` about what a run survives. :doc:`/benchmarks` has the images a second, and what trained
# weights are worth.
