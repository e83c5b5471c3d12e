# Each target sets up what it needs: `make demo` and `make test` are all that a new machine has to be told.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The demo needs none of the other frameworks, nor what checks the code.
RUNNABLE := $(VENV)/.runnable
CONSTRAINTS := .ci/constraints.txt

.PHONY: demo test image-test bench corpus reproductions lint format stubs runbooks manifests constraints

demo: $(RUNNABLE)
	$(BIN)/paramedic demo

test: $(READY)
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile

# Builds the images and runs them: minutes, and root.
image-test: $(READY)
	tests/image/install-tools
	$(BIN)/python -m pytest -s -m image tests/image

bench: $(READY)
	$(BIN)/python tests/benchmarks/all.py

# How well the rules diagnose the recorded trainings; rewrites the table in README.md.
corpus: $(READY)
	cd tests && ../$(BIN)/python -m corpus.report --readme

# How many of the recorded faults come back when they are trained again, and find a remedy; trains what it has to.
reproductions: $(READY)
	cd tests && ../$(BIN)/python -m corpus.reproduce

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint proto
	$(BIN)/buf format --diff --exit-code proto
	.ci/stubs --check
	$(BIN)/python .ci/runbooks --check
	$(BIN)/python deploy/grafana/build.py --check
	$(BIN)/hadolint Dockerfile
	$(BIN)/python .ci/manifests --check
	$(BIN)/kubernetes-validate --strict --quiet --no-warn -k 1.29 deploy/kubernetes/*.yaml

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write proto

# Regenerates client/paramedic/v1 from proto/.
stubs:
	.ci/stubs

# Regenerates deploy/runbooks from the rules and deploy/runbooks/notes.
runbooks: $(READY)
	$(BIN)/python .ci/runbooks

# Regenerates deploy/kubernetes from deploy/helm, and the names of settings in its schema.
manifests: $(READY)
	$(BIN)/python .ci/manifests

# Writes down the versions that are installed now, after trying newer ones by hand.
constraints: $(READY)
	$(BIN)/pip list --format=freeze --exclude-editable | grep -vE '^(pip|setuptools|wheel)==' | sed 's,+.*,,' > $(CONSTRAINTS)

INSTALL = test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable

$(RUNNABLE): pyproject.toml $(CONSTRAINTS)
	$(INSTALL) '.[service,reproduction]'
	touch $@

$(READY): pyproject.toml $(CONSTRAINTS)
	$(INSTALL) '.[service,reproduction,tensorflow1,ray,torch,lightning,huggingface,jax,import,dev]'
	touch $@ $(RUNNABLE)
