# make demo   creates .venv, installs refbench, scores a real pair, then runs the main job on the bundled sample
# make test   adds the test tools to the same .venv and runs the tests (8 minutes on two cores)
# make test-slow   the other tests: real clusters, kills, full disks, tutorials (as long again)
# make docs   adds mkdocs to the same .venv and builds the documentation into site/
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# torch and torchvision must be of one release pair; the tests are made with this one
PINS := tests/constraints.txt

.PHONY: demo test test-slow docs lint types bench gpu-check gate gate-run gate-update clean

demo: $(VENV)/.core
	$(BIN)/refbench run method=datsr suite=stereo
	$(BIN)/refbench run method=datsr suite=cufed5_jitter

# two processes of one thread each beat one process of two
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile
test: $(VENV)/.dev
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/.dev
	$(PYTEST) -m slow

# any warning is an error: a broken link, an unknown anchor, a page outside the navigation
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# from an installed copy: mypy does not read methods/ datasets/ reports/ through the editable mapping;
# tools/docs_*.py are checked, too, and import what builds the documentation
types: $(VENV)/.dev $(VENV)/.docs
	$(BIN)/python tests/types_of_installed.py

bench: $(VENV)/.dev
	mkdir -p .benchmarks
	$(BIN)/pytest tests/benchmarks --benchmark-only --benchmark-disable-gc --benchmark-json=.benchmarks/last.json
	$(BIN)/python tests/benchmarks/ratios.py .benchmarks/last.json

# all about CUDA on one card in a few minutes; exit code 5 without one (docs/performance.md)
gpu-check: $(VENV)/.core
	$(BIN)/python tools/gpu_check.py

# have the numbers of bicubic and the three compact methods changed? (docs/gate.md)
GATE := out=results/gate
gate-run: $(VENV)/.core
	$(BIN)/refbench run -m method=bicubic,datsr,c2_matching,ttsr suite=cufed5 device=cpu images=none tracking=none $(GATE) --plain

gate: gate-run
	$(BIN)/refbench check baseline=baselines/cufed5-sample.json $(GATE) junit=results/gate/junit.xml markdown=results/gate/summary.md

gate-update: gate-run
	$(BIN)/refbench check baseline=baselines/cufed5-sample.json $(GATE) --update

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("refbench needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml setup.py $(PINS) | $(VENV)/bin/python
	$(PIP) install -q -c $(PINS) -e '.[stlpips]'
	touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) install -q -c $(PINS) -e '.[stlpips,dev]'
	touch $@

$(VENV)/.docs: $(VENV)/.core
	$(PIP) install -q -c $(PINS) -e '.[stlpips,docs]'
	touch $@

clean:
	rm -rf site
	rm -rf $(VENV) build dist *.egg-info .benchmarks .pytest_cache .mypy_cache .ruff_cache .hypothesis
