# make nightly: the nightly plan on virtual benches, one a core.   make test: the rig's own tests.
# make mutants: does the nightly plan find firmware that is wrong?   make breakers: what breaks the rig?
# make peers: the rig's plugin beside other projects' pytest plugins, in an environment of their own.
# make benchmarks: how fast and how right is it, and are the docs' figures still printed like that?
# All make a virtual environment first; that takes a minute once, and no time afterwards.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
# Where it is set, each process compiles all of the rig anew, and the tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: nightly smoke mutants benchmarks breakers test peers lint types contract clean

nightly: $(STAMP)
	$(BIN)/rig run testplans/nightly.yaml -n auto --alluredir out/allure-results --clean-alluredir

smoke: $(STAMP)
	$(BIN)/rig run testplans/smoke.yaml

# A sample of the firmware variants, another one for each commit; MUTANTS=all for all of them.
mutants breakers: SEED = $(shell printf '%d' 0x$$(git rev-parse --short=6 HEAD 2>/dev/null || echo 1))
mutants: $(STAMP)
	$(BIN)/rig mutants testplans/nightly.yaml --seed $(SEED) $(if $(filter all,$(MUTANTS)),,--sample $(or $(MUTANTS),6))

# How fast and how right; whether the docs' figures are still printed in that form. Reduced, a minute in
# all; SIZE=full prints these figures, those of NAMES or all (hours).
benchmarks: $(STAMP)
	$(BIN)/python benchmarks/figures.py --size $(or $(SIZE),reduced) $(NAMES)

# Whatever in benchmarks/breakers can be run; SAMPLE=1 for some tries of each, others for each commit.
BREAKERS := $(shell grep -ls __main__ benchmarks/breakers/*.py)
.PHONY: breakers $(BREAKERS)
breakers: $(STAMP)  # a sample side by side: what is frozen waits for a deadline, and for nothing else
	@$(MAKE) --no-print-directory $(if $(SAMPLE),-j3 --output-sync=target) --keep-going SEED=$(SEED) $(BREAKERS)

$(BREAKERS): sample = $(or $(sample.$(basename $(@F))),10)
$(BREAKERS): $(STAMP)
	$(BIN)/python $@ --seed $(SEED) $(if $(SAMPLE),--tries $(sample))
sample.signals := 4
sample.deaths := 2
sample.disks := 2
sample.descriptions := 150
sample.dbcs := 40

# Two workers more than cores: a run of the rig waits half of its time, for its bench and its serial link.
test: WORKERS = $(shell $(BIN)/python -c "import os; print((os.cpu_count() or 1) + 2)")
test: $(STAMP)
	@$(BIN)/pytest tests -n $(WORKERS) --ignore tests/peers --dist worksteal --junitxml=out/test-report/junit.xml; code=$$?; \
	echo "report:   out/test-report/junit.xml"; exit $$code

peers: .venv-peers/.ready
	.venv-peers/bin/pytest tests/peers -p no:randomly -p no:rerunfailures -p no:flaky -p no:timeout

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 -p rig -p fixtures -p reports

contract: $(STAMP)
	$(BIN)/lint-imports --no-cache

$(STAMP): pyproject.toml constraints.txt
	@echo "Making the virtual environment .venv (once; about a minute) ..."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]" -c constraints.txt
	@touch $(STAMP)

.venv-peers/.ready: pyproject.toml constraints.txt constraints-peers.txt
	@echo "Making the virtual environment .venv-peers (once; about a minute) ..."
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -e . \
	  -r constraints-peers.txt -c constraints.txt
	@touch .venv-peers/.ready

clean:
	rm -rf .venv .venv-peers out
