"""read_object_npz: the files of the notebook, and only on request."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skimgfeat.io import read_object_npz

TRACES: list[str] = []


def leave_trace():
    TRACES.append("run")


class Planted:
    """Leaves a trace where somebody unpickles it."""

    def __reduce__(self):
        return leave_trace, ()


def save(path, arrays, names):
    objects = np.empty(len(arrays), dtype=object)
    for index, array in enumerate(arrays):
        objects[index] = array
    np.savez_compressed(path, descriptors_list=objects, filenames=np.array(names))


ARRAYS = [np.arange(256, dtype=np.float32).reshape(2, 128), None, np.zeros((3, 128), np.float32)]


def test_what_was_saved_comes_back(tmp_path):
    path = tmp_path / "sift_chunk_0_to_2.npz"
    save(path, ARRAYS, ["a/1.jpg", "a/2.jpg", "b/é.jpg"])
    descriptors, names = read_object_npz(path, unsafe=True)
    assert names == ["a/1.jpg", "a/2.jpg", "b/é.jpg"]
    assert [array.shape for array in descriptors] == [(2, 128), (0, 128), (3, 128)]
    assert {array.dtype for array in descriptors} == {np.dtype(np.float32)}
    assert_array_equal(descriptors[0], ARRAYS[0])


def test_codes_stay_bytes(tmp_path):
    save(tmp_path / "a.npz", [None, np.ones((2, 64), np.uint8)], ["x", "y"])
    descriptors, _ = read_object_npz(tmp_path / "a.npz", unsafe=True)
    assert [(array.shape, array.dtype) for array in descriptors] == [((0, 64), np.uint8), ((2, 64), np.uint8)]


def test_arrays_of_one_shape_that_numpy_took_apart(tmp_path):
    # What np.array(..., dtype=object) makes of them.
    arrays = np.array([ARRAYS[0], ARRAYS[0]], dtype=object)
    assert arrays.shape == (2, 2, 128)
    np.savez_compressed(tmp_path / "a.npz", descriptors_list=arrays, filenames=["x", "y"])
    descriptors, _ = read_object_npz(tmp_path / "a.npz", unsafe=True)
    assert [array.dtype for array in descriptors] == [np.float32] * 2
    assert_array_equal(descriptors[1], ARRAYS[0])


def test_only_images_without_keypoints(tmp_path):
    save(tmp_path / "a.npz", [None, None], ["x", "y"])
    assert [array.shape for array in read_object_npz(tmp_path / "a.npz", unsafe=True)[0]] == [(0, 128)] * 2


@pytest.mark.parametrize("unsafe", [False, None, 1, "yes"])
def test_nothing_is_run_that_nobody_asked_for(tmp_path, unsafe):
    save(tmp_path / "a.npz", [Planted()], ["x"])
    TRACES.clear()
    with pytest.raises(ValueError, match="runs whatever code is in it: pass unsafe=True"):
        read_object_npz(tmp_path / "a.npz", unsafe=unsafe)
    assert TRACES == []


def test_other_files(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Planted()))
    TRACES.clear()
    with pytest.raises(ValueError, match=r"is no \.npz file"):
        read_object_npz(tmp_path / "a.pkl", unsafe=True)
    assert TRACES == []
    np.savez(tmp_path / "b.npz", filenames=["x"])
    with pytest.raises(ValueError, match="has no array 'descriptors_list'"):
        read_object_npz(tmp_path / "b.npz", unsafe=True)
    save(tmp_path / "c.npz", ARRAYS, ["x"])
    with pytest.raises(ValueError, match="descriptors of 3 images, and names of 1"):
        read_object_npz(tmp_path / "c.npz", unsafe=True)
    with pytest.raises(FileNotFoundError):
        read_object_npz(tmp_path / "missing.npz", unsafe=True)
