"""Whole runs on real data: they return data and figures, and print nothing."""

from skimgfeat.recipes._benchmark_chart import draw_benchmark
from skimgfeat.recipes._cifar10 import (
    BenchmarkImages,
    BenchmarkResult,
    BenchmarkRow,
    format_benchmark,
    load_benchmark_images,
    make_benchmark_rows,
    run_benchmark_row,
)
from skimgfeat.recipes._demo import DemoCase, DemoRates, cross_validate_case, load_demo_cases, measure_rates
from skimgfeat.recipes._hog_examples import draw_hog_examples
from skimgfeat.recipes._report import ReportAccount, write_report

__all__ = [
    "BenchmarkImages",
    "BenchmarkResult",
    "BenchmarkRow",
    "DemoCase",
    "DemoRates",
    "ReportAccount",
    "cross_validate_case",
    "draw_benchmark",
    "draw_hog_examples",
    "format_benchmark",
    "load_benchmark_images",
    "load_demo_cases",
    "make_benchmark_rows",
    "measure_rates",
    "run_benchmark_row",
    "write_report",
]
