import io
import os

import numpy as np
import pytest
from PIL import Image

from skimgfeat.datasets import load_parquet_images

pytest.importorskip("pyarrow")
import pyarrow as pa
import pyarrow.parquet as pq

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("classes", ["cat,dog", None])
def test_images_labels_and_class_names(tmp_path, classes):
    columns = {"image": [png(image) for image in IMAGES], "label": np.array([0, 1, 1, 0, 1, 0], dtype=np.int8)}
    table = pa.table(columns).replace_schema_metadata({"classes": classes} if classes else None)
    pq.write_table(table, tmp_path / "pets.parquet")
    data = load_parquet_images(tmp_path / "pets.parquet")
    np.testing.assert_array_equal(data.images, IMAGES)
    assert data.target.dtype == np.int64
    assert data.target.tolist() == [0, 1, 1, 0, 1, 0]
    if classes:
        assert data.target_names.tolist() == ["cat", "dog"]
    else:
        assert data.target_names is None
    X, y = load_parquet_images(tmp_path / "pets.parquet", return_X_y=True)
    np.testing.assert_array_equal(X, IMAGES)
    np.testing.assert_array_equal(y, data.target)


def test_labels_may_be_strings(tmp_path):
    pq.write_table(pa.table({"image": [png(IMAGES[0])] * 2, "label": ["cat", "dog"]}), tmp_path / "pets.parquet")
    assert load_parquet_images(tmp_path / "pets.parquet").target.tolist() == ["cat", "dog"]


@pytest.mark.skipif("SKIMGFEAT_DATA" not in os.environ, reason="SKIMGFEAT_DATA is not set")
def test_cifar10():
    path = os.path.join(os.environ["SKIMGFEAT_DATA"], "cifar10", "test.parquet")
    data = load_parquet_images(path)
    assert data.images.shape == (10000, 32, 32, 3)
    assert np.bincount(data.target).tolist() == [1000] * 10
    table = pq.read_table(path)
    for row in (0, 1234, 9999):
        name = table["name"][row].as_py()
        assert name.split("/")[0] == data.target_names[data.target[row]]
        decoded = np.asarray(Image.open(io.BytesIO(table["image"][row].as_py())))
        np.testing.assert_array_equal(data.images[row], decoded)
