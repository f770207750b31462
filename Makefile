# Every target installs what it needs into .venv, from requirements.lock.
PYTHON ?= python3
INSTALLED := .venv/installed
EPOCHS ?= 10
KNOWLEDGE ?= 0.8
ATTEMPTS ?= 3
COST ?= 0.40

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test lint lines eval report view dataset calibrate walkthrough

demo: $(INSTALLED)  ## No key, no Docker: a solved attempt, and ten attempts at every row by a search that knows most choices.
	inspect eval inspect_task.py -T departures=2 --model none --sandbox local --log-dir logs/walkthrough \
		--solver baselines/walkthrough.py@walkthrough --display plain
	inspect eval inspect_task.py --epochs $(EPOCHS) --model none --sandbox local --log-dir logs --max-samples 4 \
		--solver baselines/search.py@search -S knowledge=$(KNOWLEDGE) -S seed=1 --display plain
	python report.py logs/*.eval
	@echo "Open the logs in a browser: make view"

test: $(INSTALLED)  ## Those with Docker and the long ones beside the others. Tests that need an engine skip, and say so, where none answers.
	@rm -rf test-results; mkdir test-results
	@pytest -m "docker or long" --junitxml=test-results/long.xml > test-results/long.log 2>&1 & long=$$!; \
	pytest -m "not docker and not long" --junitxml=test-results/others.xml; others=$$?; \
	echo "With Docker, and the long ones:"; wait $$long; long=$$?; cat test-results/long.log; \
	exit $$((others || long))

lint: $(INSTALLED)
	ruff format --check .
	ruff check .
	mypy

lines: $(INSTALLED)  ## Lines of code of all that the task imports; too many are an error.
	python lines.py

eval: $(INSTALLED)  ## Three attempts at every row by claude-haiku-4-5, in Docker: 12 attempts, each with a limit of what it costs.
	@test -n "$$ANTHROPIC_API_KEY" || { echo "make eval: set ANTHROPIC_API_KEY to your key"; exit 2; }
	@docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1 \
		|| { echo "make eval: needs a running Docker Engine with Compose: start Docker"; exit 2; }
	@rows=$$(grep -c . dataset.jsonl); echo "At most $$(python -c "print(f'{$$rows * $(ATTEMPTS) * $(COST):.2f}')") US dollars:" \
		"$(ATTEMPTS) attempts at $$rows rows, each ends at $(COST) (and the model call that it is in)"
	inspect eval inspect_task.py --epochs $(ATTEMPTS) --cost-limit $(COST) --log-dir logs
	python report.py logs

report: $(INSTALLED)  ## How often it passed, what was found and missed, and the next command.
	python report.py logs

view: $(INSTALLED)
	inspect view --log-dir logs

walkthrough: $(INSTALLED)  ## docs/walkthrough.md, from a hand-written session that is played anew.
	rm -rf logs/walkthrough
	inspect eval inspect_task.py -T departures=2 --model none --sandbox local --log-dir logs/walkthrough \
		--solver baselines/walkthrough.py@walkthrough --display plain
	python baselines/walkthrough.py logs/walkthrough/*.eval > docs/walkthrough.md

dataset: $(INSTALLED)  ## Four fresh rows like those of dataset.jsonl, which nobody else has.
	python build_dataset.py --ladder --out fresh.jsonl

calibrate: $(INSTALLED)  ## No key, no Docker, a few minutes: a dataset that a search with uneven knowledge should pass 10 to 40% of the time.
	python calibrate.py --model none --attempts 36 --max-samples 4 --sandbox local \
		--solver baselines/search.py@search -S knowledge=$(KNOWLEDGE) -S spread=1.5

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 2; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-deps -r requirements.lock
	@touch $@
