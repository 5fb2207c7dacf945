"""What a network trained on images of the same kind adds: LinearSVC on the rows of CNNEmbedding.

    python tests/benchmarks/bench_finetuned.py --save mobilenet.pth --rst docs/benchmarks/finetuned.rst.inc

A MobileNetV2 of torchvision is trained from random weights on CIFAR-10's training images, on one thread, and saved.
CNNEmbedding takes the file, and beside it random weights; LinearSVC learns from a part of the training images, and is
tested on the test images, which nothing has seen before. Without SKIMGFEAT_DATA, stand-ins show that this file runs.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from _data import color_photos
from _tables import print_tables
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch.nn import functional
from torchvision.models import mobilenet_v2

from skimgfeat import CNNEmbedding

# Of ImageNet, which CNNEmbedding takes for this model whatever its weights.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LARGEST_SHIFT = 4  # pixels, before images are enlarged
_LOSSES = 100  # of the last steps of an epoch, which are shown


def prepare(images, side):
    """Return a batch of images (n, rows, cols, 3), uint8, as the network takes them."""
    batch = images.permute(0, 3, 1, 2).float() / 255
    batch = functional.interpolate(batch, (side, side), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _STD))
    return ((batch - mean) / std).contiguous(memory_format=torch.channels_last)


def vary(images, generator):
    """Shift each image by some pixels, what leaves on one side lost, and mirror one half of them."""
    n_images, rows, cols, _ = images.shape
    down, right = torch.randint(2 * _LARGEST_SHIFT + 1, (2, n_images, 1), generator=generator)
    mirrored = torch.rand((n_images, 1), generator=generator) < 0.5
    along = torch.where(mirrored, torch.arange(cols).flip(0), torch.arange(cols))
    padded = functional.pad(images, (0, 0, *(_LARGEST_SHIFT,) * 4))
    place = torch.arange(n_images)[:, None, None]
    return padded[place, (down + torch.arange(rows))[:, :, None], (right + along)[:, None, :]]


def train(images, target, options):
    """Return the weights of a network trained to tell the classes apart."""
    torch.manual_seed(options.seed)
    images, target = torch.from_numpy(images), torch.from_numpy(np.asarray(target, dtype=np.int64))
    network = mobilenet_v2(weights=None, num_classes=int(target.max()) + 1).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.05)
    n_steps = options.epochs * (len(images) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.rate, total_steps=n_steps, pct_start=0.2)
    generator = torch.Generator().manual_seed(options.seed)
    start, losses = time.process_time(), []
    network.train()
    for epoch in range(options.epochs):
        order = torch.randperm(len(images), generator=generator)
        # What is left over waits for another epoch: batch normalization needs more than one image.
        for indices in order[: len(order) // options.batch * options.batch].split(options.batch):
            scores = network(prepare(vary(images[indices], generator), options.side))
            loss = functional.cross_entropy(scores, target[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        seconds = time.process_time() - start
        print(
            f"epoch {epoch + 1}: loss {np.mean(losses[-_LOSSES:]):.3f}, {seconds:.0f} s of processor time", flush=True
        )
    return network.state_dict()


def accuracies(weights, photos, options):
    """Return the test accuracy of LinearSVC with each C on the rows of these weights."""
    train_images, train_target, test_images, test_target = photos
    embedding = CNNEmbedding(
        "mobilenet_v2",
        weights=weights,
        preprocessing={"resize_size": options.side, "crop_size": options.side},
        n_jobs=1,
    )
    train_rows = embedding.fit_transform(train_images[: options.learned])
    test_rows = embedding.transform(test_images)
    for C in options.C:
        classifier = make_pipeline(StandardScaler(), LinearSVC(C=C, dual=False))
        yield 100 * classifier.fit(train_rows, train_target[: options.learned]).score(test_rows, test_target)


def parse_options(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000, help="images that the network is trained on")
    parser.add_argument("--epochs", type=int, default=4, help="how often it sees each of them")
    parser.add_argument("--batch", type=int, default=64, help="images of a step")
    parser.add_argument("--rate", type=float, default=3e-3, help="largest learning rate")
    parser.add_argument("--side", type=int, default=48, help="pixels that images are enlarged to")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and variation")
    parser.add_argument("--learned", type=int, default=5000, help="images that LinearSVC learns from")
    parser.add_argument("--tested", type=int, default=10_000, help="images that it is tested on")
    parser.add_argument("--C", type=float, nargs="+", default=[0.001, 0.01, 0.1], help="of LinearSVC")
    parser.add_argument("--save", type=Path, help="a .pth file to keep the trained weights in")
    parser.add_argument("--weights", type=Path, help="take the weights of this file, and train nothing")
    parser.add_argument("--rst", type=Path, help="also write the table to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about accuracy")
    options = parser.parse_args(arguments)
    if options.quick:
        options.images, options.epochs, options.batch, options.side = 32, 1, 16, 32
        options.learned, options.tested, options.C = 60, 20, [0.01]
    return options


def main(arguments=None):
    options = parse_options(arguments)
    torch.set_num_threads(1)
    name, train_images, train_target, test_images, test_target = color_photos()
    photos = [train_images, train_target, test_images[: options.tested], test_target[: options.tested]]
    with tempfile.TemporaryDirectory() as folder:
        path = options.weights or options.save or Path(folder, "trained.pth")
        if options.weights is None:
            torch.save(train(train_images[: options.images], train_target[: options.images], options), path)
        rows = [
            ("random", *(f"{value:.1f}" for value in accuracies(None, photos, options))),
            ("trained", *(f"{value:.1f}" for value in accuracies(path, photos, options))),
        ]
    best = [max(map(float, row[1:])) for row in rows]
    trained = f"trained in {options.epochs} epochs of {min(options.images, len(train_images)):,} training images"
    about = (
        f"{name}: MobileNetV2 at {options.side} x {options.side}, "
        f"{trained if options.weights is None else f'weights of {options.weights.name}'}, on one thread of a CPU. "
        f"LinearSVC(dual=False) behind StandardScaler on {options.learned:,} training images, accuracy on "
        f"{len(photos[2]):,} test images. Trained weights at their best are {best[1] - best[0]:.1f} points above "
        "random ones at theirs."
    )
    header = ["weights", *(f"accuracy in %, C={C:g}" for C in options.C)]
    packages = ("torch", "torchvision", "scikit-learn")
    print_tables([("LinearSVC on CNNEmbedding", header, rows)], options.rst, about=about, packages=packages)


if __name__ == "__main__":
    main()
