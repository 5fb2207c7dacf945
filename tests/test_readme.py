import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_pipeline_runs_as_pasted(capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    assert len(code.splitlines()) <= 12
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["search"].score(names["test_X"], names["test_y"]) > 0.98
    assert "hog__interpolate" in capsys.readouterr().out


def test_table_names_every_extractor():
    import skimgfeat
    from skimgfeat.embedding import __all__ as networks
    from skimgfeat.features import __all__ as extractors
    from skimgfeat.preprocessing import __all__ as steps

    rows = re.findall(r"^\| `(\w+)` \| (?:images|paths) → (?:rows|images) \|", README, flags=re.MULTILINE)
    assert sorted(rows) == sorted([*extractors, *networks, *steps])
    mentioned = set(re.findall(r"`(\w+)`", README))
    assert set(skimgfeat.__all__) <= mentioned


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]*)\)", README))
def test_links_are_relative_and_lead_somewhere(target):
    assert "://" not in target
    assert not target.startswith("/")
    assert (ROOT / target).exists()
