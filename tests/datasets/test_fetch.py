"""Downloads, from a server on this machine, of files in the published formats."""

import gzip
import hashlib
import http.server
import io
import os
import struct
import sys
import tarfile
import threading
import zipfile

import numpy as np
import pytest
import sklearn.datasets

from skimgfeat import datasets
from skimgfeat.datasets import _cifar10, _mnist
from skimgfeat.io import read_idx

pytest.importorskip("pooch")


class Server:
    """Serves the bytes in ``files``; counts requests; cuts the bodies of ``truncated`` names short."""

    def __init__(self):
        self.files, self.requests, self.truncated = {}, [], set()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.rpartition("/")[2]
                server.requests.append(name)
                if name not in server.files:
                    return self.send_error(404)
                body = server.files[name]
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if name in server.truncated else body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/mirror/"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture
def publish(server, monkeypatch):
    """Put a file on the server and make its MD5 sum the known one."""

    def publish(hashes, name, body):
        server.files[name] = body
        monkeypatch.setitem(hashes, name, f"md5:{hashlib.md5(body).hexdigest()}")

    return publish


@pytest.fixture(scope="module")
def digits():
    """200 MNIST test images and their labels, or as many of scikit-learn's digits with a wide margin."""
    if "SKIMGFEAT_DATA" in os.environ:
        folder = os.path.join(os.environ["SKIMGFEAT_DATA"], "mnist")
        images = read_idx(os.path.join(folder, "t10k-images-idx3-ubyte.gz"))
        return images[:200], read_idx(os.path.join(folder, "t10k-labels-idx1-ubyte.gz"))[:200].astype(np.int64)
    small = sklearn.datasets.load_digits()
    images = np.zeros((200, 28, 28), dtype=np.uint8)
    images[:, 10:18, 10:18] = 15 * small.images[:200]
    return images, small.target[:200]


def idx_gz(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), compresslevel=1)


def emnist_zip(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, (images, labels) in members.items():
            transposed = np.stack([image.T for image in images])
            archive.writestr(f"gzip/emnist-{name}-images-idx3-ubyte.gz", idx_gz(transposed))
            archive.writestr(f"gzip/emnist-{name}-labels-idx1-ubyte.gz", idx_gz(labels))
    return buffer.getvalue()


def cifar_tar(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def mnist(publish, digits):
    images, labels = digits
    publish(_mnist._MNIST_HASHES, "train-images-idx3-ubyte.gz", idx_gz(images[:150]))
    publish(_mnist._MNIST_HASHES, "train-labels-idx1-ubyte.gz", idx_gz(labels[:150]))
    publish(_mnist._MNIST_HASHES, "t10k-images-idx3-ubyte.gz", idx_gz(images[150:]))
    publish(_mnist._MNIST_HASHES, "t10k-labels-idx1-ubyte.gz", idx_gz(labels[150:]))


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.usefixtures("mnist")
def test_mnist(server, digits, tmp_path):
    images, labels = digits
    for subset, chosen in {"train": slice(150), "test": slice(150, None), "all": slice(None)}.items():
        data = datasets.fetch_mnist(subset=subset, data_home=tmp_path, base_url=server.url)
        np.testing.assert_array_equal(data.images, images[chosen])
        np.testing.assert_array_equal(data.target, labels[chosen])
        assert data.images.dtype == np.uint8
        assert data.target.dtype == np.int64
    assert data.target_names.tolist() == list("0123456789")
    assert len(server.requests) == 4  # each file once
    X, y = datasets.fetch_mnist(subset="all", data_home=tmp_path, base_url=server.url, return_X_y=True)
    np.testing.assert_array_equal(X, data.images)
    np.testing.assert_array_equal(y, data.target)


@pytest.mark.parametrize(
    ("split", "n_classes", "first_label", "names"),
    [
        ("byclass", 62, 0, {0: "0", 9: "9", 10: "A", 35: "Z", 36: "a", 61: "z"}),
        ("bymerge", 47, 0, {10: "A", 35: "Z", 36: "a", 37: "b", 38: "d", 46: "t"}),
        ("balanced", 47, 0, {36: "a", 37: "b", 38: "d", 41: "g", 42: "h", 43: "n", 44: "q", 45: "r"}),
        ("letters", 26, 1, {0: "A", 25: "Z"}),
        ("digits", 10, 0, {0: "0", 9: "9"}),
        ("mnist", 10, 0, {0: "0", 9: "9"}),
    ],
)
def test_emnist_is_upright(server, publish, digits, tmp_path, split, n_classes, first_label, names):
    images = digits[0]
    target = np.arange(200) % n_classes
    members = {
        f"{split}-train": (images[:120], target[:120] + first_label),
        f"{split}-test": (images[120:], target[120:] + first_label),
    }
    publish(_mnist._EMNIST_HASHES, "gzip.zip", emnist_zip(members))
    for subset, chosen in {"train": slice(120), "test": slice(120, None), "all": slice(None)}.items():
        data = datasets.fetch_emnist(split=split, subset=subset, data_home=tmp_path, base_url=server.url)
        np.testing.assert_array_equal(data.images, images[chosen])
        np.testing.assert_array_equal(data.target, target[chosen])
    assert server.requests == ["gzip.zip"]
    assert len(data.target_names) == n_classes
    assert {label: data.target_names[label] for label in names} == names


def test_emnist_turns_every_batch_of_a_large_set(server, publish, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4100, 28, 28), dtype=np.uint8)
    publish(_mnist._EMNIST_HASHES, "gzip.zip", emnist_zip({"digits-test": (images, np.zeros(4100))}))
    X, _ = datasets.fetch_emnist(
        split="digits", subset="test", data_home=tmp_path, base_url=server.url, return_X_y=True
    )
    np.testing.assert_array_equal(X, images)
    assert X.flags.c_contiguous


@pytest.fixture(scope="module")
def photos():
    """Two photos for each CIFAR batch: (images, labels)."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 12)


def cifar_members(photos):
    """Make the batch files by their definition: label, then the red, green and blue rows of each photo."""
    images, labels = photos
    records = [
        bytes([label]) + b"".join(image[:, :, channel].tobytes() for channel in range(3))
        for image, label in zip(images, labels, strict=True)
    ]
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    folder = "cifar-10-batches-bin"
    return {f"{folder}/{name}": records[2 * i] + records[2 * i + 1] for i, name in enumerate(names)}


def test_cifar10(server, publish, photos, tmp_path):
    images, labels = photos
    members = cifar_members(photos)
    shuffled = {"cifar-10-batches-bin/readme.html": b"hello", **dict(reversed(members.items()))}
    publish(_cifar10._HASHES, "cifar-10-binary.tar.gz", cifar_tar(shuffled))
    for subset, chosen in {"train": slice(10), "test": slice(10, None), "all": slice(None)}.items():
        data = datasets.fetch_cifar10(subset=subset, data_home=tmp_path, base_url=server.url)
        np.testing.assert_array_equal(data.images, images[chosen])
        np.testing.assert_array_equal(data.target, labels[chosen])
        assert data.images.flags.c_contiguous
    assert server.requests == ["cifar-10-binary.tar.gz"]
    assert data.target_names[[0, 9]].tolist() == ["airplane", "truck"]
    assert files_in(tmp_path) == ["cifar-10-binary.tar.gz"]


@pytest.mark.parametrize("change", ["missing", "cut", "label"])
def test_cifar10_archives_that_are_not_the_published_one(server, publish, photos, tmp_path, change):
    members = cifar_members(photos)
    batch = "cifar-10-batches-bin/data_batch_3.bin"
    if change == "missing":
        members["elsewhere/data_batch_3.bin"] = members.pop(batch)
    else:
        members[batch] = members[batch][:-1] if change == "cut" else b"\x0a" + members[batch][1:]
    publish(_cifar10._HASHES, "cifar-10-binary.tar.gz", cifar_tar(members))
    with pytest.raises(ValueError, match=r"not the published file: .*data_batch_3\.bin is missing or does not consist"):
        datasets.fetch_cifar10(data_home=tmp_path, base_url=server.url)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"letters-test": (np.zeros((2, 28, 28)), np.array([0, 1]))}, "labels outside 1 to 26"),
        ({"letters-test": (np.zeros((2, 28, 28)), np.array([1, 27]))}, "labels outside 1 to 26"),
        ({"letters-test": (np.zeros((2, 28, 28)), np.array([1]))}, "28 x 28 bytes and a label each"),
        ({"letters-test": (np.zeros((2, 20, 20)), np.array([1, 2]))}, "28 x 28 bytes and a label each"),
        ({"letters-train": (np.zeros((2, 28, 28)), np.array([1, 2]))}, "emnist-letters-test-images-idx3-ubyte.gz"),
    ],
)
def test_emnist_archives_that_are_not_the_published_one(server, publish, tmp_path, members, message):
    publish(_mnist._EMNIST_HASHES, "gzip.zip", emnist_zip(members))
    with pytest.raises(ValueError, match=message):
        datasets.fetch_emnist(split="letters", subset="test", data_home=tmp_path, base_url=server.url)


@pytest.mark.parametrize("body", [b"no archive", b"PK\3\4 no archive", b"\x1f\x8b\x08 no archive"])
def test_files_that_are_no_archives(server, publish, tmp_path, body):
    publish(_mnist._EMNIST_HASHES, "gzip.zip", body)
    publish(_cifar10._HASHES, "cifar-10-binary.tar.gz", body)
    for fetch in (datasets.fetch_emnist, datasets.fetch_cifar10):
        with pytest.raises(ValueError, match=f"{fetch.__name__}: .* is not the published"):
            fetch(data_home=tmp_path, base_url=server.url)


@pytest.mark.parametrize("fetch", [datasets.fetch_mnist, datasets.fetch_emnist, datasets.fetch_cifar10])
class TestDownloads:
    def test_another_file_than_the_published_one(self, server, tmp_path, fetch):
        for name in ("train-images-idx3-ubyte.gz", "gzip.zip", "cifar-10-binary.tar.gz"):
            server.files[name] = b"something else"
        with pytest.raises(ValueError, match=rf"{fetch.__name__}: http://.* is not the published file.*MD5 hash"):
            fetch(data_home=tmp_path, base_url=server.url)
        assert files_in(tmp_path) == []

    def test_a_file_that_is_not_there(self, server, tmp_path, fetch):
        with pytest.raises(OSError, match=rf"{fetch.__name__}: could not download http://.*404.*base_url"):
            fetch(data_home=tmp_path, base_url=server.url)
        assert files_in(tmp_path) == []

    def test_a_connection_that_breaks(self, server, publish, tmp_path, fetch):
        publish(_mnist._MNIST_HASHES, "train-images-idx3-ubyte.gz", bytes(100_000))
        publish(_mnist._EMNIST_HASHES, "gzip.zip", bytes(100_000))
        publish(_cifar10._HASHES, "cifar-10-binary.tar.gz", bytes(100_000))
        server.truncated = set(server.files)
        with pytest.raises(OSError, match=rf"{fetch.__name__}: could not download http://"):
            fetch(data_home=tmp_path, base_url=server.url)
        assert files_in(tmp_path) == []

    def test_no_server(self, tmp_path, fetch):
        with pytest.raises(OSError, match=rf"{fetch.__name__}: could not download http://127\.0\.0\.1:9/"):
            fetch(data_home=tmp_path, base_url="http://127.0.0.1:9")

    def test_no_pooch(self, tmp_path, fetch, monkeypatch):
        monkeypatch.setitem(sys.modules, "pooch", None)
        with pytest.raises(ImportError, match=rf"{fetch.__name__}: .*pip install 'skimgfeat\[datasets\]'"):
            fetch(data_home=tmp_path)

    def test_parameters_that_cannot_be_used(self, tmp_path, fetch):
        with pytest.raises(ValueError, match=f"{fetch.__name__}: subset must be one of .*'train', 'test', 'all'"):
            fetch(subset="validation", data_home=tmp_path)
        with pytest.raises(TypeError, match=f"{fetch.__name__}: subset must be a string"):
            fetch(subset=None, data_home=tmp_path)
        assert files_in(tmp_path) == []


def test_emnist_splits_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"fetch_emnist: split must be one of .*'byclass'"):
        datasets.fetch_emnist(split="by_class", data_home=tmp_path)


@pytest.mark.usefixtures("mnist")
def test_a_damaged_file_is_downloaded_again(server, digits, tmp_path):
    datasets.fetch_mnist(data_home=tmp_path, base_url=server.url)
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"damaged")
    X, _ = datasets.fetch_mnist(data_home=tmp_path, base_url=server.url, return_X_y=True)
    np.testing.assert_array_equal(X, digits[0][:150])
    assert len(server.requests) == 3


def test_known_hashes_are_md5_sums():
    for known_hash in (_mnist._MNIST_HASHES | _mnist._EMNIST_HASHES | _cifar10._HASHES).values():
        algorithm, _, digits = known_hash.partition(":")
        assert algorithm == "md5"
        assert len(bytes.fromhex(digits)) == 16


def test_data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("SKIMGFEAT_DATA_HOME", raising=False)
    assert datasets.get_data_home() == tmp_path / "skimgfeat_data"
    assert datasets.get_data_home("~/a/b") == tmp_path / "a" / "b"
    monkeypatch.setenv("SKIMGFEAT_DATA_HOME", str(tmp_path / "c"))
    assert datasets.get_data_home() == tmp_path / "c"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c", "skimgfeat_data"]
