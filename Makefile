# Two commands do everything on a fresh machine with python3 (3.11+, with venv) and make:
#   make drill   the environment, Kafka and PostgreSQL, then the payment example is killed at its three crashes
#                (on a busy machine: make drill DRILL_ARGS="-j 1")
#   make test    the same set-up, then every check and every test
# Where uv is on the PATH it makes the environment faster; the result is the same, since the lock carries hashes.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: drill test check unit fix lock bench soak model languages pairs sweeps docs clean

drill: $(READY)
	@$(BIN)/oncewhere drill examples/payments $(DRILL_ARGS)
	@echo "The page:  $(BIN)/oncewhere show --open"
	@command -v oncewhere >/dev/null || echo "So that oncewhere alone does it:  . $(BIN)/activate"

test: check unit

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# A file's tests share their servers, so a worker takes whole files; tests/conftest.py has the longest come first.
unit: $(READY)
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

bench: $(READY)
	$(BIN)/python benchmarks/throughput.py $(BENCH_ARGS)

soak: $(READY)
	$(BIN)/python tests/soak/soak.py $(SOAK_ARGS)

# The models at their full size, some two minutes; `make test` explores every pair of faults for fewer records.
model: $(READY)
	MODEL=full $(BIN)/pytest tests/model --durations=5 $(PYTEST_ARGS)

# Builds every example in another language and drills it at the three crashes; `make test` does one of them.
languages: $(READY)
	LANGUAGES=all $(BIN)/pytest tests/examples/test_languages.py --durations=0 $(PYTEST_ARGS)

# Drills every pair of policy and system at every crash point, some twenty minutes; `make test` does the most telling.
# Some of them: make pairs PAIRS="offset-ledger@sqlite mail"
pairs: $(READY)
	$(BIN)/python tests/effects/pairs $(PAIRS)

# Sweeps every example that is built, three times each, and says where the runs differ: about an hour, ten minutes a sweep
# at most. One example: make sweeps SWEEP_ARGS="examples/go --runs 2"
sweeps: $(READY)
	$(BIN)/python tools/sweeps.py $(SWEEP_ARGS)

# The documentation site, into site/; a link that leads nowhere fails it.
docs: $(READY)
	$(BIN)/python tools/site.py

fix: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "oncewhere needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "making the environment in $(VENV) ..." >&2
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv -q --clear -p $(PYTHON) $(VENV) && \
	  uv pip install -q -p $(VENV) --require-hashes -r requirements.lock && \
	  uv pip install -q -p $(VENV) --no-deps --no-build-isolation -e . ; \
	else \
	  $(PYTHON) -m venv --clear $(VENV) && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $(READY)

# The lock carries versions and hashes and no address; needs uv.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --no-strip-extras --all-extras --group dev -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .oncewhere .mypy_cache .ruff_cache .pytest_cache
