# Everything a person types here does its own set-up.  `make run` and `make test` are all a newcomer needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

DATA ?= data/demo
PORT_BASE ?= 10000
HOST ?= 127.0.0.1

# Debian packages: what serving needs, and what the tests drive besides.
RUN_PACKAGES := python3-venv
TEST_PACKAGES := python3-venv gcc libc6-dev chromium chromium-headless-shell fonts-noto-core swaks libnet-ssleay-perl libio-socket-ssl-perl \
	nodejs npm curl isync gsasl libsasl2-modules neomutt msmtp openssl procps clamav-daemon rspamd opendkim opendkim-tools unbound \
	postfix postfix-ldap ldap-utils python3-ldap python3-bonsai softhsm2 gnutls-bin libnss3-tools gpgsm gpg-agent
BENCH_PACKAGES := postfix dovecot-core dovecot-imapd dovecot-lmtpd slapd \
	roundcube-core roundcube-sqlite3 php-fpm apache2

.PHONY: run test check format fuzz bench scripts pictures constraints translations image clean

run: $(VENV)/.run
	@$(BIN)/citymail demo --data "$(DATA)" --port-base "$(PORT_BASE)" --host "$(HOST)"

test: $(VENV)/.test node_modules/.ready
	@tools/debian-packages $(TEST_PACKAGES)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(VENV)/.test node_modules/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	npm run --silent types
	npm run --silent lint

format: $(VENV)/.test node_modules/.ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	npm run --silent format

# Fuzz targets for a bounded time: make fuzz SECONDS=60
FUZZ_SECONDS ?= 30
fuzz: $(VENV)/.test
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

# CityMail beside Debian's Postfix and Dovecot, on this machine, in one run.
bench: $(VENV)/.test
	@tools/debian-packages $(BENCH_PACKAGES)
	$(BIN)/python -m tests.benchmarks $(ARGS)

$(VENV)/.run: pyproject.toml constraints.txt
	@tools/debian-packages $(RUN_PACKAGES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

node_modules/.ready: package.json
	@tools/debian-packages nodejs npm
	npm install --silent --no-package-lock --ignore-scripts --no-audit --no-fund
	@touch $@

# After changing webmail/front: build what browsers get.  A test compares it with what is committed, octet by octet.
scripts: node_modules/.ready
	rm -rf build/static && npm run --silent build -- --outdir=build/static
	cp build/static/* webmail/static/
	cd webmail/static && for file in *; do test -e ../../build/static/$$file || rm $$file; done

# After changing a screen: take the pictures of the help pages anew.
pictures: $(VENV)/.test
	@tools/debian-packages $(TEST_PACKAGES)
	$(BIN)/python -m tests.browser.help_pictures

# After changing a text: gather, and compile what is translated.  A test fails until both languages are complete.
translations: $(VENV)/.test
	$(BIN)/python -m webmail.catalogues

# After changing pyproject.toml: take the newest versions, run everything, write down what was run.
constraints:
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/pip install --quiet --disable-pip-version-check '.[dev]'
	build/constraints/bin/pip freeze --exclude citymail | sed '/ @ /d' > constraints.txt
	rm -rf build/constraints

# With podman: make image IMAGE_BUILDER="podman build --format docker"
IMAGE_BUILDER ?= docker build
image:
	$(IMAGE_BUILDER) -t citymail .

clean:
	rm -rf $(VENV) build node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
