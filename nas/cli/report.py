"""`nas report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli.options import json_option
from nas.errors import ConfigError

if TYPE_CHECKING:
    from nas.report.figures import Plot

COMPARISON = Path("comparison.html")


@click.command("report")
@click.argument("runs", nargs=-1, metavar="[RUN]...", type=click.Path(path_type=Path))
@click.option("--compare", "comparing", is_flag=True, help="Set several searches side by side.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"[default: report.html in the run; {COMPARISON} here with --compare]",
)
@click.option(
    "--plots",
    "plots_folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Also write each plot there, as SVG and as PNG.",
)
@json_option
def command(
    runs: tuple[Path, ...],
    comparing: bool,
    output: Path | None,
    plots_folder: Path | None,
    as_json: bool,
) -> None:
    """Write one HTML file that shows a run: what was found, how, and how far to trust it.

    \b
    nas report                          the newest run
    nas report RUN -o report.html --plots plots
    nas report --compare RUN1 RUN2

    RUN is the folder of a search, of `nas run`, of a scaling fit or study, or of a training; where
    it is left out, what was worked on last below runs/. A search may be at work: it is not
    disturbed, and the report is a snapshot. The file needs no network and no other file, prints,
    and says of every number what kind of number it is. What a run does not have is left out, with
    the command that would make it.

    \b
    --json: report, bytes, plots (their files), dashboard (a command that shows the study live,
    null without one), absent (each: what, command).
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.files import write_text_atomic
    from nas.report.html import REPORT, comparison_html, page_html
    from nas.runs.finding import existing

    folders = [existing(run) for run in runs]
    dashboard: str | None = None
    absent: list[dict[str, str]] = []
    if comparing:
        from nas.report.comparison import compare

        compared = compare(folders)
        path, text, plots = output or COMPARISON, comparison_html(compared), compared.plots
    else:
        from nas.report.page import gather

        page = gather(_only(folders))
        path, text, plots = output or page.folder / REPORT, page_html(page), page.plots
        dashboard = page.dashboard or None
        absent = [{"what": one.what, "command": one.command} for one in page.absent]
    write_text_atomic(path, text)
    files = [] if plots_folder is None else _write(list(plots.values()), plots_folder)
    _tell(path, files, dashboard, absent, as_json)


def _only(folders: list[Path]) -> Path:
    from nas.runs.finding import newest_folder

    if len(folders) > 1:
        raise ConfigError(
            f"{len(folders)} runs are named, and a report is on one; `nas report --compare` sets "
            "several side by side"
        )
    return folders[0] if folders else newest_folder()


def _write(plots: list[Plot], folder: Path) -> list[Path]:
    return [path for plot in plots for path in plot.write(folder)]


def _tell(
    path: Path,
    files: list[Path],
    dashboard: str | None,
    absent: list[dict[str, str]],
    as_json: bool,
) -> None:
    from nas.cli.output import print_json
    from nas.units import format_bytes

    size = path.stat().st_size
    if as_json:
        print_json(
            {
                "report": str(path),
                "bytes": size,
                "plots": [str(file) for file in files],
                "dashboard": dashboard,
                "absent": absent,
            }
        )
        return
    click.echo(f"Wrote {path} ({format_bytes(size)}); open it in any browser")
    if files:
        click.echo(f"and {len(files)} files of plots in {files[0].parent}")
    if dashboard is not None:
        click.echo(f"live: {dashboard}")
    for one in absent:
        click.echo(f"left out: {one['what']}; `{one['command']}` fills it")
