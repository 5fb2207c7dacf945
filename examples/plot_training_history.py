"""
How a network learns
====================

:class:`~skimgfeat.ConvNetClassifier` notes the figures of each epoch in ``history_``, and
:class:`~skimgfeat.TrainingHistoryDisplay` draws them: when it had learned what it could, and when it only learned its
images by heart.
"""

# %%
# The digits of scikit-learn, 8 x 8 pixels. A tenth of the training images is held out: once their loss has not fallen
# for five epochs, training stops, and the weights of the best epoch are put back.
import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from skimgfeat import ConvNetClassifier, TrainingHistoryDisplay
from skimgfeat.datasets import load_digits

images, labels = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(images, labels, test_size=0.25, random_state=0)
settings = {
    "conv_channels": (16,),
    "hidden": (64,),
    "batch_size": 32,
    "learning_rate": 4e-3,
    "n_iter_no_change": 5,
    "random_state": 0,
}
net = ConvNetClassifier(max_epochs=40, **settings).fit(X_train, y_train)
display = TrainingHistoryDisplay.from_estimator(net)
print(f"best epoch {display.best_epoch_}; accuracy on the test images {net.score(X_test, y_test):.3f}")

# %%
# With 200 images in place of 1,347, the loss of training falls almost as far. That of the images held out comes to rest
# well above it: what the network learns from then on is true of those 200 images only.
few = ConvNetClassifier(max_epochs=40, validation_fraction=0.3, **settings).fit(X_train[:200], y_train[:200])
fig, axes = plt.subplots(1, 2, figsize=(8.6, 3.4), layout="constrained", sharey=True)
for ax, (name, model) in zip(axes, {"1,347 images": net, "200 images": few}.items(), strict=True):
    TrainingHistoryDisplay.from_estimator(model, panels=["loss"], ax=ax)
    ax.set_title(f"{name}: test accuracy {model.score(X_test, y_test):.3f}")
plt.show()
