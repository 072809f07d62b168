/* Source: ESP-IDF v5.5.5 and v6.0.2, components/freertos/FreeRTOS-Kernel/include/freertos/task.h */
#pragma once

#ifndef PUBLISHED_FREERTOS
#error "include FreeRTOS.h must appear in source files before include task.h"
#endif

typedef struct tskTaskControlBlock *TaskHandle_t;
typedef void (*TaskFunction_t)(void *);
BaseType_t xTaskCreate(TaskFunction_t code, const char *name, uint32_t stack, void *parameters, UBaseType_t priority,
                       TaskHandle_t *created);
void vTaskDelay(TickType_t ticks);
void vTaskDelete(TaskHandle_t task);
