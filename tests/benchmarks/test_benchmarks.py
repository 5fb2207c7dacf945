import runpy
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent


@pytest.mark.parametrize("script", sorted(BENCHMARKS.glob("bench_*.py")), ids=lambda script: script.stem)
def test_runs_at_toy_size(script, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("SKIMGFEAT_DATA", raising=False)
    # What Python does for a script: its folder is where its helpers are found.
    monkeypatch.syspath_prepend(BENCHMARKS)
    table = tmp_path / "table.rst"
    monkeypatch.setattr(sys, "argv", [str(script), "--quick", "--rst", str(table)])
    runpy.run_path(str(script), run_name="__main__")
    printed, written = capsys.readouterr().out, table.read_text(encoding="utf-8")
    captions = [line.removeprefix(".. csv-table:: ") for line in written.splitlines() if line.startswith(".. csv-")]
    assert captions
    assert all(caption in printed for caption in captions)
    rows = [line.split('", "') for line in written.splitlines() if line.startswith('   "')]
    assert len(rows) >= 2 * len(captions)
