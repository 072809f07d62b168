# Line coverage of the core by its own tests. Included by firmware/Makefile, whose settings it takes.
COVERAGE_LEAST ?= 90
COVERED := $(BUILD)/coverage

.PHONY: coverage
# A build of its own, without sanitizers; counts of an earlier run do not count.
coverage:
	@$(MAKE) --no-print-directory BUILD=$(COVERED) OPTIMISE=-O0 SANITIZE=--coverage \
	  $(COVERED)/contract_check $(COVERED)/agent_check
	@find $(COVERED) -name '*.gcda' -delete
	@$(COVERED)/contract_check $(VECTORS)
	@$(COVERED)/agent_check $(UPDATES)
	@python3 coverage/lines.py --least $(COVERAGE_LEAST) $(COVERED)/core/src
