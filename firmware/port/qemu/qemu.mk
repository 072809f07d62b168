# The core on the processors of small devices, in QEMU: `make -C firmware qemu`. Included by firmware/Makefile.
MBEDTLS_VERSION := 2.28.3
MBEDTLS := $(if $(EDGEFLEET_CACHE),$(EDGEFLEET_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache))/edgefleet/firmware/mbedtls-$(MBEDTLS_VERSION)
MBEDTLS_FOUND := $(MBEDTLS)/include/psa/crypto.h
# What PSA Crypto needs for SHA-256 and ECDSA; the linker leaves out what is not called.
MBEDTLS_PARTS := asn1parse asn1write bignum constant_time ecdsa ecp ecp_curves md platform platform_util psa_crypto \
  psa_crypto_aead psa_crypto_cipher psa_crypto_client psa_crypto_driver_wrappers psa_crypto_ecp psa_crypto_hash \
  psa_crypto_mac psa_crypto_slot_management sha256

# Those that run, and those that only have to compile: ESP32-C3 (this libgcc has no rv32imc) and, for its size alone,
# the Xtensa of the ESP8266; the ESP32's has registers in windows, which Debian's compilers do not know.
CROSS_RUN := rv32imac cortex-m3
CROSS_COMPILE := rv32imc xtensa-lx106

CROSS_CC_rv32imac := riscv64-unknown-elf-gcc
CROSS_FLAGS_rv32imac := --specs=picolibc.specs -march=rv32imac -mabi=ilp32 -msave-restore
CROSS_LINK_rv32imac := -Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=2M,--defsym=__ram=0x80200000,--defsym=__ram_size=16M
CROSS_QEMU_rv32imac := qemu-system-riscv32 -M virt -bios none
CROSS_CC_cortex-m3 := arm-none-eabi-gcc
CROSS_FLAGS_cortex-m3 := --specs=picolibc.specs -mcpu=cortex-m3 -mthumb
CROSS_LINK_cortex-m3 := -Wl,--defsym=__flash=0,--defsym=__flash_size=4M,--defsym=__ram=0x21000000,--defsym=__ram_size=16M
CROSS_QEMU_cortex-m3 := qemu-system-arm -M mps2-an385
CROSS_CC_rv32imc := riscv64-unknown-elf-gcc
CROSS_FLAGS_rv32imc := --specs=picolibc.specs -march=rv32imc -mabi=ilp32 -msave-restore
CROSS_CC_xtensa-lx106 := xtensa-lx106-elf-gcc
# Debian has no C library for it; headers do for compiling.
CROSS_FLAGS_xtensa-lx106 := -isystem /usr/lib/picolibc/riscv64-unknown-elf/include

CROSS_CFLAGS := -std=c11 -Os -ffunction-sections -fdata-sections $(WARNINGS)
CROSS_CPPFLAGS := -Icore/include -Ihal/include -Igenerated -isystem $(MBEDTLS)/include -Iport/qemu/psa \
  '-DMBEDTLS_CONFIG_FILE="edgefleet_mbedtls_config.h"' -MMD -MP
CROSS_CORE := $(patsubst %.c,%.o,$(wildcard core/src/*.c generated/*.c))
CROSS_BOARD := $(patsubst %.c,%.o,$(wildcard port/qemu/*.c)) tests/agent/runtime_double.o
CROSS_CHECKS := agent_check vectors
CROSS_agent_check := $(patsubst %.c,%.o,$(wildcard tests/agent/*.c)) tests/context.o
# As on this machine, a signature that was checked once is known (tests/agent/memory_of_verdicts.c): in QEMU they took most of
# the time. The board and the vectors check each of theirs.
CROSS_LINK_agent_check := -Wl,--wrap=psa_verify_hash
CROSS_vectors := $(addprefix tests/,vectors.o verdict.o context.o) port/qemu/check/vectors.o
# A heap for the tests' doubles, and a port's own randomness.
CROSS_TESTS_OWN := port/qemu/memory.o port/qemu/randomness.o

CROSS_OBJECTS := $(foreach one,$(CROSS_RUN) $(CROSS_COMPILE),$(addprefix $(BUILD)/$(one)/,$(CROSS_CORE)))

# What a port calls. For the footprint nothing else is linked: no board, and no crypto in one of two.
CROSS_ROOTS := $(shell sed -nE 's/^[a-z].*[ *](ef_[a-z_]+)[^a-z_;, *].*/\1/p' core/include/edgefleet/agent.h) ef_key_load ef_read_key_bundle
CROSS_ALONE := -nostartfiles -Wl,--entry=ef_agent_poll,--unresolved-symbols=ignore-all $(CROSS_ROOTS:%=-Wl,--undefined=%)
# As near as the real ones would be: calls to nowhere are longer.
CROSS_NO_CRYPTO := $(foreach one,hash_setup hash_update hash_finish hash_abort import_key destroy_key verify_hash,-Wl,--defsym=psa_$(one)=ef_agent_size)
CROSS_SIZES := $(foreach one,$(CROSS_RUN),$(addprefix $(BUILD)/$(one)/,core.elf core-and-crypto.elf measured.txt)) \
  $(foreach one,$(CROSS_COMPILE),$(addprefix $(BUILD)/$(one)/,$(CROSS_CORE)))
FOOTPRINT := python3 ../scripts/firmware_footprint.py $(abspath $(BUILD)) $(MBEDTLS_VERSION)

.PHONY: qemu $(addprefix qemu-,$(CROSS_RUN)) footprint footprint-check
qemu: $(addprefix qemu-,$(CROSS_RUN))

footprint: $(CROSS_SIZES)
	@$(FOOTPRINT)

footprint-check: $(CROSS_SIZES)
	@$(FOOTPRINT) --check

$(MBEDTLS_FOUND):
	@echo "  fetch mbedtls $(MBEDTLS_VERSION)"
	@../scripts/fetch-mbedtls $(MBEDTLS)

# The exit status of the program is QEMU's.
CROSS_DOOR := -display none -serial none -monitor none -chardev stdio,id=door \
  -semihosting-config enable=on,target=native,chardev=door

# $(1): processor.
define CROSS_COMPILING
$(BUILD)/$(1)/mbedtls/%.o: $(MBEDTLS_FOUND) port/qemu/psa/edgefleet_mbedtls_config.h
	@mkdir -p $$(@D)
	@echo "  cc $(1) mbedtls/$$*.c"
	@$$(CROSS_CC_$(1)) $$(CROSS_FLAGS_$(1)) -std=c11 -Os -ffunction-sections -fdata-sections \
	  -I$(MBEDTLS)/include -I$(MBEDTLS)/library $$(CROSS_CPPFLAGS) -c $(MBEDTLS)/library/$$*.c -o $$@

$(BUILD)/$(1)/%.o: %.c Makefile port/qemu/qemu.mk $(MBEDTLS_FOUND)
	@mkdir -p $$(@D)
	@echo "  cc $(1) $$<"
	@$$(CROSS_CC_$(1)) $$(CROSS_FLAGS_$(1)) $$(CROSS_CFLAGS) $$(CROSS_CPPFLAGS) $$(CROSS_MORE) -c $$< -o $$@
endef

# $(1): processor, $(2): program, $(3): its objects besides the core's.
define CROSS_LINKING
$(BUILD)/$(1)/$(2).elf: $(addprefix $(BUILD)/$(1)/,$(3) $(CROSS_CORE) $(MBEDTLS_PARTS:%=mbedtls/%.o))
	@echo "  link $$@"
	@$$(CROSS_CC_$(1)) $$(CROSS_FLAGS_$(1)) -Os $$(CROSS_LINK_$(1)) --oslib=semihost --crt0=semihost \
	  $$(CROSS_LINK_$(2)) -Wl,--gc-sections,-Map=$$(@:.elf=.map) $$^ -lm -o $$@
endef

# $(1): processor, $(2): program, $(3): its objects, $(4): what stands for crypto.
define CROSS_SIZING
$(BUILD)/$(1)/$(2).elf: $(addprefix $(BUILD)/$(1)/,$(3))
	@echo "  link $$@"
	@$$(CROSS_CC_$(1)) $$(CROSS_FLAGS_$(1)) -Os $$(CROSS_LINK_$(1)) $$(CROSS_ALONE) $(4) \
	  -Wl,--gc-sections,-Map=$$(@:.elf=.map) $$^ -lm -o $$@
endef

define CROSS_RUNNING
$(BUILD)/$(1)/port/%.o: CROSS_MORE := -Itests/agent -Itests
$(BUILD)/$(1)/tests/%.o: CROSS_MORE := -Itests -Icore/src
qemu-$(1): $(BUILD)/$(1)/board.elf $(BUILD)/$(1)/vectors.elf
	@echo "  qemu $(1)"
	@cd $(UPDATES) && $$(CROSS_QEMU_$(1)) $(CROSS_DOOR) -kernel $$(abspath $$<) </dev/null
	@cd $(VECTORS) && $$(CROSS_QEMU_$(1)) $(CROSS_DOOR) -kernel $$(abspath $$(word 2,$$^)) </dev/null
$(BUILD)/$(1)/measured.txt: $(BUILD)/$(1)/board.elf
	@echo "  qemu $(1): measure"
	@cd $(UPDATES) && $$(CROSS_QEMU_$(1)) $(CROSS_DOOR),arg=measure -kernel $$(abspath $$<) </dev/null >$$(abspath $$@)
endef

$(foreach one,$(CROSS_RUN) $(CROSS_COMPILE),$(eval $(call CROSS_COMPILING,$(one))))
$(foreach one,$(CROSS_RUN),$(eval $(call CROSS_LINKING,$(one),board,$(CROSS_BOARD))))
$(foreach one,$(CROSS_RUN),$(foreach check,$(CROSS_CHECKS),$(eval $(call CROSS_LINKING,$(one),$(check),$(CROSS_$(check)) $(CROSS_TESTS_OWN)))))
$(foreach one,$(CROSS_RUN),$(eval $(call CROSS_SIZING,$(one),core,$(CROSS_CORE),$(CROSS_NO_CRYPTO))))
$(foreach one,$(CROSS_RUN),$(eval $(call CROSS_SIZING,$(one),core-and-crypto,$(CROSS_CORE) $(MBEDTLS_PARTS:%=mbedtls/%.o))))
$(foreach one,$(CROSS_RUN),$(eval $(call CROSS_RUNNING,$(one))))

-include $(CROSS_OBJECTS:.o=.d) $(foreach one,$(CROSS_RUN),$(patsubst %.o,$(BUILD)/$(one)/%.d,$(CROSS_BOARD) $(CROSS_vectors) $(CROSS_agent_check) $(CROSS_TESTS_OWN)))
