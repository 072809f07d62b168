# Virtual devices: `make -C firmware device`, `make -C firmware swarm`. Included by firmware/Makefile, whose settings it takes.
PORT := $(patsubst %.c,$(BUILD)/%.o,$(wildcard port/posix/*.c))
# A swarm shares what is not of one board; it has an MQTT client of its own.
SWARM := $(patsubst %.c,$(BUILD)/%.o,$(wildcard port/posix/swarm/*.c port/posix/mqtt/*.c)) \
  $(patsubst %,$(BUILD)/port/posix/%.o,arguments identity log runtime stream)
FLASH_CHECK := $(patsubst %,$(BUILD)/port/posix/%.o,check/flash_check flash log)
MQTT_CHECK := $(patsubst %,$(BUILD)/port/posix/%.o,check/mqtt_check check/mqtt_connections mqtt/packet mqtt/client)
SWARM_CHECK := $(patsubst %,$(BUILD)/port/posix/%.o,check/swarm_check swarm/turnstile swarm/memory_flash log)

.PHONY: device swarm flash-check mqtt-check swarm-check
device: $(BUILD)/edgefleet-device
swarm: $(BUILD)/edgefleet-swarm
flash-check: $(BUILD)/flash_check
mqtt-check: $(BUILD)/mqtt_check
swarm-check: $(BUILD)/swarm_check

$(BUILD)/edgefleet-device: $(PORT) $(LIBRARY)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $^ -lmosquitto -lmbedtls -lmbedx509 -lmbedcrypto -lm -o $@

# Linux only: epoll, and memory that is shared until it is written.
$(patsubst %.c,$(BUILD)/%.o,$(wildcard port/posix/swarm/*.c)): CPPFLAGS += -D_GNU_SOURCE

$(BUILD)/edgefleet-swarm: $(SWARM) $(LIBRARY)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $^ -lmbedtls -lmbedx509 -lmbedcrypto -lm -o $@

$(BUILD)/flash_check: $(FLASH_CHECK)
$(BUILD)/mqtt_check: $(MQTT_CHECK)
$(BUILD)/swarm_check: $(SWARM_CHECK)
$(BUILD)/flash_check $(BUILD)/mqtt_check $(BUILD)/swarm_check:
	@echo "  link $@"
	@$(CC) $(CFLAGS) $^ -o $@

$(PORT) $(SWARM) $(FLASH_CHECK) $(MQTT_CHECK) $(SWARM_CHECK): CPPFLAGS += -Iport/posix
$(PORT): | $(BUILD)/mosquitto-found

$(BUILD)/mosquitto-found: | $(BUILD)/psa-crypto-found
	@printf '#include <mosquitto.h>\n' | $(CC) -E -x c - >/dev/null 2>&1 || \
	  { echo 'mosquitto.h is missing: install libmosquitto for development (Debian: apt-get install libmosquitto-dev)' >&2; exit 1; }
	@touch $@

-include $(PORT:.o=.d) $(SWARM:.o=.d) $(FLASH_CHECK:.o=.d) $(MQTT_CHECK:.o=.d) $(SWARM_CHECK:.o=.d)
