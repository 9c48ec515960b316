"""What run.json holds: no password; and settings that older runs lack have their defaults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nas.errors import RunError
from nas.runs.records import choose_folder, command_line, open_run, read_run, study_name
from nas.searching.config import SearchConfig
from nas.shared.database_url import hides_password, shown_url, without_password

URL = "postgresql://me:secret@host/db"


def test_a_password_is_not_recorded_and_the_command_goes_on_with_it(tmp_path: Path) -> None:
    config = SearchConfig(400_000_000, storage=URL)
    command = command_line(["search", "--storage", URL, "-t", "400M"])
    folder = tmp_path / "mine"
    run = open_run(folder, config, command)
    assert run.config.storage == URL
    text = (folder / "run.json").read_text()
    assert "secret" not in text
    assert json.loads(text)["config"]["storage"] == "postgresql://me:***@host/db"
    assert read_run(folder).config.difference(config) is None
    written = (folder / "run.json").stat().st_mtime_ns
    again = open_run(folder, config, "another command")
    assert again.config.storage == URL
    assert again.command == command.replace("secret", "***")
    assert (folder / "run.json").stat().st_mtime_ns == written
    assert choose_folder(config, "400.0M", runs=tmp_path) == folder


def test_a_url_without_its_password_is_known_as_such() -> None:
    query = "postgresql://host/db?user=me&password=secret&x=1"
    assert shown_url(query) == "postgresql://host/db?user=me&password=***&x=1"
    for url in (URL, query):
        assert not hides_password(url)
        assert hides_password(shown_url(url))
        assert "***" not in without_password(shown_url(url))
    assert without_password(shown_url(URL)) == "postgresql://me@host/db"
    assert without_password(URL) == URL


def test_a_run_from_before_these_settings_goes_on_with_its_own_study() -> None:
    config = SearchConfig(400_000_000)
    content = config.to_dict()
    for later in ("data", "evaluator_options", "pruner"):
        del content[later]
    assert SearchConfig.from_dict(content) == config
    # As `nas search -t 400M` named its study before there were evaluators that train.
    assert study_name(config) == "nas-mbconv-400000000-439687a0"


def test_options_of_the_evaluator_are_part_of_what_must_stay(tmp_path: Path) -> None:
    options = (("device", "cpu"), ("epochs", 5))
    config = SearchConfig(400_000_000, evaluator="train", data="d", evaluator_options=options)
    open_run(tmp_path, config, "nas search")
    assert read_run(tmp_path).config == config
    elsewhere = (("device", "cuda"), ("epochs", 5))
    moved = SearchConfig(400_000_000, evaluator="train", data="d", evaluator_options=elsewhere)
    assert config.difference(moved) is None
    assert study_name(config) == study_name(moved)
    longer = SearchConfig(
        400_000_000, evaluator="train", data="e", evaluator_options=(("epochs", 9),)
    )
    with pytest.raises(RunError, match="data d -> e, option epochs 5 -> 9"):
        open_run(tmp_path, longer, "nas search")
