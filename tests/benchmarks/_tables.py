"""Tables as text and as reStructuredText."""

import os
import platform
from datetime import date
from importlib.metadata import version

from skimgfeat.kernels import instruction_set


def print_tables(tables, path, *, about, packages):
    """Print tables, each (caption, header, rows of values); write them as reStructuredText too where path is given.

    ``about`` and a line on date, instruction set and versions stand before them.
    """
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    about = (
        f"{about} Measured on {date.today()} on {os.cpu_count()} cores. Instruction set {instruction_set}, "
        f"{platform.machine()}, Python {platform.python_version()}, {versions}."
    )
    print(about)
    for caption, header, rows in tables:
        cells = [header, *([_text(value) for value in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        print(f"\n{caption}")
        for row in cells:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if path is not None:
        path.write_text("\n".join([f"{about}\n", *(_as_rst(*table) for table in tables)]), encoding="utf-8")


def _as_rst(caption, header, rows):
    lines = [f".. csv-table:: {caption}", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines.append("   " + ", ".join(f'"{_text(value)}"' for value in row))
    return "\n".join(lines) + "\n"


def _text(value):
    """Three significant digits, without exponents; whole numbers and words as they are."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
