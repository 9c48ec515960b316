"""`make docs`: the site is built strictly, and needs nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from documentation_pages import DOCS, ROOT

from nas.cli.main import COMMANDS

pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    # Not --quiet: it hides warnings from --strict too.
    words = ["-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_and_command_is_in_the_site(site: Path) -> None:
    built = {str(page.relative_to(site).with_suffix("")) for page in site.rglob("*.html")}
    assert {str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.rglob("*.md")} <= built
    assert {f"commands/{name}" for name in COMMANDS} <= built


def test_every_command_is_in_the_navigation(site: Path) -> None:
    page = (site / "commands" / "index.html").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert re.search(
            rf'<a href="{name}.html" class="md-nav__link">\s*<span[^>]*>\s*nas {name}', page
        )


def test_shown_output_is_the_command_s(site: Path) -> None:
    page = (site / "commands" / "cost.html").read_text(encoding="utf-8")
    assert "385,814,752" in page


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    loading = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\bsrc=\"?(?:https?:)?//|"
        r"<link[^>]*\brel=\"?(?:stylesheet|preload|preconnect|icon)[^>]*href=\"?(?:https?:)?//"
    )
    for page in site.rglob("*.html"):
        assert not loading.search(page.read_text(encoding="utf-8")), page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import|url\(\"?https?:", sheet.read_text(encoding="utf-8"))


def test_nothing_of_the_table_s_mark_is_left(site: Path) -> None:
    page = (site / "commands" / "index.html").read_text(encoding="utf-8")
    assert "the table of commands" not in page
