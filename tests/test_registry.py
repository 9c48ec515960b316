import sys
from pathlib import Path

import pytest

from nas.errors import PluginError, PluginWarning
from nas.registry import OURS, Offer, Registry

GROUP = "nas.tests"
THINGS = Registry(GROUP, "thing", {"pi": "math:pi"})


class Site:
    """A folder of installed packages, by metadata only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def package(self, name: str, *entry_points: str) -> None:
        info = self.folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("\n".join((f"[{GROUP}]", *entry_points)))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Site(tmp_path)


def test_a_built_in_name_is_listed_and_loaded() -> None:
    assert THINGS.offers() == [Offer("pi", "math:pi", OURS)]
    assert THINGS.load("pi") == pytest.approx(3.14159265)


def test_an_entry_point_is_listed_with_its_owner_and_loaded(site: Site) -> None:
    site.package("maths", "tau = math:tau")
    assert Offer("tau", "math:tau", "maths 1.0") in THINGS.offers()
    assert THINGS.load("tau") == pytest.approx(6.2831853)


def test_extras_of_an_entry_point_are_no_part_of_the_target(site: Site) -> None:
    site.package("maths", "tau = math:tau [extra]")
    assert THINGS.load("tau") == pytest.approx(6.2831853)


def test_an_attribute_of_an_attribute_is_found() -> None:
    assert THINGS.load("pathlib:Path.cwd") == Path.cwd


def test_two_owners_of_a_name_are_both_named(site: Site) -> None:
    site.package("first", "tau = math:tau")
    site.package("second", "tau = cmath:tau")
    with pytest.raises(PluginError) as error:
        THINGS.load("tau")
    assert str(error.value) == (
        "thing 'tau' is offered by 2 packages: first 1.0 (math:tau), second 1.0 (cmath:tau); "
        "uninstall one, or name it directly as math:tau"
    )
    assert {offer.owner for offer in THINGS.offers() if offer.name == "tau"} == {
        "first 1.0",
        "second 1.0",
    }


def test_the_same_package_seen_twice_is_one_owner(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.package("maths", "tau = math:tau")
    monkeypatch.syspath_prepend(f"{tmp_path}/../{tmp_path.name}")
    assert THINGS.load("tau") == pytest.approx(6.2831853)


def test_a_built_in_name_cannot_be_taken_over(site: Site) -> None:
    site.package("rival", "pi = math:e")
    with pytest.warns(PluginWarning, match=r"'pi' is built in; rival 1.0 offers .* as math:e"):
        assert THINGS.load("pi") == pytest.approx(3.14159265)
    assert [offer.owner for offer in THINGS.offers()] == [OURS, "rival 1.0"]


def test_an_unknown_name_gets_the_nearest_known_one(site: Site) -> None:
    site.package("maths", "tau = math:tau")
    with pytest.raises(PluginError, match=r"^unknown thing 'taau'; did you mean 'tau'\?$"):
        THINGS.load("taau")
    with pytest.raises(PluginError, match=r"^unknown thing 'xyz'; known: pi, tau$"):
        THINGS.load("xyz")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_module:Thing", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("math:no_such", "AttributeError: module 'math' has no attribute 'no_such'"),
        ("math:", "ImportError: a plug-in is named as module:Attr"),
        (":pi", "ImportError: a plug-in is named as module:Attr"),
    ],
)
def test_a_target_that_cannot_be_imported_says_why(target: str, reason: str) -> None:
    with pytest.raises(PluginError) as error:
        THINGS.load(target)
    assert str(error.value) == f"thing '{target}' cannot be loaded: {reason}"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('first\\nsecond')", "RuntimeError: first"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyError", "KeyError"),
        ("this is no Python", "SyntaxError: invalid syntax"),
        ("from nas.errors import SpecError\nraise SpecError('bad')", "SpecError: bad"),
    ],
)
def test_a_module_that_fails_names_its_package_in_one_line(
    source: str, reason: str, site: Site
) -> None:
    (site.folder / "falls.py").write_text(source)
    site.package("falls", "falls = falls:Thing")
    with pytest.raises(PluginError) as error:
        THINGS.load("falls")
    message = str(error.value)
    assert message.startswith(
        f"thing 'falls' of falls 1.0 cannot be loaded from falls:Thing: {reason}"
    )
    assert "\n" not in message
    assert THINGS.load("pi")
    sys.modules.pop("falls", None)


def test_malformed_metadata_hides_only_its_own_package(site: Site) -> None:
    site.package("malformed", "this line has no equals sign")
    site.package("maths", "tau = math:tau")
    assert [offer.name for offer in THINGS.offers()] == ["pi", "tau"]


def test_a_package_without_metadata_is_still_listed(site: Site) -> None:
    site.package("maths", "tau = math:tau")
    (site.folder / "maths-1.0.dist-info" / "METADATA").unlink()
    [offer] = [offer for offer in THINGS.offers() if offer.name == "tau"]
    assert offer.owner == f"unknown package in {site.folder}"
    assert THINGS.load("tau") == pytest.approx(6.2831853)


def test_a_file_in_the_working_directory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The installed command `nas` does not have the working directory on its path.
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != ""])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_things.py").write_text("THING = 7\n")
    assert THINGS.load("my_things:THING") == 7
    assert sys.path[-1] == str(tmp_path)
