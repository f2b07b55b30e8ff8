# A thin list of the public commands: read it to learn them.

PYTHON ?= python3
BIN := .venv/bin
RUNTIME_BIN := .venv-runtime/bin
# Kaggle's own test.csv has no labels; asked when a command runs, since fetching may make them.
LABELS = $(shell test ! -e data/test_labels.csv || echo --labels data/test_labels.csv)

# For `make kaggle`: the folder of train.csv and test.csv, or of digit-recognizer.zip; what to
# train, and how long. `make kaggle MODEL=cnn EPOCHS=34` takes the whole recipe.
KAGGLE ?= data
MODEL ?= mlp
EPOCHS ?= 30
KAGGLE_MODELS = $(KAGGLE)/models

.PHONY: demo data export predict compare kaggle kaggle-files test stress lint clean

demo: data export predict compare

data: .venv/installed
	$(BIN)/digit-data fetch --out data

export: .venv/installed data
	$(BIN)/digit-export --format all --artifacts artifacts --data data/train.csv

# The runtime is used from an environment of its own, which has no TensorFlow.
predict: .venv-runtime/installed data
	$(RUNTIME_BIN)/digit-predict data/test.csv --model mlp $(LABELS) -o submission-mlp.csv
	$(RUNTIME_BIN)/digit-predict data/test.csv --model tiny $(LABELS) -o submission-tiny.csv
	$(RUNTIME_BIN)/digit-predict data/test.csv --model cnn $(LABELS) -o submission-cnn.csv

compare: .venv-runtime/installed export
	$(RUNTIME_BIN)/digit-compare --artifacts artifacts --data data/test.csv $(LABELS)

# A wrong folder is told before minutes of installing; the kaggle command can fill an empty one.
kaggle-files:
	@test -e "$(KAGGLE)/train.csv" || test -e "$(KAGGLE)/digit-recognizer.zip" || \
		command -v kaggle >/dev/null || { echo "$(KAGGLE): holds neither train.csv and test.csv" \
		"nor digit-recognizer.zip; name the folder of Kaggle's files: make kaggle KAGGLE=FOLDER" \
		>&2; exit 2; }

# Of Kaggle's files the rows that training holds out say how good the model is: there are no
# test labels. A second call trains nothing anew; remove $(KAGGLE)/models for that. One file that
# misses its gate is no reason to leave without a submission.
kaggle: kaggle-files .venv/installed .venv-runtime/installed
	$(BIN)/digit-data fetch --source kaggle --out "$(KAGGLE)"
	$(BIN)/digit-data explore "$(KAGGLE)/train.csv" --out "$(KAGGLE)/report"
	@if test -e "$(KAGGLE_MODELS)/$(MODEL)/manifest.json"; then \
		echo "$(KAGGLE_MODELS)/$(MODEL) is there and is used; to train anew, remove it"; \
	else $(BIN)/digit-train --model $(MODEL) --epochs $(EPOCHS) \
		--data "$(KAGGLE)/train.csv" --out "$(KAGGLE_MODELS)/$(MODEL)"; fi
	-$(BIN)/digit-export --model all --format all --artifacts "$(KAGGLE_MODELS)" \
		--data "$(KAGGLE)/train.csv"
	$(RUNTIME_BIN)/digit-predict "$(KAGGLE)/test.csv" --model $(MODEL) \
		--artifacts "$(KAGGLE_MODELS)" -o "$(KAGGLE)/submission.csv"
	$(RUNTIME_BIN)/digit-compare --artifacts "$(KAGGLE_MODELS)" --data "$(KAGGLE)/train.csv"
	@echo "$(KAGGLE)/submission.csv is for Kaggle; the accuracy above is of rows held out of" \
		"training, and $(KAGGLE_MODELS)/$(MODEL)/held-out.png shows the hardest of them"

test: .venv/developing lint data
	$(BIN)/python -m pytest

# Minutes of hostile requests, damaged files, kill -9 and commands that meet; docs/reliability.md.
stress: .venv/developing data
	PYTHONPATH=tests/benchmarks $(BIN)/python tests/stress/stress.py

lint: .venv/developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv .venv-runtime

.venv/installed: pyproject.toml runtime/pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e "./runtime[all,serve]" -e .
	touch $@

.venv/developing: .venv/installed
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	touch $@

.venv-runtime/installed: runtime/pyproject.toml constraints.txt \
		$(wildcard runtime/digit_runtime/*.py runtime/digit_runtime/*/*.py artifacts/*/manifest.json)
	$(PYTHON) -m venv .venv-runtime
	$(RUNTIME_BIN)/python -m pip install -q -c constraints.txt "./runtime[all,serve]"
	touch $@
