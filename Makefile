# Everything a developer runs. `make` alone prints this list; each target installs what it needs.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

VENV := .venv
RUN := $(VENV)/bin
STEP := scripts/step
STAMP := $(VENV)/.installed
# Seconds for each parser of the firmware.
FUZZ_SECONDS ?= 60
export PATH := $(CURDIR)/$(RUN):$(PATH)

.PHONY: help setup demo up down images generate verify test test-full firmware-test format lock clean

help: ## Print this list
	@printf 'EdgeFleet: GitOps for edge-AI fleets\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nEDGEFLEET_CONTEXT=<kube context>    use that cluster instead of a local one\n'
	@printf 'EDGEFLEET_BASE_IMAGE=<image>        build images on this base instead of one made here\n'
	@printf 'EDGEFLEET_CACHE=<folder>            where built binaries are kept (default: ~/.cache)\n'

# The firmware's feature extractor is compiled into the environment, so a compiler comes first and its sources count.
EXTRACTOR := $(wildcard workloads/features/src/edgefleet_features/*.c workloads/features/setup.py firmware/core/src/ef_f*.c \
  firmware/generated/edgefleet_features.*)
$(STAMP): requirements.lock pyproject.toml $(wildcard */pyproject.toml workloads/*/pyproject.toml) $(EXTRACTOR)
	@$(STEP) "system packages" scripts/install-packages
	@$(STEP) "Python environment" scripts/install-python $(VENV)
	@touch $@

setup: $(STAMP) ## Install the Python environment and the system packages
	@$(STEP) "system packages" scripts/install-packages

demo: setup ## A fleet on this machine: git push to devices that verified their model (STOP_AFTER=step, DEVICES=n; root)
	@edgefleet-demo up

up: setup ## Start a Kubernetes of four nodes on this machine, with Flux and a Git server (root)
	@devcluster up

down: $(STAMP) ## Stop devices and cluster and remove what they made on this machine; their data stays
	@edgefleet-demo down

images: setup ## Build the container images that are missing (docker, or buildah where no engine answers)
	@$(STEP) "cluster binaries" devcluster build
	@$(STEP) "images of the cluster" devcluster images
	@$(STEP) "images of EdgeFleet" devcluster images --catalogue images.toml operator model-registry broker

generate: $(STAMP) ## Write every generated file (crds/, schemas, C header, vectors, reference)
	@$(STEP) "generate" python -m edgefleet.codegen .

format: $(STAMP) ## Format the Python code
	@ruff check --fix-only --quiet . && ruff format --quiet .

verify: $(STAMP) ## Lint, types, layers, layout; generated files are up to date
	@$(STEP) "layout" python scripts/check_layout.py
	@$(STEP) "ruff" ruff check --quiet .
	@$(STEP) "format" ruff format --check --quiet .
	@$(STEP) "types" basedpyright --warnings
	@$(STEP) "layers" lint-imports --no-logo
	@$(STEP) "generated files" python -m edgefleet.codegen --check .
	@$(STEP) "our own manifests" edgefleet lint fleet-manifests

firmware-test: setup ## Test the firmware's core: with sanitizers, fuzzers (FUZZ_SECONDS each), and in QEMU on two other processors
	@$(STEP) "firmware" $(MAKE) -C firmware test
	@$(STEP) "lines of the firmware that tests run" $(MAKE) -C firmware coverage
	@$(STEP) "fuzzers" $(MAKE) -C firmware fuzz FUZZ_SECONDS=$(FUZZ_SECONDS)
	@$(STEP) "firmware on other processors" $(MAKE) -C firmware qemu footprint-check

test: setup ## What every commit must pass
	@$(STEP) "verify" $(MAKE) verify
	@$(STEP) "firmware" $(MAKE) firmware-test
	@$(STEP) "cluster binaries" devcluster build
	@$(STEP) "images of the cluster" devcluster images
	@$(STEP) "images of EdgeFleet" devcluster images --catalogue images.toml operator model-registry broker
	@$(STEP) "tests" pytest -m "not slow"

test-full: setup ## All of it, long matrices and random seeds included
	@$(STEP) "verify" $(MAKE) verify
	@$(STEP) "firmware" $(MAKE) firmware-test FUZZ_SECONDS=1
	@$(STEP) "cluster binaries" devcluster build
	@$(STEP) "images of the cluster" devcluster images
	@$(STEP) "images of EdgeFleet" devcluster images --catalogue images.toml operator model-registry broker
	@$(STEP) "tests, long ones too; fuzzers beside them" scripts/beside $(MAKE) -C firmware fuzz FUZZ_SECONDS=600 -- \
	  env EDGEFLEET_HYPOTHESIS_PROFILE=full pytest

lock: ## Pin the dependencies again (requirements.lock: versions and hashes, no addresses)
	@uv lock --upgrade
	@uv export --quiet --all-groups --all-packages --all-extras --no-emit-workspace --no-emit-index-url \
	  --format requirements-txt --output-file requirements.lock

clean: ## Remove what was built in this folder; caches and cluster state live elsewhere
	@rm -rf $(VENV) firmware/build .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
