# `make` alone lists the targets. Everything that a target needs, it installs itself; see tools/prepare.
PYTHON_IN_VENV := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help run test soak lint cover bench css screenshots lock sbom audit wheel image clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: ## set up and serve on http://localhost:8080 with an embedded database
	@tools/prepare run
	@echo "Open the address below. In another terminal: .venv/bin/audit-webhook --help. Ctrl-C ends the server."
	@ENVIRONMENT=$${ENVIRONMENT:-development} $(PYTHON_IN_VENV) -m audit_webhook serve

test: ## set up, real MariaDB, nginx and Chromium included, and run all tests; ARGS="-k feed" for some
	@tools/prepare test
	$(PYTHON_IN_VENV) -m pytest -n 2 --dist loadfile $(ARGS)

soak: ## kill, freeze and fill everything at length, build and run the image (an hour); ARGS="--scale 0.1"
	@tools/prepare soak
	$(PYTHON_IN_VENV) -m tests.soak $(ARGS)

lint: ## check style and types
	@tools/prepare lint
	$(PYTHON_IN_VENV) -m flake8 audit_webhook bench tests tools/*.py
	$(PYTHON_IN_VENV) -m mypy

cover: ## run all tests and write what they reach to htmlcov/index.html
	@tools/prepare test
	$(PYTHON_IN_VENV) -m coverage run -m pytest $(ARGS)
	$(PYTHON_IN_VENV) -m coverage html --quiet
	$(PYTHON_IN_VENV) -m coverage report | tail -1

bench: ## measure ingest and searches on a real MariaDB; ARGS="--events 1000000"
	@tools/prepare test
	$(PYTHON_IN_VENV) -m bench $(ARGS)

css: ## build static/app.css anew; needs Node.js, at development time only
	tools/build-css

screenshots: ## take the pictures of the README from the sample events
	@tools/prepare test
	$(PYTHON_IN_VENV) -m tools.screenshots

lock: ## pin the requirements anew, with hashes
	@tools/prepare lint
	tools/lock

sbom: ## write what the program is made of to dist/sbom.cdx.json (CycloneDX)
	@tools/prepare lint
	@$(PYTHON_IN_VENV) -m tools.sbom dist/sbom.cdx.json

audit: ## look the pinned packages up in a database of known vulnerabilities; needs the internet
	@tools/prepare lint
	@$(PYTHON_IN_VENV) -m tools.audit

wheel: ## build the wheel into dist/
	@tools/prepare lint
	$(PYTHON_IN_VENV) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

image: ## build the container image; BASE_IMAGE= names another base
	docker build $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) --tag audit-webhook .

clean: ## remove what the other targets made
	rm -rf .venv build dist htmlcov .coverage .mypy_cache .pytest_cache .hypothesis *.egg-info
