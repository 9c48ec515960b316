from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.cli.main import main

TESTS = Path(__file__).resolve().parents[1]


def run_nas(*arguments: object) -> None:
    """`nas ARGUMENT...` in this process; it must succeed."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code in (0, None)


@pytest.fixture
def nas_here(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run `nas ARGUMENT...` in this process, with the toys of the tests."""
    monkeypatch.syspath_prepend(str(TESTS))
    return run_nas


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search with the predictor: 60 evaluations of a random search."""
    folder = tmp_path_factory.mktemp("searched") / "runs" / "one"
    run_nas(
        *("search", "-t", "400M", "--trials", 60, "--sampler", "random", "--out", folder),
        *("--max-params", "6M", "--quiet"),
    )
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search of a dozen evaluations."""
    folder = tmp_path_factory.mktemp("small") / "runs" / "small"
    run_nas("search", "-t", "400M", "--trials", 12, "--out", folder, "--quiet")
    return folder


@pytest.fixture(scope="session")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search by a toy of which some evaluations failed."""
    folder = tmp_path_factory.mktemp("failing") / "runs" / "failing"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TESTS))
        run_nas(
            *("search", "-t", "400M", "--evaluator", "toys:FailingSometimes", "--trials", 24),
            *("--sampler", "random", "--out", folder, "--quiet"),
        )
    return folder


@pytest.fixture(scope="session")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished scaling study of B0, by known curves of which depth saturates."""
    folder = tmp_path_factory.mktemp("studied") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TESTS))
        run_nas(
            *("study", "scaling", "--baseline", "efficientnet-b0", "--resolution", 64),
            *("--evaluator", "study_toys:Curved", "--seeds", 2, "--ratios", "1.5,2,4"),
            *("--dimensions", "depth,width", "--widths-at", "1,1 1,1.3"),
            *("--out", folder, "--quiet"),
        )
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """A Chromium of the system; where there is none, the tests of the page's looks are skipped."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no Chromium on PATH: nobody has looked at the report; install `chromium`")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"], timeout=240_000
        )
        yield opened
        opened.close()


@pytest.fixture
def looked_at(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a file, of a width in pixels; its page collects what goes wrong in `.complaints`."""
    contexts = []

    def look(path: Path, width: int = 1200) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900})
        context.set_default_timeout(240_000)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(f"script: {error}"))
        page.on("dialog", lambda dialog: page.complaints.append(f"dialog: {dialog.message}"))
        page.on("console", lambda message: page.complaints.append(f"console: {message.text}"))
        page.on("request", lambda asked: page.complaints.append(f"request: {asked.url}"))
        page.goto(path.resolve().as_uri())
        # The page itself is the only request.
        page.complaints.remove(f"request: {path.resolve().as_uri()}")
        return page

    yield look
    for context in contexts:
        context.close()


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a program of this environment; it is stopped at the end of the test."""
    processes = []

    def start(*arguments: object, **settings: Any) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment | settings.pop("environment", {}),
            **settings,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.terminate()
        process.wait(240)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def run(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a finished search, as runs/mine of the working folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(small, Path("runs/mine")))
