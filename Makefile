# Every target installs what it needs into .venv, from requirements.lock.
PYTHON ?= python3
INSTALLED := .venv/installed
EPOCHS ?= 10
KNOWLEDGE ?= 0.8

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test lint lines eval report view dataset calibrate

demo: $(INSTALLED)  ## No key, no Docker: ten attempts at every variant by a solver that knows most choices.
	inspect eval inspect_task.py --epochs $(EPOCHS) --model none --sandbox local --log-dir logs \
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

lines: $(INSTALLED)  ## Lines of code of all that the task imports; too many are an error.
	python lines.py

eval: $(INSTALLED)  ## Ten attempts at every variant by claude-haiku-4-5, in Docker.
	@test -n "$$ANTHROPIC_API_KEY" || { echo "make eval: set ANTHROPIC_API_KEY to your key"; exit 2; }
	@docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1 \
		|| { echo "make eval: needs a running Docker Engine with Compose: start Docker"; exit 2; }
	inspect eval inspect_task.py --epochs $(EPOCHS) --log-dir logs
	python report.py logs

report: $(INSTALLED)  ## How often it passed, what was found and missed, and the next command.
	python report.py logs

view: $(INSTALLED)
	inspect view --log-dir logs

dataset: $(INSTALLED)  ## Four fresh rows like those of dataset.jsonl, which nobody else has.
	python build_dataset.py --ladder --out fresh.jsonl

calibrate: $(INSTALLED)  ## No key, no Docker: a dataset that a search with uneven knowledge passes 10 to 40% of the time.
	python calibrate.py --model none --attempts 60 --sandbox local \
		--solver baselines/search.py@search -S knowledge=$(KNOWLEDGE) -S spread=1.5

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 2; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-deps -r requirements.lock
	@touch $@
