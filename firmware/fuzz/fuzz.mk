# Fuzzing, and the replay of what it found. Included by firmware/Makefile, whose settings it takes.
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_JOBS ?= 2
# Another one each time; a number repeats a run, as far as the clock lets it.
FUZZ_SEED ?= 0
FUZZ_TARGETS ?= $(patsubst fuzz/targets/%.c,%,$(sort $(wildcard fuzz/targets/*.c)))
FUZZ_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -g -fno-omit-frame-pointer $(WARNINGS)
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
# A test double decides which signatures are good: a fuzzer cannot sign.
FUZZ_LINK := -Wl,--wrap=psa_verify_hash -lmbedcrypto -lm
FUZZ_SOURCES := $(filter-out fuzz/support/replay.c,$(wildcard fuzz/support/*.c)) tests/context.c \
                tests/agent/flash_double.c tests/agent/runtime_double.c

FUZZERS := $(patsubst %,$(BUILD)/fuzzers/%,$(FUZZ_TARGETS))
REPLAYERS := $(patsubst %,$(BUILD)/replayers/%,$(FUZZ_TARGETS))
FUZZ_OBJECTS := $(patsubst %.c,%.o,$(FUZZ_SOURCES) $(wildcard core/src/*.c generated/*.c))
REPLAY_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(FUZZ_SOURCES) fuzz/support/replay.c)
CAMPAIGN := python3 fuzz/campaign.py --build $(BUILD) --golden ../tests/golden

.PHONY: fuzz fuzz-build fuzz-replay fuzz-keep
# Every target for FUZZ_SECONDS; a line a target. A finding fails, and its input is kept in build/findings.
fuzz: fuzz-build
	@$(CAMPAIGN) run --seconds $(FUZZ_SECONDS) --jobs $(FUZZ_JOBS) --seed $(FUZZ_SEED) $(FUZZ_TARGETS)

fuzz-build: $(FUZZERS) $(BUILD)/contract.dict

# The seeds and the corpora alone, with the compiler of the tests: seconds.
fuzz-replay: $(REPLAYERS)
	@$(CAMPAIGN) replay $(FUZZ_TARGETS)

# Writes what the last runs found into the corpora in the tree, as few inputs as cover the same.
fuzz-keep: fuzz-build
	@$(CAMPAIGN) keep $(FUZZ_TARGETS)

$(FUZZERS): $(BUILD)/fuzzers/%: $(BUILD)/fuzzing/fuzz/targets/%.o $(addprefix $(BUILD)/fuzzing/,$(FUZZ_OBJECTS))
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(FUZZ_CC) $(FUZZ_SANITIZE) -fsanitize=fuzzer $^ $(FUZZ_LINK) -o $@

$(REPLAYERS): $(BUILD)/replayers/%: $(BUILD)/fuzz/targets/%.o $(REPLAY_OBJECTS) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $^ $(FUZZ_LINK) -o $@

$(BUILD)/fuzzing/%.o: %.c Makefile fuzz/fuzz.mk | $(BUILD)/psa-crypto-found $(BUILD)/fuzzer-found
	@mkdir -p $(@D)
	@echo "  $(FUZZ_CC) $<"
	@$(FUZZ_CC) $(FUZZ_CFLAGS) $(FUZZ_SANITIZE) -fsanitize=fuzzer-no-link $(CPPFLAGS) $(FUZZ_CPPFLAGS) -c $< -o $@

FUZZ_CPPFLAGS := -Ifuzz/support -Itests -Itests/agent -Icore/src
$(REPLAY_OBJECTS) $(patsubst %,$(BUILD)/fuzz/targets/%.o,$(FUZZ_TARGETS)): CPPFLAGS += $(FUZZ_CPPFLAGS)

# What a broker sends is read by the port, not by the core.
$(BUILD)/fuzzers/packet: $(BUILD)/fuzzing/port/posix/mqtt/packet.o
$(BUILD)/replayers/packet: $(BUILD)/port/posix/mqtt/packet.o
$(patsubst %,$(BUILD)/%.o,fuzz/targets/packet fuzzing/fuzz/targets/packet fuzzing/port/posix/mqtt/packet): \
  CPPFLAGS += -Iport/posix

# The words of the contract, for the fuzzer to put together.
$(BUILD)/contract.dict: $(BUILD)/fuzz/dictionaries/contract.o $(LIBRARY)
	@echo "  write $@"
	@$(CC) $(CFLAGS) $^ -o $(BUILD)/contract_words && $(BUILD)/contract_words | sort -u >$@

# Said once and plainly.
$(BUILD)/fuzzer-found:
	@mkdir -p $(@D)
	@echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | \
	  $(FUZZ_CC) -fsanitize=fuzzer,address -x c - -o $@ 2>/dev/null || \
	  { echo '$(FUZZ_CC) with libFuzzer is missing (Debian: apt-get install clang libclang-rt-dev)' >&2; exit 1; }

# A test of every build: what the contract's words and the corpora know takes seconds.
test: fuzz-replay

-include $(addprefix $(BUILD)/fuzzing/,$(FUZZ_OBJECTS:.o=.d)) $(REPLAY_OBJECTS:.o=.d)
-include $(BUILD)/fuzzing/port/posix/mqtt/packet.d
-include $(patsubst %,$(BUILD)/fuzzing/fuzz/targets/%.d,$(FUZZ_TARGETS)) $(patsubst %,$(BUILD)/fuzz/targets/%.d,$(FUZZ_TARGETS))
