# Virtual devices: `make -C firmware device`, `make -C firmware swarm`. Included by firmware/Makefile, whose settings it takes.
MACHINE := $(patsubst %.c,$(BUILD)/%.o,$(wildcard port/posix/machine/*.c))
PORT := $(patsubst %.c,$(BUILD)/%.o,$(wildcard port/posix/*.c)) $(MACHINE)
# A swarm shares what is not of one board; it has an MQTT client of its own.
SWARM := $(patsubst %.c,$(BUILD)/%.o,$(wildcard port/posix/swarm/*.c port/posix/mqtt/*.c)) \
  $(patsubst %,$(BUILD)/port/posix/%.o,arguments files identity log runtime stream tensors)
FLASH_CHECK := $(patsubst %,$(BUILD)/port/posix/%.o,check/flash_check flash log)
MQTT_CHECK := $(patsubst %,$(BUILD)/port/posix/%.o,check/mqtt_check check/mqtt_connections mqtt/packet mqtt/client)
SWARM_CHECK := $(patsubst %,$(BUILD)/port/posix/%.o,check/swarm_check swarm/turnstile swarm/memory_flash log)
WATCHDOG_CHECK := $(patsubst %,$(BUILD)/port/posix/%.o,check/watchdog_check watchdog log)
SENSORS_CHECK := $(MACHINE) $(patsubst %,$(BUILD)/port/posix/%.o,check/sensors_check log)
MOTOR_FRAMES := $(MACHINE) $(patsubst %,$(BUILD)/port/posix/%.o,check/motor_frames log)
MODELS_CHECK := $(patsubst %,$(BUILD)/port/posix/%.o,check/models_check swarm/models tensors runtime log)
CHECKS := $(MODELS_CHECK) $(FLASH_CHECK) $(MQTT_CHECK) $(SWARM_CHECK) $(WATCHDOG_CHECK) $(SENSORS_CHECK) $(MOTOR_FRAMES)

.PHONY: device swarm flash-check mqtt-check swarm-check watchdog-check sensors-check models-check motor-frames
device: $(BUILD)/edgefleet-device
swarm: $(BUILD)/edgefleet-swarm
flash-check: $(BUILD)/flash_check
mqtt-check: $(BUILD)/mqtt_check
swarm-check: $(BUILD)/swarm_check
watchdog-check: $(BUILD)/watchdog_check
sensors-check: $(BUILD)/sensors_check
models-check: $(BUILD)/models_check
motor-frames: $(BUILD)/motor_frames

$(BUILD)/edgefleet-device: $(PORT) $(LIBRARY)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $^ -lmosquitto -lmbedtls -lmbedx509 -lmbedcrypto -lm -o $@

$(BUILD)/models_check: $(MODELS_CHECK) $(LIBRARY)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $^ -lmbedcrypto -lm -o $@

# Linux only: epoll, and memory that is shared until it is written.
$(patsubst %.c,$(BUILD)/%.o,$(wildcard port/posix/swarm/*.c)): CPPFLAGS += -D_GNU_SOURCE

$(BUILD)/edgefleet-swarm: $(SWARM) $(LIBRARY)
	@echo "  link $@"
	@$(CC) $(CFLAGS) $^ -lmbedtls -lmbedx509 -lmbedcrypto -lm -o $@

$(BUILD)/flash_check: $(FLASH_CHECK)
$(BUILD)/mqtt_check: $(MQTT_CHECK)
$(BUILD)/swarm_check: $(SWARM_CHECK)
$(BUILD)/watchdog_check: $(WATCHDOG_CHECK)
$(BUILD)/sensors_check: $(SENSORS_CHECK)
$(BUILD)/motor_frames: $(MOTOR_FRAMES)
$(patsubst %,$(BUILD)/%,flash_check mqtt_check swarm_check watchdog_check sensors_check motor_frames):
	@echo "  link $@"
	@$(CC) $(CFLAGS) $^ -lm -o $@

$(PORT) $(SWARM) $(CHECKS): CPPFLAGS += -Iport/posix
$(PORT): | $(BUILD)/mosquitto-found

$(BUILD)/mosquitto-found: | $(BUILD)/psa-crypto-found
	@printf '#include <mosquitto.h>\n' | $(CC) -E -x c - >/dev/null 2>&1 || \
	  { echo 'mosquitto.h is missing: install libmosquitto for development (Debian: apt-get install libmosquitto-dev)' >&2; exit 1; }
	@touch $@

-include $(PORT:.o=.d) $(SWARM:.o=.d) $(CHECKS:.o=.d)
