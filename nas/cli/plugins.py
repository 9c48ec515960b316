"""`nas plugins`: what is installed, by whom, and on request whether it works."""

from __future__ import annotations

from typing import Any

import click

from nas.blocks import BLOCK_KINDS
from nas.cli.options import json_option
from nas.cli.output import print_json, print_table
from nas.errors import NasError
from nas.installed import unreadable_packages
from nas.plugins import EVALUATORS, REWARDS, SPACES, problem_of
from nas.registry import Offer, Registry

KINDS = (SPACES, EVALUATORS, REWARDS, BLOCK_KINDS)


@click.command()
@click.option("--check", is_flag=True, help="Import each one and say which are broken.")
@json_option
def command(check: bool, as_json: bool) -> None:
    """List spaces, evaluators, rewards and block kinds: the built-in ones and those of plug-ins.

    Nothing is imported, unless --check asks for it; then a broken plug-in is reported and the rest
    goes on. Ends with exit code 2 if --check finds a problem.

    Keys of --json: plugins, a list with kind, name, owner, target and, with --check, problem (null
    where there is none); unreadable, a list with owner and problem, of installed packages whose
    entry points cannot be read.
    """
    rows = [_row(registry, offer, check) for registry in KINDS for offer in registry.offers()]
    unreadable = [{"owner": owner, "problem": reason} for owner, reason in unreadable_packages()]
    if as_json:
        print_json({"plugins": rows, "unreadable": unreadable})
    else:
        _print(rows, check)
        for package in unreadable:
            click.echo(f"{package['owner']}: {package['problem']}", err=True)
    broken = [row for row in rows if row.get("problem")]
    if check and (broken or unreadable):
        raise NasError(
            f"{len(broken) + len(unreadable)} of the plug-ins cannot be used; upgrade or uninstall "
            "their packages"
        )


def _row(registry: Registry, offer: Offer, check: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": registry.what,
        "name": offer.name,
        "owner": offer.owner,
        "target": offer.target,
    }
    if check:
        row["problem"] = problem_of(registry, offer)
    return row


def _print(rows: list[dict[str, Any]], check: bool) -> None:
    print_table(
        ("kind", "name", "owner", "target", *(("check",) if check else ())),
        [
            (row["kind"], row["name"], row["owner"], row["target"])
            + (("broken" if row["problem"] else "ok",) if check else ())
            for row in rows
        ],
    )
    for row in rows:
        if row.get("problem"):
            click.echo(f"broken: {row['problem']}", err=True)
