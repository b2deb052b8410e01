# `make` lists the targets. Each does its own set-up, and is fast the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# By default BentoML sends usage reports to its makers.
export BENTOML_DO_NOT_TRACK ?= True

.DEFAULT_GOAL := help
.PHONY: help serve train test bench loadtest soak image docker-test lint audit format proto settings lock bento clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

serve: $(VENV)/.serve ## Serve the models: HTTP on port 3000, gRPC on 3001
	$(BIN)/bentoml serve service:Trident

train: $(VENV)/.dev ## Train, evaluate and export all models, after saying how long each takes (ARGS=--replace, "--output FOLDER", --quick: a smoke run)
	$(BIN)/python -m training all $(ARGS)

test: $(VENV)/.dev ## Run every test except those of the Docker images (docker-test)
	$(BIN)/pytest $(ARGS)

bench: $(VENV)/.dev ## Measure Trident beside stock BentoML (ARGS="--quick" for a smoke run)
	$(BIN)/python -m loadtests.bench $(ARGS)

loadtest: $(VENV)/.dev ## Load a server as clients do, for DURATION: its own, or HOST=http://... (GRPC_HOST=host:port)
	$(BIN)/python -m loadtests.run_locust --users $(USERS) --spawn-rate $(SPAWN_RATE) --duration $(DURATION) \
		$(if $(HOST),--host $(HOST)) $(if $(GRPC_HOST),--grpc-host $(GRPC_HOST)) $(ARGS)

soak: $(VENV)/.dev ## Keep good and hostile traffic on a server for MINUTES, and see whether anything grows
	$(BIN)/pytest -m soak
	$(BIN)/python -m loadtests.soak --minutes $(MINUTES) $(ARGS)

MINUTES := 10
USERS := 100
SPAWN_RATE := 20
DURATION := 60s

image: ## Build the service's Docker image (TARGET=gpu, TARGET=loadtest for the others)
	docker build -f docker/Dockerfile --target $(TARGET) -t $(IMAGE) \
		--label org.opencontainers.image.revision=$$(git rev-parse HEAD) .

TARGET := cpu
IMAGE = trident$(patsubst -cpu,,-$(TARGET))

docker-test: $(VENV)/.dev ## Build the images and try the whole deployment (needs Docker)
	$(BIN)/pytest -m docker tests/deployment $(ARGS)

lint: $(VENV)/.dev ## Check style, types and generated code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.check_stubs

audit: $(VENV)/.dev ## Check the pinned dependencies for vulnerabilities (2: not checked), and write build/sbom.json
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements requirements/serve.lock --output-reproducible -o build/sbom.json
	$(BIN)/python requirements/audit.py

format: $(VENV)/.dev ## Format the code and fix what can be fixed automatically
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

proto: $(VENV)/.dev ## Generate the gRPC stubs from service/api/trident/inference.proto
	$(BIN)/python -m grpc_tools.protoc -I . --python_out=. --pyi_out=. --grpc_python_out=. \
		service/api/trident/inference.proto

settings: $(VENV)/.dev ## Write docs/settings.md from service/settings.py
	$(BIN)/python -m service.settings_document > docs/settings.md

bento: $(VENV)/.serve ## Build a Bento, to be served anywhere by `bentoml serve trident:latest`
	$(BIN)/bentoml build

lock: $(VENV)/.dev ## Pin all dependencies again, from pyproject.toml
	$(COMPILE) pyproject.toml --extra cpu --extra training --group dev -o requirements/dev.lock
	$(COMPILE) pyproject.toml --extra cpu -c requirements/dev.lock -o requirements/serve.lock
	$(COMPILE) pyproject.toml --extra gpu -c requirements/dev.lock -o requirements/gpu.lock
	$(COMPILE) --group loadtest -c requirements/dev.lock -o requirements/loadtest.lock

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

clean: ## Remove the environment and everything that was built
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: requirements/serve.lock | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.dev: requirements/dev.lock | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@ $(VENV)/.serve
