# Every target installs what it needs into .venv, from requirements.lock.
PYTHON ?= python3
INSTALLED := .venv/installed
EPOCHS ?= 10
KNOWLEDGE ?= 0.8

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test lint eval report view dataset

demo: $(INSTALLED)  ## No key, no Docker: ten attempts at every variant by a solver that knows most choices.
	inspect eval inspect_task.py --epochs $(EPOCHS) --model mockllm/model --sandbox local --log-dir logs \
		--solver baselines/search.py@search -S knowledge=$(KNOWLEDGE) -S seed=1 --display plain
	python report.py logs
	@echo "Open the log in a browser: make view"

test: $(INSTALLED)  ## Those with Docker beside the others. Tests that need an engine skip, and say so, where none answers.
	@rm -rf test-results; mkdir test-results
	@pytest -m docker --junitxml=test-results/docker.xml > test-results/docker.log 2>&1 & docker=$$!; \
	pytest -m "not docker" --junitxml=test-results/others.xml; others=$$?; \
	echo "With Docker:"; wait $$docker; docker=$$?; cat test-results/docker.log; \
	exit $$((others || docker))

lint: $(INSTALLED)
	ruff format --check .
	ruff check .
	mypy
	mypy inspect_task.py build_dataset.py report.py rungs.py examples/train.py

eval: $(INSTALLED)  ## Ten attempts at every variant by claude-haiku-4-5, in Docker.
	@test -n "$$ANTHROPIC_API_KEY" || { echo "make eval: set ANTHROPIC_API_KEY to your key"; exit 2; }
	@docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1 \
		|| { echo "make eval: needs a running Docker Engine with Compose: start Docker"; exit 2; }
	inspect eval inspect_task.py --epochs $(EPOCHS) --log-dir logs
	python report.py logs

report: $(INSTALLED)  ## From the logs to the rung to train on, and why attempts failed.
	python report.py logs

view: $(INSTALLED)
	inspect view --log-dir logs

dataset: $(INSTALLED)  ## The four rows of dataset.jsonl, from their seed.
	python build_dataset.py --mixed --seed 1 --out dataset.jsonl

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 2; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-deps -r requirements.lock
	@touch $@
