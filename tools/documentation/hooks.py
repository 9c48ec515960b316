"""Hooks of mkdocs: the command reference, and pages that are made from files outside docs/."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
# mkdocs loads this file by its path; the package that it belongs to is found from the repository.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from nas.cli.main import COMMANDS  # noqa: E402
from tools.documentation.command_page import command_page, command_table  # noqa: E402
from tools.documentation.outside_links import CARRIED, with_site_links  # noqa: E402

COMMAND_TABLE = "<!-- the table of commands -->"
"""What the command reference's first page has where the table is put."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the navigation: a page for each command, and pages that mkdocs.yml does not name.

    Those are put at the end of "Results" or "Guides", under the title that they have, so that a
    new page is never left out.
    """
    docs = Path(config.docs_dir)
    sections = {title: pages for entry in config.nav or [] for title, pages in entry.items()}
    sections["Commands"] += [{f"nas {name}": f"commands/{name}.md"} for name in COMMANDS]
    named = set(_pages(config.nav))
    for file in sorted(docs.rglob("*.md")):
        page = file.relative_to(docs).as_posix()
        if page not in named:
            sections["Results" if page.startswith("results/") else "Guides"].append(page)
    return config


def _pages(nav: Any) -> Iterator[str]:
    """Every page of a navigation, however deep."""
    if isinstance(nav, str):
        yield nav
    elif nav:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from _pages(entry)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    docs = Path(config.docs_dir)
    for name in COMMANDS:
        page = f"commands/{name}.md"
        files.append(File.generated(config, page, content=command_page(name, docs)))
    for origin, page in CARRIED.items():
        text = (ROOT / origin).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the table of commands, and let no link leave the site."""
    here = page.file.src_uri
    origins = {made: origin for origin, made in CARRIED.items()}
    markdown = markdown.replace(COMMAND_TABLE, command_table())
    return with_site_links(markdown, here, origins.get(here, f"docs/{here}"), ROOT)
