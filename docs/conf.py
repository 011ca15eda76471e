"""How Sphinx builds the documentation: `make docs` writes it to docs/_build/html; warnings are errors."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent / "workflow")]

import panscape  # noqa: E402

project = "panscape"
author = "The panscape developers"
copyright = author
version = release = panscape.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "site_pages",
]
exclude_patterns = ["_build", "tutorials", "examples"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb", ".rst": "restructuredtext"}
nb_execution_mode = "off"  # extensions/tutorials.py executes where the results are, and stores the outputs

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# `name` in docstrings is a parameter or a value, as numpydoc has it
default_role = "literal"
autosummary_generate = False
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]

nitpicky = True
# other projects' names: their documentation is elsewhere, and the build needs no network
OTHERS = "anndata|collections|h5py|igraph|logging|matplotlib|mudata|numpy|np|pandas|pathlib|pd|scipy|sparse"
OTHERS += "|sklearn|torch"
# what modules import for annotations only, which autodoc knows by its short name
OTHERS += "|AnnData|Axes|Figure|MuData|Path"
nitpick_ignore_regex = [(r"py:.*", rf"({OTHERS})(\..+)?")]

highlight_language = "none"  # of blocks that name no language

html_theme = "sphinx_book_theme"
html_title = "panscape"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["generated/site"]  # the examples' reports
html_theme_options = {
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": False,
    "navbar_persistent": [],  # the search field stands in the sidebar
}
html_show_sourcelink = False
copybutton_exclude = ".linenos, .gp, .go"
