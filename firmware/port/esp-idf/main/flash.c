#include <esp_log.h>

#include "board.h"

static const char tag[] = "flash";

static const char *const labels[AREA_COUNT] = {
    [AREA_JOURNAL] = "journal",
    [AREA_MANIFESTS] = "manifests",
    [AREA_MODEL_A] = "model_a",
    [AREA_MODEL_B] = "model_b",
};

/* Mapped once and for good: ESP-IDF drops what the cache holds of a page that it writes or erases. */
static bool open_area(ei_area *area, const char *label, uint32_t begin) {
    const void *bytes = NULL;
    esp_partition_mmap_handle_t handle;
    area->begin = begin;
    area->partition = esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, label);
    if (area->partition == NULL) {
        ESP_LOGE(tag, "there is no partition %s", label);
        return false;
    }
    if (area->partition->encrypted || area->partition->size % EF_FLASH_SECTOR != 0) {
        /* Encrypted flash is written 16 bytes at a time; the journal clears bits. */
        ESP_LOGE(tag, "%s is encrypted, or not whole sectors", label);
        return false;
    }
    esp_err_t error = esp_partition_mmap(area->partition, 0, area->partition->size, ESP_PARTITION_MMAP_DATA, &bytes,
                                         &handle);
    if (error != ESP_OK) {
        ESP_LOGE(tag, "%s cannot be mapped: %s", label, esp_err_to_name(error));
    }
    area->bytes = bytes;
    return error == ESP_OK;
}

bool flash_open(ei_flash *flash) {
    flash->size = 0;
    for (unsigned i = 0; i < AREA_COUNT; i++) {
        if (!open_area(&flash->areas[i], labels[i], flash->size)) {
            return false;
        }
        flash->size += flash->areas[i].partition->size;
    }
    flash->slot_bytes = flash->areas[AREA_MODEL_A].partition->size;
    if (ef_agent_flash_bytes(flash->slot_bytes) != flash->size) {
        ESP_LOGE(tag, "partitions of %u bytes are not the core's %u", (unsigned)flash->size,
                 (unsigned)ef_agent_flash_bytes(flash->slot_bytes));
        return false;
    }
    return true;
}

/* The area that holds all of a range; NULL: none does. */
static const ei_area *find_area(const ei_flash *flash, uint32_t offset, size_t length) {
    for (unsigned i = 0; i < AREA_COUNT; i++) {
        const ei_area *area = &flash->areas[i];
        uint32_t size = area->partition->size;
        if (offset >= area->begin && offset - area->begin < size) {
            return length <= size - (offset - area->begin) ? area : NULL;
        }
    }
    return NULL;
}

static bool is_done(esp_err_t error, const char *what, uint32_t offset) {
    if (error != ESP_OK) {
        ESP_LOGE(tag, "%s at 0x%06x: %s", what, (unsigned)offset, esp_err_to_name(error));
    }
    return error == ESP_OK;
}

static bool read_flash(void *context, uint32_t offset, void *out, size_t length) {
    const ei_area *area = find_area(&((ei_board *)context)->flash, offset, length);
    return area != NULL && is_done(esp_partition_read(area->partition, offset - area->begin, out, length), "read",
                                   offset);
}

static bool program_flash(void *context, uint32_t offset, const void *bytes, size_t length) {
    const ei_area *area = find_area(&((ei_board *)context)->flash, offset, length);
    return area != NULL && is_done(esp_partition_write(area->partition, offset - area->begin, bytes, length),
                                   "program", offset);
}

static bool erase_flash(void *context, uint32_t offset) {
    const ei_area *area = find_area(&((ei_board *)context)->flash, offset, EF_FLASH_SECTOR);
    return area != NULL && is_done(esp_partition_erase_range(area->partition, offset - area->begin, EF_FLASH_SECTOR),
                                   "erase", offset);
}

static const uint8_t *map_flash(void *context, uint32_t offset, size_t length) {
    const ei_area *area = find_area(&((ei_board *)context)->flash, offset, length);
    return area != NULL ? area->bytes + (offset - area->begin) : NULL;
}

void flash_wire(ef_hal *hal) {
    hal->flash = (ef_hal_flash){.read = read_flash, .program = program_flash, .erase = erase_flash, .map = map_flash};
}
