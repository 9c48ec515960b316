"""Names to objects, by entry point or `module:Attr`. Listing imports nothing.

One `Registry` is one entry-point group. Two packages that offer the same name are both named, and
neither is chosen silently; a plug-in that fails to import fails only for who asked for it.
"""

from __future__ import annotations

import difflib
import importlib
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas import __version__
from nas.errors import PluginError, PluginWarning, one_line
from nas.installed import entry_points_of, owner_of

OURS = f"compound-nas {__version__}"
"""The owner of built-in names."""


@dataclass(frozen=True)
class Offer:
    """A name that somebody offers, not yet imported.

    `owner` is "distribution version", or empty for a `module:Attr` that a person typed.
    """

    name: str
    target: str
    owner: str


@dataclass(frozen=True)
class Registry:
    """The plug-ins of one entry-point group.

    `built_in` maps our own names to their targets; a plug-in cannot take them over.
    """

    group: str
    what: str
    built_in: Mapping[str, str] = field(default_factory=dict)

    def offers(self) -> list[Offer]:
        """Every name of the group with its owners, built-in ones first; nothing is imported."""
        ours = [Offer(name, target, OURS) for name, target in self.built_in.items()]
        found = {
            Offer(point.name, point.value, owner_of(point)) for point in entry_points_of(self.group)
        }
        return ours + sorted(found, key=lambda offer: (offer.name, offer.owner, offer.target))

    def find(self, name: str) -> Offer:
        """Who offers `name`; a `module:Attr` stands for itself.

        A plug-in that offers a built-in name too is ignored, with a warning that names it.
        Raises: PluginError if nobody offers the name, or several packages do.
        """
        if ":" in name:
            return Offer(name, name, "")
        offers = [offer for offer in self.offers() if offer.name == name]
        if not offers:
            known = dict.fromkeys(offer.name for offer in self.offers())
            raise PluginError(f"unknown {self.what} '{name}'; {did_you_mean(name, known)}")
        if name in self.built_in:
            for other in offers[1:]:
                warnings.warn(
                    f"{self.what} '{name}' is built in; {other.owner} offers the same name, "
                    f"reach its own as {other.target}",
                    PluginWarning,
                    stacklevel=2,
                )
            return offers[0]
        if len(offers) > 1:
            owners = ", ".join(f"{offer.owner} ({offer.target})" for offer in offers)
            raise PluginError(
                f"{self.what} '{name}' is offered by {len(offers)} packages: {owners}; "
                f"uninstall one, or name it directly as {offers[0].target}"
            )
        return offers[0]

    def load(self, name: str) -> Any:
        """The object that `name` stands for: an entry point's, or `module:Attr`'s.

        Raises: PluginError if nobody offers the name, several do, or the import fails.
        """
        return self.load_offer(self.find(name))

    def load_offer(self, offer: Offer) -> Any:
        """Import what `offer` points at.

        Raises: PluginError with the reason, whatever the plug-in raised.
        """
        # An entry point's value may end in extras: "module:Attr [extra]".
        module_name, _, attribute = offer.target.partition("[")[0].strip().partition(":")
        if not offer.owner:
            _allow_working_directory()
        try:
            if not module_name or not attribute:
                raise ImportError("a plug-in is named as module:Attr")
            found: Any = importlib.import_module(module_name)
            for part in attribute.split("."):
                found = getattr(found, part)
        except (Exception, SystemExit) as error:  # a plug-in may raise anything at import
            reached = f" from {offer.target}" if offer.owner else ""
            raise PluginError(
                f"{self.describe(offer)} cannot be loaded{reached}: {one_line(error)}"
            ) from error
        return found

    def describe(self, offer: Offer) -> str:
        """The offer in words: "search space 'ghost' of ghost-nas 0.1.0"."""
        return f"{self.what} '{offer.name}'" + (f" of {offer.owner}" if offer.owner else "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest known names, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names) or 'none'}"


def _allow_working_directory() -> None:
    """Let `module:Attr` find a person's own file beside their work.

    `python -m nas` has the working directory on the path, the installed command `nas` has not. It
    goes last, so that a file there shadows nothing that is installed.
    """
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
