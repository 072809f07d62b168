/* So many at once, first come first served: for handshakes that would choke the other side if all began together. */
#ifndef EDGEFLEET_POSIX_SWARM_TURNSTILE_H
#define EDGEFLEET_POSIX_SWARM_TURNSTILE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum { TURN_NONE, TURN_WAITING, TURN_INSIDE } px_turn_state;

typedef struct px_turn {
    struct px_turn *before;
    struct px_turn *after;
    uint32_t who; /* the owner's, whatever it means */
    px_turn_state state;
} px_turn;

typedef struct {
    px_turn line; /* its neighbours are the first and the last; the line is a ring */
    uint32_t inside;
    uint32_t most;
    uint32_t waiting;
} px_turnstile;

void turnstile_init(px_turnstile *turnstile, uint32_t most);

/* Whether it is inside now; if not it waits until it is let in: ask again then. A turn is zero at first, but for
 * `who`. */
bool turnstile_enter(px_turnstile *turnstile, px_turn *turn);

/* Leaves from inside, or waits no longer. */
void turnstile_leave(px_turnstile *turnstile, px_turn *turn);

/* Lets the first who waits in, if there is room; NULL when there is none, or nobody. */
px_turn *turnstile_admit(px_turnstile *turnstile);

#endif
