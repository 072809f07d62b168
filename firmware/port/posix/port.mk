# The virtual device: `make -C firmware device`. Included by firmware/Makefile, whose settings it takes.
PORT := $(patsubst %.c,$(BUILD)/%.o,$(wildcard port/posix/*.c))
FLASH_CHECK := $(patsubst %,$(BUILD)/port/posix/%.o,check/flash_check flash log)
MQTT_CHECK := $(patsubst %,$(BUILD)/port/posix/%.o,check/mqtt_check check/mqtt_connections mqtt/packet mqtt/client)

.PHONY: device flash-check mqtt-check
device: $(BUILD)/edgefleet-device
flash-check: $(BUILD)/flash_check
mqtt-check: $(BUILD)/mqtt_check

$(BUILD)/edgefleet-device: $(PORT) $(LIBRARY)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $^ -lmosquitto -lmbedtls -lmbedx509 -lmbedcrypto -lm -o $@

$(BUILD)/flash_check: $(FLASH_CHECK)
$(BUILD)/mqtt_check: $(MQTT_CHECK)
$(BUILD)/flash_check $(BUILD)/mqtt_check:
	@echo "  link $@"
	@$(CC) $(CFLAGS) $^ -o $@

$(PORT) $(FLASH_CHECK) $(MQTT_CHECK): CPPFLAGS += -Iport/posix
$(PORT): | $(BUILD)/mosquitto-found

$(BUILD)/mosquitto-found: | $(BUILD)/psa-crypto-found
	@printf '#include <mosquitto.h>\n' | $(CC) -E -x c - >/dev/null 2>&1 || \
	  { echo 'mosquitto.h is missing: install libmosquitto for development (Debian: apt-get install libmosquitto-dev)' >&2; exit 1; }
	@touch $@

-include $(PORT:.o=.d) $(FLASH_CHECK:.o=.d) $(MQTT_CHECK:.o=.d)
