# make nightly: the nightly plan on the virtual bench.   make test: the rig's own tests.
# Both make a virtual environment first; that takes a minute once, and no time afterwards.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: nightly smoke test lint types contract benchmarks clean

nightly: $(STAMP)
	$(BIN)/rig run testplans/nightly.yaml --alluredir out/allure-results --clean-alluredir

smoke: $(STAMP)
	$(BIN)/rig run testplans/smoke.yaml

test: $(STAMP)
	@$(BIN)/pytest tests --junitxml=out/test-report/junit.xml; code=$$?; \
	echo "report:   out/test-report/junit.xml"; exit $$code

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

contract: $(STAMP)
	$(BIN)/lint-imports --no-cache

$(STAMP): pyproject.toml constraints.txt
	@echo "Making the virtual environment .venv (once; about a minute) ..."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]" -c constraints.txt
	@touch $(STAMP)

clean:
	rm -rf .venv out
