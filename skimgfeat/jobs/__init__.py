"""Long runs: more images than fit in memory."""

from skimgfeat.jobs._transform_into import transform_into

__all__ = ["transform_into"]
