/* Source: ESP-IDF v5.5.5 and v6.0.2, components/lwip (POSIX names of lwIP; the host has the same) */
#pragma once

#include <netdb.h>
