# make run    capture on every interface and serve http://localhost:10077/metrics
# make demo   serve the metrics of a bundled capture, without privileges
# make test   run all checks and tests
# make help   list all targets

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

NAME := tcp_handshake_exporter
BINARY := target/release/$(NAME)
TRIPLE := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
RUNNER := CARGO_TARGET_$(shell echo $(TRIPLE) | tr 'a-z-' 'A-Z_')_RUNNER
# Namespaces, nftables and packet sockets need root: the current user builds the tests, and root runs them.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,$(RUNNER)='sudo -E')

.PHONY: help
help: ## list all targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

.PHONY: run
run: build ## build and capture on every interface (flags: ARGS="-i eth0 -p 3306")
	@if [ "$$(id -u)" = 0 ]; then exec $(BINARY) $(ARGS); fi; \
	echo "Capturing needs CAP_NET_RAW: starting with sudo."; exec sudo $(BINARY) $(ARGS)

.PHONY: demo
demo: build ## replay a bundled capture with every kind of failure and serve its metrics
	$(BINARY) --capture.file tests/captures/demo.pcap --labels.idle-timeout 8760h $(ARGS)

.PHONY: build
build: packages ## build the program
	cargo build --release --locked

.PHONY: packages
packages:
	@scripts/packages libpcap-dev

.PHONY: test-packages
test-packages:
	@scripts/packages libpcap-dev prometheus prometheus-alertmanager nftables iproute2 tcpdump tshark curl procps python3 chromium \
		systemd strace util-linux man-db zsh dpkg-dev busybox-static prometheus-node-exporter python3-venv

.PHONY: test-tools
test-tools:
	@scripts/packages libpcap-dev python3-venv dpkg-dev
	@scripts/tools

.PHONY: test
test: test-packages test-tools ## check format and lints, run all tests
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings
	@if [ "$$(id -u)" != 0 ]; then echo "Live tests create network namespaces and run with sudo."; fi
	$(AS_ROOT) cargo test --locked

.PHONY: oracle
oracle: test-packages ## compare the results with tshark's (CAPTURES=directory)
	ORACLE_CAPTURES="$(abspath $(or $(CAPTURES),tests/captures))" cargo test --locked --test suite -- --nocapture oracle

.PHONY: bench
bench: packages ## measure the whole program against other programs, as ratios within one run (ROUNDS=5)
	cargo bench --locked --bench end_to_end

.PHONY: scale
scale: ## measure rule evaluation on a simulated fleet (14 GiB of memory; less with ARGS="--exporters 100")
	@scripts/packages prometheus python3
	python3 tests/scale/fleet.py $(ARGS)

.PHONY: fuzz
fuzz: packages ## fuzz each target for one minute (SECONDS_EACH=60)
	@command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	cargo test --locked --test suite -- --ignored write_fuzzing_seeds
	for target in decode quote tracker file; do \
		mkdir -p fuzz/corpus/$$target; \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none $$target fuzz/corpus/$$target \
			$$([ $$target = file ] && echo tests/captures) -- \
			-max_total_time=$(or $(SECONDS_EACH),60) -max_len=4096 -len_control=0 -print_final_stats=1; \
	done

.PHONY: soak
soak: test-packages ## run one hour of mixed load in network namespaces (MINUTES=10 PROFILE=dev)
	SOAK_MINUTES=$(or $(MINUTES),60) $(AS_ROOT) cargo test --locked --profile $(or $(PROFILE),release) --test suite -- \
		--ignored --nocapture under_mixed_load

.PHONY: golden
golden: ## regenerate the golden files after an intended change
	UPDATE_GOLDEN=1 cargo test --locked --test suite -- golden

.PHONY: rules
rules: ## regenerate the Kubernetes rules after a change of deploy/prometheus/rules
	UPDATE_RULES=1 cargo test --locked --test suite -- rules_and_dashboards_are_the_same_everywhere

.PHONY: deb
deb: packages test-tools ## build a Debian package in target/debian
	target/tools/bin/cargo-deb deb --locked

.PHONY: deny
deny: ## check licenses, bans, sources and known vulnerabilities of the dependencies
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check

.PHONY: manual
manual: ## regenerate manual pages and completions after a change of the command line
	UPDATE_MANUAL=1 cargo test --locked --test suite -- manual_and_completions

.PHONY: clean
clean: ## remove the build output
	cargo clean
