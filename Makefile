# make lab    sets up, copies chapters and labs into work/, opens JupyterLab there
# make test   sets up what contributors need too, then runs all that continuous integration runs
# make test PATHS="tests/unit/metrics notebooks/01_ad_click_prediction"   runs a part of it
#
# PYTHON=python3.12 names the Python that makes .venv; any from 3.11 on does.

IS_NEW_ENOUGH := "import sys; sys.exit(sys.version_info < (3, 11))"
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11 python,\
	$(if $(shell $(p) -c $(IS_NEW_ENOUGH) 2>/dev/null && echo yes),$(p))))
BIN := .venv/bin
# What was installed last: a reader's packages, and those of contributors and graders beside them.
STAMP := .venv/installed-from
DEV_STAMP := .venv/installed-dev-from

# Checkouts have arbitrary file times, so contents and place decide whether to install again.
FINGERPRINT := cat pyproject.toml constraints.txt | cksum; pwd
PYTHON_RUNS := $(BIN)/python -c "" 2>/dev/null
installed = $(shell $(PYTHON_RUNS) && \
	test "$$($(FINGERPRINT))" = "$$(cat $(1) 2>/dev/null)" && echo yes)
INSTALLED := $(call installed,$(STAMP))
DEV_INSTALLED := $(and $(INSTALLED),$(call installed,$(DEV_STAMP)))
# The programs of an environment know its place: one that was moved has to be made again.
VENV_STANDS = $(shell $(PYTHON_RUNS) && \
	test "$$(tail -n 1 $(STAMP) 2>/dev/null || pwd)" = "$$(pwd)" && echo yes)

MAKE_VENV = rm -rf .venv && $(PYTHON) -m venv .venv &&
PIP_INSTALL = $(BIN)/python -m pip install --disable-pip-version-check \
	--constraint constraints.txt --editable
INSTALL = $(if $(VENV_STANDS),,$(MAKE_VENV)) \
	echo "Installing the course into .venv: a few minutes the first time, about 2 GB." && \
	$(PIP_INSTALL) . && $(BIN)/mlsd doctor && ($(FINGERPRINT)) > $(STAMP)
# All of the reader's packages are among them, so both stamps are good then.
INSTALL_DEV = $(if $(VENV_STANDS),,$(MAKE_VENV)) \
	echo "Installing the course and what its tests need into .venv: a few minutes." && \
	$(PIP_INSTALL) ".[dev]" && $(BIN)/mlsd doctor && \
	($(FINGERPRINT)) > $(STAMP) && ($(FINGERPRINT)) > $(DEV_STAMP)

NEEDS_PYTHON = Python 3.11 or newer is needed: install it, or name it: make setup PYTHON=...
NEEDS_VENV = $(PYTHON) lacks venv: install it (Debian, Ubuntu: apt install python3-venv)
HAS_PYTHON = $(and $(PYTHON),$(shell $(PYTHON) -c $(IS_NEW_ENOUGH) 2>/dev/null && echo yes))
HAS_VENV = $(shell $(PYTHON) -c "import venv, ensurepip" 2>/dev/null && echo yes)
REQUIRE_PYTHON = $(if $(HAS_PYTHON),$(if $(HAS_VENV),,$(error $(NEEDS_VENV))),$(error $(NEEDS_PYTHON)))

NOTEBOOKS := $(filter %.ipynb notebooks% solutions% labs/0% source%,$(PATHS))
CODE := $(filter-out $(NOTEBOOKS),$(PATHS))

# No time fails the tests; `mlsd course budget` reads what they cost.
RECORD_COSTS := -p mlsd.course.costs --mlsd-costs build/costs/tests.json

# Idle threads of several OpenMP runtimes have to sleep; each of two workers has one thread.
export OMP_WAIT_POLICY := PASSIVE
test: export OMP_NUM_THREADS := 1
test: export OPENBLAS_NUM_THREADS := 1
test: export MKL_NUM_THREADS := 1
test: export MPLBACKEND := agg

.PHONY: setup setup-dev lab test lint format lock build check stats clean
.DEFAULT_GOAL := lab

setup:
	$(if $(INSTALLED),,$(if $(VENV_STANDS),,$(REQUIRE_PYTHON)))
	@$(if $(INSTALLED),:,$(INSTALL))

setup-dev:
	$(if $(DEV_INSTALLED),,$(if $(VENV_STANDS),,$(REQUIRE_PYTHON)))
	@$(if $(DEV_INSTALLED),:,$(INSTALL_DEV))

lab: setup
	$(BIN)/mlsd lab

ifdef PATHS
test: setup-dev
	$(if $(CODE),$(BIN)/python -m pytest $(CODE))
	$(if $(NOTEBOOKS),$(BIN)/mlsd course test $(NOTEBOOKS))
else
test: lint check
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder \
		$(RECORD_COSTS)
	$(BIN)/mlsd course test
endif

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/lint-imports --no-cache

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: setup-dev
	$(BIN)/mlsd course check

stats: setup-dev
	$(BIN)/mlsd course stats

build: setup-dev
	$(BIN)/mlsd course build
	$(BIN)/mlsd course readme

# Writes what is installed here to constraints.txt: upgrade, let `make test` pass, then lock.
lock: setup-dev
	$(BIN)/python -m mlsd.runtime.lock

# Caches alone: neither the reader's work/ nor .venv.
clean:
	rm -rf build .pytest_cache .ruff_cache .hypothesis
	find . -name .venv -prune -o -type d -name __pycache__ -exec rm -rf {} +
