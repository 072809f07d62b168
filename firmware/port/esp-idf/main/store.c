#include "store.h"

#include <esp_log.h>
#include <nvs.h>
#include <nvs_flash.h>
#include <stdlib.h>

#define SPACE "edgefleet"

static const char tag[] = "store";

/* An NVS that cannot be opened holds the device's key: it is not erased here, a person decides. */
bool store_open(void) {
    esp_err_t error = nvs_flash_init();
    if (error != ESP_OK) {
        ESP_LOGE(tag, "NVS: %s", esp_err_to_name(error));
    }
    return error == ESP_OK;
}

bool store_read_text(const char *key, char *out, size_t capacity) {
    nvs_handle_t handle;
    size_t length = capacity;
    if (nvs_open(SPACE, NVS_READONLY, &handle) != ESP_OK) {
        return false; /* nothing was ever written */
    }
    esp_err_t error = nvs_get_str(handle, key, out, &length);
    nvs_close(handle);
    return error == ESP_OK;
}

bool store_read(const char *key, void *out, size_t length) {
    nvs_handle_t handle;
    size_t got = length;
    if (nvs_open(SPACE, NVS_READONLY, &handle) != ESP_OK) {
        return false;
    }
    esp_err_t error = nvs_get_blob(handle, key, out, &got);
    nvs_close(handle);
    return error == ESP_OK && got == length;
}

char *store_copy(const char *key, size_t *length) {
    nvs_handle_t handle;
    char *bytes = NULL;
    *length = 0;
    if (nvs_open(SPACE, NVS_READONLY, &handle) != ESP_OK) {
        return NULL;
    }
    if (nvs_get_blob(handle, key, NULL, length) == ESP_OK) {
        bytes = calloc(1, *length + 1);
    }
    if (bytes != NULL && nvs_get_blob(handle, key, bytes, length) != ESP_OK) {
        free(bytes);
        bytes = NULL;
    }
    nvs_close(handle);
    return bytes;
}

bool store_write(const char *key, const void *bytes, size_t length) {
    nvs_handle_t handle;
    esp_err_t error = nvs_open(SPACE, NVS_READWRITE, &handle);
    if (error == ESP_OK) {
        error = nvs_set_blob(handle, key, bytes, length);
        error = error == ESP_OK ? nvs_commit(handle) : error;
        nvs_close(handle);
    }
    if (error != ESP_OK) {
        ESP_LOGE(tag, "%s: %s", key, esp_err_to_name(error));
    }
    return error == ESP_OK;
}
