# Every target makes what it needs; nothing but Python 3.11 (or newer) has to be there before.
# Where npm is there too, the strict engine dynoxide is installed into .engine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
DYNOXIDE_VERSION := 1.2.1

PYTEST := pytest -q -n auto --dist worksteal

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

PLATFORM = $(shell $(BIN)/python -c 'import platform, sys; \
    cpu = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}; \
    print(sys.platform + "-" + cpu.get(platform.machine().lower(), "unknown"))')

.PHONY: run test test-all oldest soak check lint types imports docs bench fuzz image pins dist engine clean help

help:  ## show what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.app $(if $(filter moto,$(ENGINE)),,engine)  ## serve the example application on 127.0.0.1:8080 (PORT=, ENGINE=, DATA=)
	@$(BIN)/python examples/netflix_movie_catalog/run.py \
	    --port $(PORT) --engine $(ENGINE) $(if $(DATA),--data "$(DATA)")

test: $(VENV)/.dev engine  ## run the tests that take minutes (CATALOG_DATA= runs them on the real files)
	@HYPOTHESIS_PROFILE=$(or $(HYPOTHESIS_PROFILE),quick) $(BIN)/python -m $(PYTEST) -m "not slow"

test-all: $(VENV)/.dev engine
	@$(BIN)/python -m $(PYTEST) -m "not soak"

oldest: $(VENV)/.dev engine  ## run the tests on the oldest dependencies that are allowed, in an environment of its own
	@$(BIN)/uv venv --quiet --clear --seed --python $(BIN)/python $(OLDEST)
	@$(BIN)/uv pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct \
	    -e '.[cli,local,flask,otel,fast]' --group test --group lint --group package
	@$(OLDEST)/bin/python -m $(PYTEST) -m "not soak"

soak: $(VENV)/.dev engine  ## hold the laws against faults, callers that meet, and kills; long (OPERATIONS=, SEED=)
	@$(BIN)/python -m $(PYTEST) -m soak
	@$(BIN)/python tests/soak.py --operations $(or $(OPERATIONS),200000) --seed $(or $(SEED),0)

check: lint types imports docs test-all  ## everything that CI checks, all tests among it

lint: $(VENV)/.dev  ## style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## mypy --strict
	@$(BIN)/mypy

imports: $(VENV)/.dev  ## imports point one way
	@$(BIN)/lint-imports --no-cache

docs: $(VENV)/.dev  ## generated tables are fresh
	@$(BIN)/python -m docs.generate --check

bench: $(VENV)/.dev engine  ## compare with a bare client, interleaved
	@$(BIN)/python bench/reads.py

fuzz: $(VENV)/.app  ## throw bytes at what reads them, guided by coverage (SECONDS= for each target)
	@$(BIN)/python -c 'import atheris' 2>/dev/null \
	    || $(BIN)/pip install --quiet --disable-pip-version-check atheris >/dev/null 2>&1 || true
	@$(BIN)/python -m fuzz --seconds $(or $(SECONDS),60)

image:  ## build the images with docker, podman or buildah (TARGETS=, VERSION=, BASE=, PIP_CONF=)
	@deploy/build_image.sh

pins: $(VENV)/.made  ## pin anew what the images install, deploy/requirements
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	@PATH="$(CURDIR)/$(BIN):$$PATH" deploy/pin.sh

# The environment of which the SBOM tells has what users install, and nothing of the developers.
dist: $(VENV)/.dev  ## build what is released: wheel, source, SBOM and checksums, in dist/
	@rm -rf "$(DIST)"
	@$(BIN)/python -m build --no-isolation --outdir "$(DIST)" . >/dev/null
	@$(BIN)/twine check --strict "$(DIST)"/*
	@$(PYTHON) -m venv --without-pip "$(DIST)/users"
	@$(BIN)/pip --python "$(DIST)/users/bin/python" install --quiet --disable-pip-version-check \
	    "$$(ls "$(DIST)"/*.whl)[cli,flask,otel,fast]"
	@version=$$(ls "$(DIST)"/*.whl | sed -E 's/.*-([^-]+)-py3-none-any.whl/\1/'); \
	    sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml > "$(DIST)/pyproject.toml"; \
	    $(BIN)/cyclonedx-py environment --pyproject "$(DIST)/pyproject.toml" --mc-type library \
	        --output-reproducible --output-file "$(DIST)/catalog_model-$$version.cdx.json" \
	        "$(DIST)/users/bin/python"
	@rm -rf "$(DIST)/users" "$(DIST)/pyproject.toml"
	@cd "$(DIST)" && sums=$$(sha256sum * || shasum -a 256 *) && echo "$$sums" > SHA256SUMS && cat SHA256SUMS

engine: $(VENV)/.made  ## get dynoxide, the strict engine, where npm can
	@if command -v npm >/dev/null 2>&1 && [ ! -d .engine/node_modules ]; then \
	    echo "Getting dynoxide, a strict engine ..."; \
	    npm install --silent --no-save --no-audit --no-fund --prefix .engine \
	        --fetch-retries 0 --fetch-timeout 20000 \
	        @dynoxide/$(PLATFORM)@$(DYNOXIDE_VERSION) >/dev/null 2>&1 \
	    || echo "npm cannot get dynoxide for $(PLATFORM): moto takes its place"; \
	fi

$(VENV)/.made:
	@command -v "$(PYTHON)" >/dev/null 2>&1 \
	    || { echo "There is no $(PYTHON): name a Python as in PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "$(PYTHON) is older than Python 3.11: name a newer one as in PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.app: $(VENV)/.made pyproject.toml
	@echo "Installing what the application needs ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[cli,local,flask]'
	@touch $@

$(VENV)/.dev: $(VENV)/.app pyproject.toml
	@echo "Installing what the tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/pip install --quiet --disable-pip-version-check \
	    -e '.[cli,local,flask,otel,fast]' --group test --group lint --group package
	@touch $@

clean:  ## remove what was made
	@rm -rf $(VENV) $(OLDEST) .engine .data .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
