"""The trust report: what the longer trainings of a search's networks and of their rivals say."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nas.cost import network_cost
from nas.errors import RunError
from nas.spec import ArchSpec
from nas.trust.alternatives import Alternative
from nas.trust.statistics import Difference, difference, kendall_tau, pooled_sd

SCHEMA = 1

# Groups of rivals that are trained as the found network is.
_FROM_SCRATCH = ("random search", "alternative")


@dataclass(frozen=True)
class Retrained:
    """A network of the report: accuracies of its longer trainings, one a seed.

    group: "top" and "sample" of the search, "random search", "alternative", or "pretrained",
    which began with trained weights where the others began from scratch. proxy: its
    accuracy in the search, or as the search would have trained it; None where nobody has.
    """

    name: str
    group: str
    arch: ArchSpec
    proxy: float | None
    readings: tuple[float, ...]
    errors: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Mean of the longer trainings."""
        return statistics.fmean(self.readings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        cost = network_cost(self.arch)
        return {
            "name": self.name,
            "group": self.group,
            "digest": self.arch.digest(),
            "spec": self.arch.to_dict(),
            "flops": cost.flops,
            "params": cost.params,
            "resolution": self.arch.resolution,
            "proxy": self.proxy,
            "readings": list(self.readings),
            "mean": self.mean if self.readings else None,
            "errors": list(self.errors),
        }


@dataclass(frozen=True)
class Budget:
    """The random search beside the search: its trainings, and the search's.

    searched, drawn: the best accuracy of either after `trainings` of them; None where none has one.
    stopped: of the search's first `trainings`, those that a pruner ended early; the random search
    has none.
    """

    trainings: int
    of_search: int
    searched: float | None
    drawn: float | None
    stopped: int = 0


@dataclass(frozen=True)
class TrustReport:
    """What the longer trainings say of a search.

    tau: Kendall's, of the search's accuracies with the longer ones, over `compared` networks.
    seed_sd: from seed to seed. against: name -> difference of the found network from it.
    left_out: rivals that cannot be built or are the found network itself, with the reason.
    """

    data: str
    toy: bool
    proxy_epochs: int
    long_epochs: int
    networks: tuple[Retrained, ...]
    tau: float | None
    compared: int
    seed_sd: float | None
    against: dict[str, Difference]
    random: Budget
    left_out: tuple[Alternative, ...]

    def to_dict(self) -> dict[str, Any]:
        """What `trust.json` holds."""
        budget = self.random
        return {
            "schema": SCHEMA,
            "data": self.data,
            "toy": self.toy,
            "judged_on": "search-val, which the search chose by; test images were not looked at",
            "proxy_epochs": self.proxy_epochs,
            "long_epochs": self.long_epochs,
            "kendall_tau": self.tau,
            "compared": self.compared,
            "seed_sd": self.seed_sd,
            "networks": [network.to_dict() for network in self.networks],
            "against": {
                name: {**dataclasses.asdict(found), "verdict": found.verdict}
                for name, found in self.against.items()
            },
            "random_search": {
                "trainings": budget.trainings,
                "of_the_search": budget.of_search,
                "best_of_search": budget.searched,
                "best_of_random": budget.drawn,
                "stopped_in_the_search": budget.stopped,
            },
            "left_out": {one.name: one.reason for one in self.left_out},
            "verdict": self.verdict,
        }

    @property
    def verdict(self) -> str:
        """In a sentence, whether the search was worth it."""
        from nas.trust.text import verdict

        return verdict(self)

    def text(self) -> str:
        """The report as people read it."""
        from nas.trust.text import report_text

        return report_text(self)


def make_report(
    networks: Sequence[Retrained],
    budget: Budget,
    left_out: Sequence[Alternative],
    *,
    data: str,
    toy: bool,
    proxy_epochs: int,
    long_epochs: int,
) -> TrustReport:
    """The figures of retrained networks, of which the first is the found one.

    Equal names are numbered; a rival that is the found network, trained alike, is left out.
    Raises: RunError where that one has no longer training to compare.
    """
    found = networks[0]
    if not found.readings:
        reason = "; ".join(found.errors)
        raise RunError(f"the found network could not be trained again ({reason})")
    shown: list[Retrained] = []
    twins: list[Alternative] = []
    for network in _numbered(networks):
        if network.group in _FROM_SCRATCH and network.arch.digest() == found.arch.digest():
            twins.append(Alternative(network.name, None, "it is the found network"))
        else:
            shown.append(network)
    sound = [network for network in shown if network.readings]
    pairs = [
        (n.proxy, n.mean) for n in sound if n.group in ("top", "sample") and n.proxy is not None
    ]
    # By network, since one that is in two groups was trained once.
    sd, freedom = pooled_sd(
        {n.name if n.group == "pretrained" else n.arch.digest(): n.readings for n in sound}
    )
    rivals = [n for n in sound if n.group not in ("top", "sample")]
    return TrustReport(
        data=data,
        toy=toy,
        proxy_epochs=proxy_epochs,
        long_epochs=long_epochs,
        networks=tuple(shown),
        tau=kendall_tau(pairs),
        compared=len(pairs),
        seed_sd=sd,
        against={n.name: difference(found.readings, n.readings, sd, freedom) for n in rivals},
        random=budget,
        left_out=(*left_out, *twins),
    )


def _numbered(networks: Sequence[Retrained]) -> Iterator[Retrained]:
    """With names that differ: the second of two equal ones is "name (2)"."""
    taken: set[str] = set()
    for network in networks:
        name, number = network.name, 1
        while name in taken:
            number += 1
            name = f"{network.name} ({number})"
        taken.add(name)
        yield dataclasses.replace(network, name=name)
