# The two commands that a newcomer needs: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
SKIPPED := .skipped
# npm writes this file last, so it stands for all of them.
PEERS := tests/interop/node_modules/.package-lock.json
VALIDATORS := .validators
# Each program that a test starts, and each worker, would compile everything anew where images set this.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test skipped soak check fix bench lock peers peers-if-any
demo: .venv/installed
	$(BIN)/intaglio demo

# Each use in examples/uses, with its attack, in one process; a network is not needed.
.PHONY: examples
examples: .venv/installed
	$(BIN)/intaglio use run --all

# An issuer of three machines over PostgreSQL and a bucket, of which one is killed.
.PHONY: city
city: .venv/installed
	$(BIN)/python -m examples.city.story

# Where files in memory have room, what tests write lies there: a third of the time of quick tests, and half of that of
# tests that kill, went into waiting for the disk. `make soak` writes to the disk. Only what failed is kept.
IN_MEMORY = $(shell $(BIN)/python -c "import shutil; print('TMPDIR=/dev/shm' * (shutil.disk_usage('/dev/shm').free > $(1) << 20))" 2>/dev/null)
PYTEST := $(BIN)/python -m pytest -q -o tmp_path_retention_policy=failed --durations=10 --durations-min=0.1
WORKERS := $(PYTEST) --dist worksteal

# Needs Python, make and nothing else. What is tried with other programs is skipped without them, and listed.
test: .venv/installed peers-if-any check-code
	$(BIN)/python -m coverage erase
	$(call IN_MEMORY,3072) $(WORKERS) -n 3 --list-skipped $(SKIPPED) -p tests.measured tests
	$(BIN)/python -W ignore -m coverage combine --quiet && rm -f .coverage.* # those that a kill cut off
	$(BIN)/python -m coverage report --fail-under=95
	$(BIN)/python -m coverage report --fail-under=100 --include='wire/*,keys/*,ledger/*,vc/forms/integrity/*,vc/forms/jwt/*,vc/forms/sdjwt/*' \
		--omit='keys/token.py,wire/postgres/*,ledger/shared/postgres.py,ledger/tiles/postgres/*,ledger/tiles/s3/*,ledger/evm/anchor.py,ledger/evm/chain.py,ledger/evm/deployment.py,ledger/evm/transactions.py' # whose tests want servers

# The tests that the last `make test` skipped, once what they take is installed.
skipped: .venv/installed
	test ! -s $(SKIPPED) || $(call IN_MEMORY,2048) $(WORKERS) -n 2 @$(SKIPPED)

# Breaks the code at random, and says which breaks no test notices: for a night.
.PHONY: mutants
mutants: .venv/installed
	$(BIN)/python -m tests.mutation mutants

# Whole matrices of which `make test` tries a sample, and searches that go on: tens of minutes.
soak: .venv/installed
	$(WORKERS) -n 2 -m soak tests

# One of W3C's suites, where it lies with its packages: make conformance SUITE=../vc-di-eddsa-test-suite
.PHONY: conformance
conformance: .venv/installed
	$(BIN)/python -m tests.conformance $(SUITE)

check: .venv/installed
	@$(MAKE) --no-print-directory --jobs 2 check-code check-tests

.PHONY: check-tests
check-tests: .venv/installed # three for two cores, since tests also wait
	$(call IN_MEMORY,256) $(PYTEST) -m 'not slow' --no-header -o console_output_style=classic --forks 3 tests

.PHONY: check-code
check-code: .venv/installed
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo

fix: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/installed
	for program in bench/[a-z]*.py; do $(BIN)/python $$program || exit 1; done

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Other people's programs that come by npm: verifiers, a node of an EVM chain, a judge of web pages. And what documents
# of standards are held against, in Python, with some 350 MB of its own.
peers: $(PEERS) $(VALIDATORS)/installed
$(PEERS): tests/interop/package-lock.json
	npm ci --ignore-scripts --silent --no-audit --no-fund --fetch-retry-mintimeout=1000 \
		--fetch-retry-maxtimeout=5000 --prefix tests/interop
	touch $@

$(VALIDATORS)/installed: tests/interop/validators.lock
	$(PYTHON) -m venv $(VALIDATORS)
	$(VALIDATORS)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $<
	touch $@

peers-if-any:
	@if command -v npm >/dev/null; then $(MAKE) --silent --keep-going peers || \
		echo "not all peers were fetched: their tests are skipped"; fi

# Needs uv. The registry's address is not written down: each machine has its own. Extras stay in the lock: for
# one that stands there without, pip looks at the newest release, which has no hash here.
lock:
	uv pip compile pyproject.toml --all-extras --group dev --universal --generate-hashes --no-strip-extras \
		--no-header --no-annotate --no-emit-index-url --quiet --output-file requirements.lock
	uv pip compile tests/interop/validators.in --python-version 3.11 --universal --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --quiet --output-file tests/interop/validators.lock
