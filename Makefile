# Every target installs what it needs; only Python 3.11 (or newer) is required.
# If npm is available, the strict engine dynoxide is installed into .engine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
DYNOXIDE_VERSION := 1.2.1

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

.PHONY: run test oldest soak check lint types imports docs bench fuzz image pins dist engine clean help

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.app $(if $(filter moto,$(ENGINE)),,engine)  ## serve the example application on 127.0.0.1:8080 (PORT=, ENGINE=, DATA=)
	@$(BIN)/python examples/netflix_movie_catalog/run.py \
	    --port $(PORT) --engine $(ENGINE) $(if $(DATA),--data "$(DATA)")

test: $(VENV)/.dev engine  ## run the tests (CATALOG_DATA= runs them on the real files)
	@$(BIN)/python -m pytest -q -n auto --dist loadfile

oldest: $(VENV)/.dev engine  ## run the tests on the oldest supported dependencies, in a separate environment
	@$(BIN)/uv venv --quiet --clear --seed --python $(BIN)/python $(OLDEST)
	@$(BIN)/uv pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct \
	    -e '.[cli,local,flask,otel,fast]' --group test --group lint --group package
	@$(OLDEST)/bin/python -m pytest -q -n auto --dist loadfile

soak: $(VENV)/.dev engine  ## test the laws under faults, concurrent callers and kills; slow (OPERATIONS=, SEED=)
	@$(BIN)/python tests/soak.py --operations $(or $(OPERATIONS),200000) --seed $(or $(SEED),0)

check: lint types imports docs test  ## run all checks of CI

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

bench: $(VENV)/.dev engine  ## compare with a bare client, interleaved
	@$(BIN)/python bench/reads.py

fuzz: $(VENV)/.app  ## fuzz all parsers, guided by coverage (SECONDS= for each target)
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
	    "$$(ls "$(DIST)"/*.whl)[cli,flask,otel,fast]"
	@version=$$(ls "$(DIST)"/*.whl | sed -E 's/.*-([^-]+)-py3-none-any.whl/\1/'); \
	    sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml > "$(DIST)/pyproject.toml"; \
	    $(BIN)/cyclonedx-py environment --pyproject "$(DIST)/pyproject.toml" --mc-type library \
	        --output-reproducible --output-file "$(DIST)/catalog_model-$$version.cdx.json" \
	        "$(DIST)/users/bin/python"
	@rm -rf "$(DIST)/users" "$(DIST)/pyproject.toml"
	@cd "$(DIST)" && sums=$$(sha256sum * || shasum -a 256 *) && echo "$$sums" > SHA256SUMS && cat SHA256SUMS

engine: $(VENV)/.made  ## install dynoxide, the strict engine, with npm
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

clean:  ## remove everything that was made
	@rm -rf $(VENV) $(OLDEST) .engine .data .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
