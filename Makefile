# Every target installs what it needs; only Python 3.11 (or newer) is required.
# Packages are installed by uv if it is available, and the strict engine dynoxide if npm is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
BENCH := .venv-bench
DYNOXIDE_VERSION := 1.2.1

PYTEST := pytest -q -n auto --dist loadfile --no-loadscope-reorder

PORT ?= 8080
ENGINE ?= auto
DATA ?=
DIST ?= dist
CATALOG_DATA ?= $(DATA)
ifneq ($(CATALOG_DATA),)
export CATALOG_DATA
else
unexport CATALOG_DATA
endif

# Makes the environment, installs packages and gets dynoxide, and says what it is doing.
SETUP := $(BIN)/python -IS deploy/environment.py
GET_ENGINE = $(SETUP) engine $(DYNOXIDE_VERSION) \
    $(if $(filter auto,$(ENGINE)),--unless $(VENV)/.local,--required)

# Each worker and program of the tests would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-all oldest soak check lint types imports docs bench scale fuzz image pins dist engine clean help

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# moto is installed only where dynoxide cannot be had, or where it is asked for.
run: $(VENV)/.made  ## serve the example application on 127.0.0.1:8080 (PORT=, ENGINE=, DATA=)
	@$(SETUP) check --engine "$(ENGINE)" --port "$(PORT)"
	@needed=.app; \
	if [ "$(ENGINE)" = moto ]; then needed=.local; \
	elif ! $(GET_ENGINE); then [ "$(ENGINE)" = auto ] || exit 1; needed=.local; fi; \
	$(MAKE) --silent $(VENV)/$$needed
	@exec $(BIN)/python examples/netflix_movie_catalog/run.py --with-parent \
	    --port $(PORT) --engine $(ENGINE) $(if $(DATA),--data "$(DATA)")

test: $(VENV)/.dev engine  ## run the tests that take minutes (CATALOG_DATA= runs them on the real files)
	@HYPOTHESIS_PROFILE=$(or $(HYPOTHESIS_PROFILE),quick) $(BIN)/python -m $(PYTEST) -m "not slow"

test-all: $(VENV)/.dev engine
	@$(BIN)/python -m $(PYTEST) -m "not soak"

oldest: $(VENV)/.dev engine  ## run the tests on the oldest supported dependencies, in a separate environment
	@$(BIN)/uv venv --quiet --clear --seed --python $(BIN)/python $(OLDEST)
	@$(BIN)/uv pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct \
	    -e '.[aio,cli,local,flask,otel,fast,cache]' --group test --group lint --group package
	@$(OLDEST)/bin/python -m $(PYTEST) -m "not soak"

soak: $(VENV)/.dev engine  ## test the laws under faults, concurrent callers and kills; slow (OPERATIONS=, SEED=)
	@HYPOTHESIS_PROFILE=$(or $(HYPOTHESIS_PROFILE),full) $(BIN)/python -m $(PYTEST) -m "soak or other_engine"
	@$(BIN)/python tests/support/soak.py --operations $(or $(OPERATIONS),200000) --seed $(or $(SEED),0)

check: lint types imports docs test-all  ## run all checks of CI, all tests included

lint: $(VENV)/.dev  ## check style, formatting and prose
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m docs.prose

types: $(VENV)/.dev  ## run mypy --strict
	@$(BIN)/mypy

imports: $(VENV)/.dev  ## check that imports point one way
	@$(BIN)/lint-imports --no-cache

docs: $(VENV)/.dev  ## check that generated tables are up to date
	@$(BIN)/python -m docs.generate --check

bench: $(BENCH)/.made engine  ## compare the CPU with other clients', and write docs/performance.md (SECONDS= a task, DATA=)
	@$(BENCH)/bin/python -m bench $(if $(SECONDS),--seconds $(SECONDS)) $(if $(DATA),--data "$(DATA)")
	@$(BENCH)/bin/python -m bench.parts $(if $(DATA),--data "$(DATA)")
	@$(BENCH)/bin/python -m bench.application $(if $(ORIGINAL),--original "$(ORIGINAL)") $(if $(DATA),--data "$(DATA)")

scale: $(VENV)/.scale engine  ## measure all access patterns on growing catalogues, for docs/scaling.md (SIZES=)
	@$(BIN)/python -m docs.scale .data/scale $(SIZES)

fuzz: $(VENV)/.local  ## fuzz all parsers, guided by coverage (SECONDS= for each target)
	@$(BIN)/python -c 'import atheris' 2>/dev/null \
	    || $(BIN)/pip install --quiet --disable-pip-version-check atheris >/dev/null 2>&1 || true
	@$(BIN)/python -m fuzz --seconds $(or $(SECONDS),60)

image:  ## build the images with docker, podman or buildah (TARGETS=, VERSION=, BASE=, PIP_CONF=)
	@deploy/build_image.sh

pins: $(VENV)/.made  ## update the images' pinned dependencies, deploy/requirements
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	@PATH="$(CURDIR)/$(BIN):$$PATH" deploy/pin.sh

# The SBOM describes an environment with the users' dependencies only.
dist: $(VENV)/.dev  ## build a release: wheel, source, SBOM and checksums, in dist/
	@rm -rf "$(DIST)"
	@$(BIN)/python -m build --no-isolation --outdir "$(DIST)" . >/dev/null
	@$(BIN)/twine check --strict "$(DIST)"/*
	@$(PYTHON) -m venv --without-pip "$(DIST)/users"
	@$(BIN)/pip --python "$(DIST)/users/bin/python" install --quiet --disable-pip-version-check \
	    "$$(ls "$(DIST)"/*.whl)[aio,cli,flask,otel,fast,cache]"
	@version=$$(ls "$(DIST)"/*.whl | sed -E 's/.*-([^-]+)-py3-none-any.whl/\1/'); \
	    sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml > "$(DIST)/pyproject.toml"; \
	    $(BIN)/cyclonedx-py environment --pyproject "$(DIST)/pyproject.toml" --mc-type library \
	        --output-reproducible --output-file "$(DIST)/catalog_model-$$version.cdx.json" \
	        "$(DIST)/users/bin/python"
	@rm -rf "$(DIST)/users" "$(DIST)/pyproject.toml"
	@cd "$(DIST)" && sums=$$(sha256sum * || shasum -a 256 *) && echo "$$sums" > SHA256SUMS && cat SHA256SUMS

engine: $(VENV)/.made  ## install dynoxide, the strict engine, with npm
	@$(SETUP) engine $(DYNOXIDE_VERSION) || [ $$? -eq 1 ]

$(VENV)/.made:
	@command -v "$(PYTHON)" >/dev/null 2>&1 \
	    || { echo "There is no $(PYTHON): name a Python as in PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "$(PYTHON) is older than Python 3.11: name a newer one as in PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -IS deploy/environment.py create $(VENV)
	@touch $@

$(VENV)/.app: $(VENV)/.made pyproject.toml
	@echo "Installing what the application needs ..."
	@$(SETUP) install --extras cli fast flask
	@touch $@

$(VENV)/.local: $(VENV)/.made pyproject.toml
	@echo "Installing what the application and moto need ..."
	@$(SETUP) install --extras cli fast flask local
	@touch $(VENV)/.app $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	@echo "Installing what the tests need ..."
	@$(SETUP) install --extras aio cache cli fast flask local otel --groups lint package test
	@touch $(VENV)/.app $(VENV)/.local $@

$(VENV)/.scale: $(VENV)/.dev
	@$(SETUP) install --groups scale
	@touch $@

# Other packages would change botocore's transport or signer, so none but these are installed.
$(BENCH)/.made: pyproject.toml
	@"$(PYTHON)" -IS deploy/environment.py create $(BENCH)
	@echo "Installing the clients to compare with ..."
	@$(BENCH)/bin/python -IS deploy/environment.py install --extras aio fast flask --groups bench
	@touch $@

clean:  ## remove everything that was made
	@rm -rf $(VENV) $(OLDEST) $(BENCH) .engine .data .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
