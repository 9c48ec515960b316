"""Table 2 counted again: writes docs/results/counted_and_printed.md and .csv.

    python -m benchmarks.counted_and_printed          # half a minute; needs torchvision and timm

Nothing is trained or timed, so the files are the same on any machine.
"""

from __future__ import annotations

from pathlib import Path

from nas.comparison.counted_and_printed import Line, csv_text, lines, markdown_table, remarks
from nas.files import write_text_atomic

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
NAME = "counted_and_printed"

INTRODUCTION = """\
# Counted here, printed in the paper

Table 2 of the EfficientNet paper (arXiv 1905.11946v5) with parameters and FLOPs counted by this
toolkit. Made by `python -m benchmarks.counted_and_printed`; the exact figures are in
[counted_and_printed.csv](counted_and_printed.csv).

*Counted*: references of ours by arithmetic, which the tests compare to the unit with torchvision's
and timm's networks; the others by torch's counter on the library's network. FLOPs are multiply-adds
of convolution and linear layers for one image at the px of the row. *Printed*: the paper's figure
with its digits. The percentage is the count over the print, less one; ≠ marks a count that does not
round to the printed digits. The paper says neither at which size it counted the other networks nor
with which counter.
"""


def page(table: list[Line]) -> str:
    """The page."""
    figures = [figure for line in table for figure in (line.params, line.flops)]
    compared = [figure.rounds_to_printed for figure in figures]
    known = [agrees for agrees in compared if agrees is not None]
    summary = f"{sum(known)} of the {len(known)} figures that could be counted round to the print."
    return (
        f"{INTRODUCTION}\n{markdown_table(table)}\n{summary}\n\n## What differs, and why\n\n"
        f"{remarks(table)}"
    )


def main() -> None:
    """Count and write both files."""
    table = lines()
    write_text_atomic(RESULTS / f"{NAME}.md", page(table))
    write_text_atomic(RESULTS / f"{NAME}.csv", csv_text(table))
    print(page(table))


if __name__ == "__main__":
    main()
