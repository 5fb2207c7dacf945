"""From images to labels in one pipeline, searched by scikit-learn."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skimgfeat import SIFT, VLAD, BagOfVisualWords, DescriptorCodec, FisherVector
from skimgfeat.datasets import load_textures

# (encoder, classifier, what is searched)
PIPELINES = {
    "VLAD": (VLAD(4, random_state=0), LinearSVC(random_state=0), {"vlad__n_words": [2, 4]}),
    "BagOfVisualWords": (
        BagOfVisualWords(16, random_state=0),
        RandomForestClassifier(30, random_state=0),
        {"sift__root": [False, True]},
    ),
    "FisherVector": (
        FisherVector(2, random_state=0),
        KNeighborsClassifier(3),
        {"descriptorcodec__n_components": [8, 24], "descriptorcodec__max_descriptors": [50]},
    ),
}


@pytest.fixture(scope="module")
def textures():
    """Every third patch of brick, grass and gravel."""
    images, target = load_textures(return_X_y=True)
    return images[::3], target[::3]


def make(name):
    encoder, classifier, _ = PIPELINES[name]
    return make_pipeline(SIFT(dense_step=8), DescriptorCodec(24, random_state=0), encoder, classifier)


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("container", ["array", "list"])
def test_images_to_labels(textures, name, container):
    images, target = textures
    images = images if container == "array" else list(images)
    half = np.arange(len(target)) % 2 == 0
    train, test = ([images[index] for index in np.flatnonzero(part)] for part in (half, ~half))
    pipeline = make(name).fit(train, target[half])
    assert pipeline.score(test, target[~half]) > 0.8
    assert pipeline.score(test, np.roll(target[~half], 11)) < 0.8


@pytest.mark.parametrize("name", PIPELINES)
def test_searches_on_two_processes(textures, name):
    images, target = textures
    search = GridSearchCV(make(name), PIPELINES[name][2], cv=2, n_jobs=2, error_score="raise").fit(images, target)
    assert search.best_score_ > 0.8
    assert search.predict(images[:5]).shape == (5,)
    alone = GridSearchCV(make(name), PIPELINES[name][2], cv=2, error_score="raise").fit(images, target)
    assert search.cv_results_["mean_test_score"].tolist() == alone.cv_results_["mean_test_score"].tolist()
