"""Networks that turn images into rows: embeddings by convolutional networks."""

from skimgfeat.embedding._cnn_embedding import CNNEmbedding

__all__ = ["CNNEmbedding"]
