"""Whole runs on real data: they return data and figures, and print nothing."""

from skimgfeat.recipes._demo import DemoCase, DemoRates, cross_validate_case, load_demo_cases, measure_rates
from skimgfeat.recipes._glyphs import draw_hog_examples

__all__ = [
    "DemoCase",
    "DemoRates",
    "cross_validate_case",
    "draw_hog_examples",
    "load_demo_cases",
    "measure_rates",
]
