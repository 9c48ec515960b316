"""A trust report in words: what was retrained, how it compares, and what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.cli.output import format_table
from nas.cost import network_cost
from nas.units import format_count, how_many

if TYPE_CHECKING:
    from nas.trust.report import Retrained, TrustReport
    from nas.trust.statistics import Difference

# Below so many networks a rank correlation says little more than its sign.
FEW = 10


def verdict(report: TrustReport) -> str:
    """In a sentence, whether the found network is worth having searched for."""
    toy = " (toy data: this says nothing about real images)" if report.toy else ""
    worse = [name for name, found in report.against.items() if found.value < 0]
    clear = [name for name in worse if report.against[name].verdict == "worse"]
    open_ = [name for name, d in report.against.items() if d.verdict != "better"]
    untold = any(found.verdict == "unknown" for found in report.against.values())
    if not report.against:
        return f"There was nothing to compare the found network with{toy}."
    if clear:
        return (
            f"The search did not beat {_listed(clear)}: take that, or search longer or with more "
            f"epochs{toy}."
        )
    if worse:
        difference = "with one seed each nothing tells luck" if untold else "no clear difference"
        return (
            f"The search did not beat {_listed(worse)}: {difference}, and the found network "
            f"is below in the mean{toy}."
        )
    if untold:
        return (
            "None is above the found network in the mean; with one seed each nothing tells whether "
            f"that is luck{toy}."
        )
    if open_:
        return (
            f"None is above the found network in the mean; the difference from "
            f"{_listed(open_)} is within what the seeds explain{toy}."
        )
    return f"The found network beats every other one here{toy}."


def report_text(report: TrustReport) -> str:
    """The whole report."""
    lines = [
        f"trust report: {how_many(report.long_epochs, 'epoch')} instead of {report.proxy_epochs}, "
        f"new seeds, from scratch (but for pretrained ones), on {report.data}"
        + (" (a toy)" if report.toy else ""),
        "judged on search-val, which the search chose by; test images were not looked at",
        "",
        format_table(_HEADERS, [_row(network) for network in report.networks]),
        "",
        *_figures(report),
        "",
    ]
    lines += [f"found - {name}: {_difference(d)}" for name, d in report.against.items()]
    lines += [f"left out: {one.name}, because {one.reason}" for one in report.left_out]
    lines += [
        f"{network.name}: {len(network.errors)} trainings failed: {network.errors[0]}"
        for network in report.networks
        if network.errors
    ]
    return "\n".join([*lines, "", report.verdict])


_HEADERS = ("network", "of", "in the search", "longer", "seeds", "FLOPs", "params", "px")


def _row(network: Retrained) -> list[str]:
    cost = network_cost(network.arch)
    return [
        network.name,
        network.group,
        "-" if network.proxy is None else f"{100 * network.proxy:.2f} %",
        f"{100 * network.mean:.2f} %" if network.readings else "-",
        str(len(network.readings)),
        format_count(cost.flops),
        format_count(cost.params),
        str(network.arch.resolution),
    ]


def _figures(report: TrustReport) -> list[str]:
    few = ", too few to say more than its sign" if report.compared < FEW else ""
    tau = "none can be told" if report.tau is None else f"{report.tau:.2f}"
    lines = [
        f"rank correlation of short and long training (Kendall tau): {tau}, over "
        f"{report.compared} networks{few}"
    ]
    if report.seed_sd is None:
        lines.append("spread from seed to seed: not known, each network was trained once")
    else:
        lines.append(
            f"spread from seed to seed: {100 * report.seed_sd:.2f} points (standard deviation)"
        )
    budget = report.random
    if budget.searched is not None and budget.drawn is not None:
        count, of = budget.trainings, budget.of_search
        part = "" if count == of else f" (of its {of})"
        lines.append(
            f"random search with {count} trainings: best reading {100 * budget.drawn:.2f} %; this "
            f"search after {count}{part}: {100 * budget.searched:.2f} %"
        )
    if budget.stopped:
        lines.append(
            f"the pruner stopped {budget.stopped} of the search's first {budget.trainings} "
            "trainings early; the random search's were all full ones"
        )
    return lines


def _difference(found: Difference) -> str:
    value = f"{100 * found.value:+.2f} points"
    if found.low is None or found.high is None:
        return f"{value} (one seed each: no interval)"
    interval = f"95 % interval {100 * found.low:+.2f} to {100 * found.high:+.2f}"
    return f"{value}, {interval}: {found.verdict}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
