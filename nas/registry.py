"""Names to objects, by entry point or `module:Attr`. Listing imports nothing.

One `Registry` is one entry-point group. Two packages that offer the same name are both named, and
neither is chosen silently; a plug-in that fails to import fails only for who asked for it.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from nas.errors import NasError, PluginError


@dataclass(frozen=True)
class Offer:
    """A name that somebody offers, not yet imported."""

    name: str
    target: str
    owner: str


def _owner(entry_point: EntryPoint) -> str:
    dist = entry_point.dist
    return "unknown package" if dist is None else f"{dist.name} {dist.version}"


@dataclass(frozen=True)
class Registry:
    """The plug-ins of one entry-point group; `built_in` names cannot be taken over."""

    group: str
    what: str
    built_in: frozenset[str] = frozenset()

    def offers(self) -> list[Offer]:
        """Every plug-in of the group, by name, without importing any."""
        found = {
            Offer(point.name, point.value, _owner(point))
            for point in entry_points(group=self.group)
        }
        return sorted(found, key=lambda offer: (offer.name, offer.owner))

    def load(self, name: str) -> Any:
        """The object that `name` stands for: an entry point's, or `module:Attr`'s.

        Raises: PluginError if nobody offers the name, several do, or the import fails.
        """
        if ":" in name:
            return self._import(name, f"{self.what} '{name}'")
        offers = [offer for offer in self.offers() if offer.name == name]
        if not offers:
            raise PluginError(self._unknown(name))
        if len(offers) > 1:
            owners = ", ".join(f"{offer.owner} ({offer.target})" for offer in offers)
            raise PluginError(
                f"{self.what} '{name}' is offered by {len(offers)} packages: {owners}; "
                f"uninstall one, or name it directly as {offers[0].target}"
            )
        offer = offers[0]
        return self._import(offer.target, f"{self.what} '{name}' of {offer.owner}")

    def _import(self, target: str, described: str) -> Any:
        module_name, _, attribute = target.partition(":")
        try:
            found: Any = importlib.import_module(module_name)
            for part in attribute.split("."):
                found = getattr(found, part)
        except NasError:
            raise
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything at import
            reason = str(error).splitlines()[0] if str(error) else ""
            raise PluginError(
                f"{described} cannot be loaded from {target}: {type(error).__name__}: {reason}"
            ) from error
        return found

    def _unknown(self, name: str) -> str:
        known = sorted(self.built_in | {offer.name for offer in self.offers()})
        return f"unknown {self.what} '{name}'; {did_you_mean(name, known)}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest known names, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names) or 'none'}"
