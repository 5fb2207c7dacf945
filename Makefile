# make demo   install into a virtual environment and run the main job on packaged real data
# make test   install every extra and run lint, types and all tests
# Both bootstrap uv from PyPI inside the environment.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml README.md LICENSE $(shell find skimgfeat -name '*.py' -o -path '*/report_page/*' -o -name '*.cpp' -o -name '*.hpp' -o -name CMakeLists.txt)

.PHONY: demo test lint docs linkcheck bench clean

demo: $(VENV)/.demo-installed
	$(BIN)/skimgfeat demo

test: lint
	$(BIN)/pytest

lint: $(VENV)/.all-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.all-installed
	$(BIN)/sphinx-build -n -W --keep-going -b html docs docs/_build/html

linkcheck: $(VENV)/.all-installed
	$(BIN)/sphinx-build -D plot_gallery=0 -b linkcheck docs docs/_build/linkcheck

bench: $(VENV)/.all-installed
	$(BIN)/python tests/benchmarks/bench_handcrafted.py
	$(BIN)/python tests/benchmarks/bench_hog.py

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv

$(VENV)/.demo-installed: $(SOURCES) | $(BIN)/uv
	$(BIN)/uv pip install --quiet --reinstall-package skimgfeat --python $(BIN)/python ".[parquet,plot]"
	touch $@

$(VENV)/.all-installed: $(SOURCES) | $(BIN)/uv
	$(BIN)/uv pip install --quiet --reinstall-package skimgfeat --python $(BIN)/python ".[all]"
	touch $@ $(VENV)/.demo-installed

clean:
	rm -rf $(VENV) build docs/_build docs/auto_examples docs/api docs/sg_execution_times.rst demo_output
