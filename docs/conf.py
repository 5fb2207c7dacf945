"""Sphinx configuration. Everything is built from what is here and installed: nothing is fetched."""

import os
from importlib import import_module
from pathlib import Path

import skimgfeat

# Examples run on one thread of each library: threads that wait for a busy core spin, and what networks learn depends on
# their number.
os.environ.setdefault("OMP_NUM_THREADS", "1")

project = "skimgfeat"
author = "The skimgfeat developers"
copyright = author
release = version = skimgfeat.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "inventories"]
templates_path = ["_templates"]

html_theme = "pydata_sphinx_theme"
html_title = f"skimgfeat {release}"
html_static_path = ["_static"]
html_show_sourcelink = False
html_css_files = ["site.css"]
html_theme_options = {"show_nav_level": 2, "navigation_with_keys": False}
# Pages without pages below them.
html_sidebars = {page: [] for page in ("getting_started", "benchmarks", "developer_guide", "changelog")}

# make linkcheck, which needs the network, and is no part of .ci/run.
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_workers = 4
linkcheck_anchors = True
linkcheck_ignore = [r"https?://(localhost|127\.0\.0\.1|example\.org)"]

extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

# The names of other projects that the documentation links to, as small inventories kept beside this file.
intersphinx_mapping = {
    name: (url, f"inventories/{name}.inv")
    for name, url in {
        "joblib": "https://joblib.readthedocs.io/en/stable/",
        "numpy": "https://numpy.org/doc/stable/",
        "skimage": "https://scikit-image.org/docs/stable/",
        "sklearn": "https://scikit-learn.org/stable/",
    }.items()
}

autosummary_generate = True
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "doc_module": ("skimgfeat",),
    "backreferences_dir": "api/backreferences",
    "reference_url": {"skimgfeat": None},
    "download_all_examples": False,
    "min_reported_time": 1,
    "nested_sections": True,
    "capture_repr": ("_repr_html_",),
    "remove_config_comments": True,
}

# The submodules with names that are public under the submodule's name only; all others are public as skimgfeat.NAME.
_SUBMODULES = ("skimgfeat.datasets", "skimgfeat.io", "skimgfeat.jobs", "skimgfeat.recipes")


def write_api_reference(app, config):
    """Write api/index.rst from the package's own lists of public names, under the modules that define them."""
    sections = {}
    for name, module in skimgfeat._PUBLIC.items():
        sections.setdefault((module, "skimgfeat"), []).append(name)
    for module in _SUBMODULES:
        sections[module, module] = [name for name in import_module(module).__all__ if name not in skimgfeat._PUBLIC]
    lines = ["API reference", "=============", ""]
    for (module, prefix), names in sections.items():
        title = import_module(module).__doc__.splitlines()[0].rstrip(".")
        if prefix == module and (module, "skimgfeat") in sections:
            title += f": {module}"
        lines += [title, "-" * len(title), "", f".. currentmodule:: {prefix}", ""]
        lines += [".. autosummary::", "   :toctree: generated", "   :nosignatures:", ""]
        lines += [f"   {name}" for name in sorted(names)] + [""]
    path = Path(app.srcdir) / "api" / "index.rst"
    path.parent.mkdir(exist_ok=True)
    text = "\n".join(lines)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def skip_foreign_members(app, what, name, member, skip, options):
    """Leave out what is inherited from scikit-learn: its docstrings link to its own pages."""
    module = getattr(member, "__module__", None)
    return True if callable(member) and module and not module.startswith("skimgfeat") else None


def setup(app):
    app.connect("config-inited", write_api_reference)
    app.connect("autodoc-skip-member", skip_foreign_members)
