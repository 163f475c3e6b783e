# Every target sets up .venv by itself; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

OUT ?= results
TRAIN_SIZE ?= 500
REPEATS ?= 1
MODELS ?= all
# More flags of benchmark.run, such as ARGS='--data my-pictures --jobs 4'.
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help bench test setup data perf gpu-check kill-test fuzz report demo lint clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables: OUT=$(OUT) TRAIN_SIZE=$(TRAIN_SIZE) REPEATS=$(REPEATS) MODELS=$(MODELS) ARGS='$(ARGS)'"

bench: $(READY) ## fit and score every model, write the leaderboard to OUT
	$(if $(findstring --data,$(ARGS)),,@$(BIN)/python -m datasets.fetch --if-possible)
	@$(BIN)/python -m benchmark.run --model '$(MODELS)' --protocol slides,fair \
		--train-size $(TRAIN_SIZE) --repeats $(REPEATS) --out '$(OUT)' $(ARGS)

test: $(READY) ## run the tests (with MUXSPACE_DIR set, on real pictures too)
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

setup: $(READY) ## make .venv and install what setup.cfg names

data: $(READY) ## get the muxspace pictures
	@$(BIN)/python -m datasets.fetch

perf: $(READY) ## measure speed beside plain ways of doing the same, write OUT/perf.md (an hour or two)
	@$(BIN)/python -m benchmark.perf --out '$(OUT)' $(ARGS)

gpu-check: $(READY) ## try everything that trains on the CUDA card that is here (two minutes)
	@$(BIN)/python -m benchmark.gpu_check $(ARGS)

kill-test: $(READY) ## disturb a small grid at 100 random moments and see what is left (ten minutes or more)
	@$(BIN)/python -m tests.kills $(ARGS)

fuzz: $(READY) ## hand made-up values and 20,000 damaged files to all that reads what strangers give (ten minutes or more)
	@EXAMPLES=many $(BIN)/python -m pytest -m property -n auto tests/test_properties.py
	@$(BIN)/python -m tests.fuzz $(ARGS)

report: $(READY) ## write tables, pictures and page of OUT again, without fitting
	@$(BIN)/python -m benchmark.report --out '$(OUT)'

demo: $(READY) ## try the models in OUT on your own pictures, on a page of this machine
	@$(BIN)/python -m benchmark.demo --out '$(OUT)' $(ARGS)

lint: $(READY) ## check style, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

clean: ## remove what was built and measured, but for results/reference
	rm -rf $(VENV) *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find results -mindepth 1 -maxdepth 1 ! -name reference -exec rm -rf {} +

$(READY): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than 3.11: name a newer one, make PYTHON=python3.12"; exit 2; }
	@echo "setting up $(VENV) (a few minutes, once)"
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "error: $(PYTHON) cannot make a virtual environment: install its venv package"; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
