import subprocess
import sys

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
from sklearn.model_selection import GroupKFold

from skimgfeat import datasets


def test_digits():
    digits = datasets.load_digits()
    published = sklearn.datasets.load_digits()
    assert digits.images.dtype == np.float32
    np.testing.assert_array_equal(digits.images * 16, published.images)
    np.testing.assert_array_equal(digits.target, published.target)
    np.testing.assert_array_equal(digits.target_names[digits.target].astype(int), published.target)
    assert "1797" in digits.DESCR


def test_faces():
    faces = datasets.load_faces()
    np.testing.assert_array_equal(faces.images, skimage.data.lfw_subset())
    assert faces.target_names[faces.target].tolist() == ["face"] * 100 + ["non-face"] * 100


def test_textures_are_cut_without_overlap():
    textures = datasets.load_textures()
    assert textures.images.shape == (192, 64, 64)
    assert textures.images.dtype == np.uint8
    for label, name in enumerate(["brick", "grass", "gravel"]):
        photo = getattr(skimage.data, name)()
        patches = textures.images[textures.target == label]
        assert textures.target_names[label] == name
        for number, patch in enumerate(patches):
            row, col = divmod(number, 8)
            np.testing.assert_array_equal(patch, photo[64 * row : 64 * row + 64, 64 * col : 64 * col + 64])
            assert textures.groups[64 * label + number] == 2 * (row >= 4) + (col >= 4)


def test_texture_groups_split_every_class_alike():
    textures = datasets.load_textures()
    for _, test in GroupKFold(4).split(textures.images, groups=textures.groups):
        assert np.bincount(textures.target[test]).tolist() == [16, 16, 16]


@pytest.mark.parametrize("load", [datasets.load_digits, datasets.load_faces, datasets.load_textures])
def test_return_X_y(load):  # noqa: N802
    data = load()
    X, y = load(return_X_y=True)
    np.testing.assert_array_equal(X, data.images)
    np.testing.assert_array_equal(y, data.target)
    assert y.dtype == np.int64
    assert len(X) == len(y)
    with pytest.raises(TypeError, match=f"{load.__name__}: return_X_y must be True or False"):
        load(return_X_y="yes")


def test_nothing_is_downloaded():
    """Without pooch, scikit-image has no way to download what its wheel does not hold."""
    code = """
import sys
sys.modules["pooch"] = None
from skimgfeat import datasets
print(*(len(load().images) for load in (datasets.load_digits, datasets.load_faces, datasets.load_textures)))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["1797", "200", "192"]
