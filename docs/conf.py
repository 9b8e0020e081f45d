"""The site of these papers: `make docs` builds it into build/site from docs and the papers of the root.

What belongs here: which page stands under which heading, and how the site looks. What does not: any text. The papers
stay plain Markdown, as a forge shows them: the contents are added to the front page while the site is built.
"""

from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

FRONT = "docs/index"
NAV: dict[str, tuple[str, ...]] = {
    "Start": ("README", "docs/quick-start", "docs/concepts", "docs/lab"),
    "MIS developer": (
        "docs/mis-developer",
        "docs/api",
        "docs/sdk",
        "docs/verifications",
        "docs/webhooks",
        "docs/bulk",
        "docs/esoz-compatibility",
        "docs/fhir",
        "docs/migrating",
        "docs/security-callers",
    ),
    "Operator": (
        "docs/operator",
        "docs/install",
        "docs/deployment",
        "docs/many-machines",
        "docs/postgresql",
        "docs/failover",
        "docs/backup",
        "docs/console",
        "docs/crisis",
        "docs/observability",
        "docs/providers/README",
        "docs/runbooks/README",
    ),
    "Doctor": ("docs/doctor", "docs/doctors-page"),
    "Security officer": (
        "docs/security-officer",
        "docs/security",
        "docs/threat-model",
        "docs/security-people",
        "docs/security-at-rest",
        "docs/security-transit",
        "docs/security-audit",
        "docs/security-limits",
        "docs/security-supply-chain",
        "docs/fuzzing",
    ),
    "Українською": (
        "docs/uk/index",
        "docs/uk/doctors-page",
        "docs/uk/console",
        "docs/uk/crisis",
        "docs/uk/bulk",
    ),
    "Changing the code": (
        "CONTRIBUTING",
        "ARCHITECTURE",
        "docs/adding-a-provider",
        "docs/reliability",
        "docs/performance",
        "docs/scale",
        "CHANGELOG",
    ),
    "Reference": (
        "docs/reference/README",
        "docs/kinds",
        "docs/states",
        "docs/codes",
        "docs/settings",
        "docs/metrics",
        "docs/glossary",
    ),
}
"""Every page under the heading of its reader. A page that is in no row, and under none of UNDER, fails the build."""
UNDER = {
    "docs/providers/README": "docs/providers/*",
    "docs/runbooks/README": "docs/runbooks/*",
    "docs/reference/README": "docs/reference/*",
}
"""Lists whose pages need no row of their own."""

MENDED = {
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="This page">',
    ' role="heading">': ' role="heading" aria-level="2">',
}
"""What axe finds missing in the theme's pages."""

project = "ESOZ Notify"
author = "ESOZ Notify"
language = "en"
extensions = ["myst_parser"]
root_doc = FRONT
include_patterns = ["*.md", "docs/**"]
exclude_patterns = [
    ".*",
    "build",
    "dist",
    "demo-data",
    "deploy",
    "requirements",
    "scripts",
    "src",
    "tests",
    "**/conf.py",
]
myst_enable_extensions = ["tasklist"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = "ESOZ Notify"
html_static_path = ["site"]
html_css_files = ["site.css"]
html_favicon = "site/icon.svg"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_show_search_summary = False  # it fetches pages, which a browser refuses from a folder of files
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def contents(_: Sphinx, docname: str, source: list[str]) -> None:
    """Give the front page the contents of all, and a list of pages its pages."""
    if docname == FRONT:
        for caption, pages in NAV.items():
            source[0] += _tree(f":caption: {caption}", *(f"/{page}" for page in pages))
    if docname in UNDER:
        source[0] += _tree(":glob:", f"/{UNDER[docname]}")


def _tree(*lines: str) -> str:
    options = [line for line in lines if line.startswith(":")]
    return "\n".join(["", "", "```{toctree}", ":hidden:", *options, "", *lines[len(options) :], "```", ""])


def spoken(_: Sphinx, pagename: str, __: str, context: dict[str, object], ___: object) -> None:
    """Say of a page in Ukrainian that it is: programs that read aloud choose their voice by that."""
    if pagename.startswith("docs/uk/"):
        context["language"] = "uk"


def mended(app: Sphinx, failed: Exception | None) -> None:
    """Tell programs that read aloud what the theme leaves out."""
    for path in Path(app.outdir).rglob("*.html") if failed is None else ():
        text = path.read_text("utf-8")
        for old, new in MENDED.items():
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


def front_door(app: Sphinx, failed: Exception | None) -> None:
    """Lead whoever opens the folder of the site to its front page."""
    if failed is None:
        door = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{project}</title>'
        door += '<link rel="icon" href="_static/icon.svg">'
        door += (
            f'<meta http-equiv="refresh" content="0; url={FRONT}.html"><a href="{FRONT}.html">{project}</a></html>\n'
        )
        Path(app.outdir, "index.html").write_text(door, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", contents)
    app.connect("html-page-context", spoken)
    app.connect("build-finished", mended)
    app.connect("build-finished", front_door)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
