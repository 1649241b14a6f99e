# make demo        the whole job on a dataset generated on the spot
# make demo-quick  the same with half of the images and of the steps: under two minutes
# make demo-slide  from annotated slides to objects for QuPath on slides made on the spot: under five minutes
# make ablation    which parts help, shown on that dataset; measured on real data where DRIFT_REAL_DATA names some
# make test        all default tests
# make test-long   the tests that take several seconds each; continuous integration runs both
# make docs       the documentation as pages in site/; fails for broken links and undocumented public names
# make package    wheel and sdist in dist/, checked
# make coverage    both, counting the lines that run; fails below the floor in pyproject.toml
# make test-lowest  both at the lowest versions of all dependencies
# make test-clients  other people's programs, as released, with nnU-Net and with ours
# They first install everything into .venv, at the versions pinned in requirements.txt and pyproject.toml.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Tests start hundreds of programs: none should compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo docs docs-pictures package demo-quick demo-slide ablation test coverage test-long test-lowest install install-dev oracle lint types test-slow test-clients test-gpu
.PHONY: benchmarks clean

help:
	@sed -n 's/^# make/make/p' Makefile

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml setup.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -e ".[dev,dev-fast,dev-slides,dev-models,dev-notebooks,package]"
	mkdir -p .typecheck && ln -sfn ../s2s3 .typecheck/nnunetv2
	touch $@

# The released nnU-Net that the differential tests run beside ours.
.oracle/.installed: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-deps --target .oracle nnunetv2==2.8.1
	touch $@

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev
oracle: .oracle/.installed

demo: install
	$(BIN)/python -m sample_data.demo

demo-quick: install
	$(BIN)/python -m sample_data.demo --quick

demo-slide: install
	$(BIN)/python -m sample_data.demo_slide

# ARGS are options of `drift ablate`.
ablation: install
	$(BIN)/python -m sample_data.ablation $(ARGS)

$(VENV)/.installed-docs: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	touch $@

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# Needs Chromium, and the fonts Liberation and DejaVu for the same looks; runs the tutorial, which takes minutes.
docs-pictures: install-dev
	$(BIN)/python -m docs_site.tutorial_pictures

package: install-dev
	rm -rf dist build
	$(BIN)/python -m build --quiet
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist worksteal

test: install-dev oracle
	$(PYTEST) -m "not long and not slow and not gpu and not real"

test-long: install-dev oracle
	$(PYTEST) -m "long and not slow and not gpu and not real"

# Python 3.12 and later count lines at little cost; earlier ones slow the tests down.
coverage: install-dev oracle
	COVERAGE_CORE=$$($(BIN)/python -c "import sys; print('sysmon' if sys.version_info >= (3, 12) else 'ctrace')") \
	$(PYTEST) -m "not slow and not gpu and not real" --cov --cov-report=term

test-slow: install-dev oracle
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "slow or real"

# The default and the long tests at the lowest versions that pyproject.toml allows, whose own warnings are no errors here. monai asks
# for a newer torch than the few functions need that the tests call, so it is installed without what it asks for.
LOWEST := .venv-lowest
$(LOWEST)/.installed: pyproject.toml setup.py | $(VENV)/.installed-dev
	$(PYTHON) -m venv $(LOWEST)
	$(BIN)/python -m tests.packaging.lowest_versions > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip install --quiet -r $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip install --quiet --no-deps -e .
	$(BIN)/python -m tests.packaging.lowest_versions tools > $(LOWEST)/tools.txt
	grep -v monai $(LOWEST)/tools.txt > $(LOWEST)/usual_tools.txt
	$(LOWEST)/bin/python -m pip install --quiet -c $(LOWEST)/lowest.txt -r $(LOWEST)/usual_tools.txt "setuptools>=77"
	$(LOWEST)/bin/python -m pip install --quiet --no-deps -r $(LOWEST)/tools.txt
	touch $@

test-lowest: $(LOWEST)/.installed oracle
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -o filterwarnings=default -n 3 --dist worksteal -m "not slow and not gpu and not real"

# Programs that build on nnU-Net, without what they ask for, so that none decides which nnunetv2 is used.
.clients/.installed: tests/compat/clients/requirements.txt | $(BIN)/python
	rm -rf .clients
	$(BIN)/python -m pip install --quiet --no-deps --target .clients -r tests/compat/clients/requirements.txt
	touch $@

test-clients: install-dev oracle .clients/.installed
	$(BIN)/python -m pytest -m slow tests/compat/clients

test-gpu: install-dev
	$(BIN)/python -m pytest -m gpu

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev
	$(BIN)/mypy

benchmarks: install-dev oracle
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

clean:
	rm -rf $(VENV) $(LOWEST) .oracle .clients .demo .ablation site build dist *.egg-info
