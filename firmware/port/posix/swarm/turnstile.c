#include "swarm/turnstile.h"

#include <stddef.h>

void turnstile_init(px_turnstile *turnstile, uint32_t most) {
    *turnstile = (px_turnstile){.most = most};
    turnstile->line.before = &turnstile->line;
    turnstile->line.after = &turnstile->line;
}

static void queue(px_turnstile *turnstile, px_turn *turn) {
    turn->state = TURN_WAITING;
    turn->before = turnstile->line.before;
    turn->after = &turnstile->line;
    turn->before->after = turn;
    turn->after->before = turn;
    turnstile->waiting++;
}

static void unqueue(px_turnstile *turnstile, px_turn *turn) {
    turn->before->after = turn->after;
    turn->after->before = turn->before;
    turn->before = NULL;
    turn->after = NULL;
    turn->state = TURN_NONE;
    turnstile->waiting--;
}

static void let_in(px_turnstile *turnstile, px_turn *turn) {
    turn->state = TURN_INSIDE;
    turnstile->inside++;
}

px_turn *turnstile_admit(px_turnstile *turnstile) {
    px_turn *first = turnstile->line.after;
    if (turnstile->inside >= turnstile->most || turnstile->waiting == 0) {
        return NULL;
    }
    unqueue(turnstile, first);
    let_in(turnstile, first);
    return first;
}

bool turnstile_enter(px_turnstile *turnstile, px_turn *turn) {
    if (turn->state != TURN_NONE) {
        return turn->state == TURN_INSIDE;
    }
    if (turnstile->waiting == 0 && turnstile->inside < turnstile->most) {
        let_in(turnstile, turn);
        return true;
    }
    queue(turnstile, turn);
    return false;
}

void turnstile_leave(px_turnstile *turnstile, px_turn *turn) {
    if (turn->state == TURN_INSIDE) {
        turnstile->inside--;
        turn->state = TURN_NONE;
    } else if (turn->state == TURN_WAITING) {
        unqueue(turnstile, turn);
    }
}
