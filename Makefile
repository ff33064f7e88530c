# Two commands do all set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= out/demo

.PHONY: demo test lint bench clean

demo: .venv/installed
	$(BIN)/isthmus compare digits --out $(OUT)

test: .venv/installed
	$(BIN)/pytest -n auto --dist loadfile

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed
	$(BIN)/pip install -q -c constraints.txt -e '.[bench]'
	$(BIN)/pip install -q -c constraints.txt --no-deps pythae
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv out

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	touch $@
