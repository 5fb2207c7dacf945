import os
import re
import subprocess
import sys

import pytest

import skimgfeat
from skimgfeat.cli import main
from skimgfeat.cli._arguments import CommandError

COMMANDS = ("aggregate", "crop", "demo", "extract", "info", "openimages", "verify")
HEAVY = {"numpy", "scipy", "sklearn", "skimage", "cv2", "joblib", "torch", "matplotlib", "pandas", "pyarrow", "polars"}


@pytest.mark.parametrize("argv", [["--help"], *([name, "--help"] for name in COMMANDS), ["--version"], []])
def test_nothing_heavy_is_imported_until_a_command_runs(argv):
    code = f"import sys; from skimgfeat.cli import main; main({argv!r}); print(*sys.modules, file=sys.stderr)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = {name.partition(".")[0] for name in finished.stderr.split()}
    assert "argparse" in modules
    assert not modules & HEAVY


def test_help_names_the_commands(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^    {name}\b", out, flags=re.MULTILINE) for name in COMMANDS)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"skimgfeat {skimgfeat.__version__}\n"


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["extract"], ["extract", "a", "b"], ["--nonsense"]])
def test_usage_errors_are_one_line_and_exit_code_2(argv, capsys):
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("skimgfeat: error: ")
    assert captured.err.count("\n") == 1
    assert "--help" in captured.err


def test_python_m(tmp_path):
    """The exit code reaches the shell, and an expected error has no traceback."""
    command = [sys.executable, "-m", "skimgfeat"]
    finished = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert finished.stdout == f"skimgfeat {skimgfeat.__version__}\n"
    missing = os.path.join(tmp_path, "missing.npy")
    finished = subprocess.run(
        [*command, "extract", missing, os.path.join(tmp_path, "out.npy"), "--features", "hog"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert finished.stderr == f"skimgfeat: error: {missing}: No such file or directory\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "MemoryError"),
        (ValueError("first\nsecond"), "first"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ImportError("needs pyarrow"), "needs pyarrow"),
        (CommandError("too many errors"), "too many errors"),
    ],
)
def test_failures_are_one_line_and_exit_code_1(error, line, capsys, monkeypatch):
    def run(args):
        raise error

    monkeypatch.setattr("skimgfeat.cli._demo.run", run)
    assert main(["demo"]) == 1
    assert capsys.readouterr().err == f"skimgfeat: error: {line}\n"


def test_a_mistake_of_ours_shows_its_traceback(monkeypatch):
    def run(args):
        raise ZeroDivisionError

    monkeypatch.setattr("skimgfeat.cli._demo.run", run)
    with pytest.raises(ZeroDivisionError):
        main(["demo"])
