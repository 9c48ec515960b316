"""The report as a browser shows it: whole, quiet, inside its page, and on paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.report.comparison import compare
from nas.report.html import comparison_html, write_report

Look = Callable[..., Any]

PLOTS = ("best-so-far", "pareto", "importance", "common-choices", "stages")


@pytest.fixture(scope="module")
def report(searched: Path) -> Path:
    return write_report(searched)


def boxes(page: Any) -> dict[str, dict[str, float]]:
    """Plot -> the box of everything that is drawn in it, in pixels of the page."""
    found: dict[str, dict[str, float]] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("figure")].map(figure => {
            const svg = figure.querySelector("svg").getBoundingClientRect();
            const drawn = figure.querySelector("svg > g").getBoundingClientRect();
            const paths = figure.querySelectorAll("svg path, svg use, svg image").length;
            return [figure.id.replace("plot-", ""),
                {left: svg.left, right: svg.right, width: drawn.width, height: drawn.height,
                 paths}];
        }))"""
    )
    return found


def test_a_report_renders_every_plot_inside_the_page_and_asks_for_nothing(
    report: Path, looked_at: Look
) -> None:
    page = looked_at(report)
    assert page.complaints == []
    found = boxes(page)
    assert set(found) == set(PLOTS)
    for name, box in found.items():
        assert box["width"] > 400, name
        assert box["height"] > 80, name
        assert box["paths"] > 5, name
        assert 0 <= box["left"] < box["right"] <= 1200, name
    assert page.evaluate("document.documentElement.scrollWidth") <= 1200
    headings = page.locator("h1, h2").all_inner_texts()
    for wanted in ("one", "How the search went", "What mattered", "Commands, versions, machines"):
        assert wanted in headings
    assert report.stat().st_size < 2_000_000


def test_every_plot_has_a_name_for_those_who_cannot_see_it_and_every_id_is_unique(
    report: Path, looked_at: Look
) -> None:
    page = looked_at(report)
    names = page.get_by_role("img").evaluate_all(
        "all => all.map(svg => document.getElementById(svg.getAttribute('aria-labelledby'))"
        ".textContent)"
    )
    assert len(names) == len(PLOTS)
    assert all(len(name) > 40 for name in names)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    # A reference to a part of a drawing that is not there would be an empty mark.
    dangling = page.evaluate(
        """() => [...document.querySelectorAll("use")]
            .map(use => use.getAttribute("xlink:href").slice(1))
            .filter(id => !document.getElementById(id)).length"""
    )
    assert dangling == 0
    assert page.locator("table th:not([scope])").count() == 0


def test_text_in_plots_keeps_clear_of_other_text(report: Path, looked_at: Look) -> None:
    """Of the drawing with the most words, where a wide font would run them together."""
    page = looked_at(report)
    overlaps = page.evaluate(
        """() => {
            const texts = [...document.querySelectorAll("#plot-stages svg text")]
                .filter(text => text.textContent.trim())
                .map(text => [text.textContent, text.getBoundingClientRect()]);
            const found = [];
            for (let i = 0; i < texts.length; i++) for (let j = 0; j < i; j++) {
                const [a, b] = [texts[i][1], texts[j][1]];
                const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                const up = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                if (across > 2 && up > 4) found.push(texts[i][0] + " over " + texts[j][0]);
            }
            return found;
        }"""
    )
    assert overlaps == []


def test_on_a_telephone_the_page_does_not_scroll_sideways(report: Path, looked_at: Look) -> None:
    page = looked_at(report, width=400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    # Wide drawings scroll inside their own frames instead of shrinking to nothing.
    widths = page.locator("figure svg").evaluate_all("all => all.map(s => s.clientWidth)")
    assert min(widths) > 400


def test_a_study_renders_with_its_figures_and_tables_inside_the_page(
    studied: Path, looked_at: Look
) -> None:
    path = write_report(studied)
    for width in (1200, 400):
        page = looked_at(path, width=width)
        assert page.complaints == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page = looked_at(path)
    found = boxes(page)
    assert set(found) == {"stages", "figure3", "figure8", "figure4"}
    for name, box in found.items():
        assert box["width"] > 400, name
        assert box["paths"] > 5, name
    assert "How it scales: the study" in page.locator("h2").all_inner_texts()
    # Every column of the table can be seen without scrolling on a desk.
    table = page.locator("#study .scroll").first
    assert table.evaluate("it => it.scrollWidth <= it.clientWidth")
    assert page.locator("table th:not([scope])").count() == 0


def test_it_prints(report: Path, looked_at: Look, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    looked_at(report).pdf(path=paper, format="A4")
    content = paper.read_bytes()
    assert content.startswith(b"%PDF-")
    pages = content.count(b"/Type /Page\n") + content.count(b"/Type /Page ")
    assert 2 <= pages <= 12


def test_a_comparison_renders(
    searched: Path, failing: Path, looked_at: Look, tmp_path: Path
) -> None:
    path = tmp_path / "comparison.html"
    path.write_text(comparison_html(compare([searched, failing])))
    page = looked_at(path)
    assert page.complaints == []
    assert set(boxes(page)) == {"best-so-far-compared", "stages-compared"}
    assert page.evaluate("document.documentElement.scrollWidth") <= 1200
