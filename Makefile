# Two commands do everything on a fresh machine with Python >= 3.11, git and make:
#   make demo    the main job: search for a network at 400M FLOPs
#   make test    the tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow lint format types packaging plugins benchmarks docs check clean

demo: $(VENV)/.installed
	$(BIN)/nas search --target-flops 400M

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# search_spaces/ and scaling/ are checked where they are installed: inside the package.
types: $(VENV)/.installed-dev
	rm -rf build/types && mkdir -p build/types
	cp -R nas build/types/ && cp -R search_spaces scaling build/types/nas/
	cp -R benchmarks tools build/types/
	cd build/types && $(abspath $(BIN))/mypy --config-file ../../pyproject.toml nas benchmarks tools

packaging: $(VENV)/.installed-dev
	$(BIN)/python tests/packaging/check.py

plugins: $(VENV)/.installed-dev
	bash tests/plugins/run.sh $(abspath $(BIN))/python

# The site, in build/site; a broken link or anchor stops it. To look: python -m http.server -d build/site
docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

check: lint types test packaging plugins docs

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24"

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@ $(VENV)/.installed
