"""Links between the pages: in the repository, and as the site rewrites them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documentation_pages import FENCE, PAGES, ROOT, named

from tools.documentation.outside_links import LINK, with_site_links


def links_of(page: Path) -> list[re.Match[str]]:
    """The links of a page that are not to the web."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    return [
        link
        for link in LINK.finditer(text)
        if "://" not in link["target"] and not link["target"].startswith("mailto:")
    ]


def anchors_of(page: Path) -> set[str]:
    """The anchors that a page's headings have on a code host."""
    headings = re.findall(r"^#+ (.+?)\s*$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links_of(page):
        there = (page.parent / link["target"]).resolve() if link["target"] else page
        found = there.exists() and there.is_relative_to(ROOT)
        if not found or (link["anchor"] and link["anchor"][1:] not in anchors_of(there)):
            broken.append(link[0])
    assert not broken


def test_there_are_links_to_check() -> None:
    assert sum(len(links_of(page)) for page in PAGES) > 60


def rewritten(text: str, page: str, origin: str) -> str:
    return with_site_links(text, page, origin, ROOT)


def test_a_link_out_of_docs_leads_to_the_page_made_of_the_file() -> None:
    text = "see [the card](../nas/evaluators/data/imagenet_predictor.md#data)"
    assert rewritten(text, "evaluators.md", "docs/evaluators.md") == (
        "see [the card](results/imagenet_predictor.md#data)"
    )


def test_a_page_from_outside_docs_links_into_them() -> None:
    text = "[search](docs/search.md), [home](README.md)"
    assert rewritten(text, "contributing.md", "CONTRIBUTING.md") == (
        "[search](search.md), [home](index.md)"
    )


def test_other_files_are_named_by_their_path() -> None:
    text = "[the table](../../benchmarks/winner.py)"
    assert rewritten(text, "results/winner.md", "docs/results/winner.md") == (
        "the table (`benchmarks/winner.py` in the repository)"
    )


@pytest.mark.parametrize(
    "text",
    [
        "[paper](https://arxiv.org/abs/1905.11946)",
        "[gone](../nowhere.md)",
        "[here](#below)",
        "```sh\n[x](../README.md)\n```",
    ],
)
def test_the_rest_is_left_as_it_is(text: str) -> None:
    assert rewritten(text, "search.md", "docs/search.md") == text
