# A thin list of the public commands: read it to learn them.

PYTHON ?= python3
BIN := .venv/bin
RUNTIME_BIN := .venv-runtime/bin
TEST_DATA := --data data/test.csv --labels data/test_labels.csv

.PHONY: demo data export predict compare test stress lint clean

demo: data export predict compare

data: .venv/installed
	$(BIN)/digit-data fetch --out data

export: .venv/installed data
	$(BIN)/digit-export --format all --artifacts artifacts --data data/train.csv

# The runtime is used from an environment of its own, which has no TensorFlow.
predict: .venv-runtime/installed data
	$(RUNTIME_BIN)/digit-predict data/test.csv --model mlp --labels data/test_labels.csv -o submission-mlp.csv
	$(RUNTIME_BIN)/digit-predict data/test.csv --model cnn --labels data/test_labels.csv -o submission-cnn.csv

compare: .venv-runtime/installed export
	$(RUNTIME_BIN)/digit-compare --artifacts artifacts $(TEST_DATA)

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
	$(BIN)/python -m pip install -q -c constraints.txt -e "./runtime[all]" -e .
	touch $@

.venv/developing: .venv/installed
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	touch $@

.venv-runtime/installed: runtime/pyproject.toml constraints.txt \
		$(wildcard runtime/digit_runtime/*.py runtime/digit_runtime/*/*.py artifacts/*/manifest.json)
	$(PYTHON) -m venv .venv-runtime
	$(RUNTIME_BIN)/python -m pip install -q -c constraints.txt "./runtime[all]"
	touch $@
