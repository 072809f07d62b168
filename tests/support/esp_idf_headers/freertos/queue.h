/* Source: ESP-IDF v5.5.5 and v6.0.2, components/freertos/FreeRTOS-Kernel/include/freertos/queue.h */
#pragma once

#ifndef PUBLISHED_FREERTOS
#error "include FreeRTOS.h must appear in source files before include queue.h"
#endif

typedef struct QueueDefinition *QueueHandle_t;
QueueHandle_t xQueueCreate(UBaseType_t length, UBaseType_t item_size);
BaseType_t xQueueSend(QueueHandle_t queue, const void *item, TickType_t wait);
BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t wait);
