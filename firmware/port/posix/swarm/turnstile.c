#include "swarm/turnstile.h"

#include <stddef.h>

void turnstile_init(px_turnstile *turnstile, uint32_t most) {
    *turnstile = (px_turnstile){.most = most};
    turnstile->line.before = &turnstile->line;
    turnstile->line.after = &turnstile->line;
}

static void set_waiting(px_turnstile *turnstile, px_turn *turn, px_turn_state state) {
    turnstile->waiting -= turn->state == TURN_WAITING ? 1 : 0;
    turnstile->waiting += state == TURN_WAITING ? 1 : 0;
    turn->state = state;
}

static void queue(px_turnstile *turnstile, px_turn *turn) {
    turn->before = turnstile->line.before;
    turn->after = &turnstile->line;
    turn->before->after = turn;
    turn->after->before = turn;
}

static void unqueue(px_turn *turn) {
    turn->before->after = turn->after;
    turn->after->before = turn->before;
    turn->before = NULL;
    turn->after = NULL;
}

static void let_in(px_turnstile *turnstile, px_turn *turn) {
    set_waiting(turnstile, turn, TURN_INSIDE);
    turnstile->inside++;
}

px_turn *turnstile_admit(px_turnstile *turnstile) {
    px_turn *each = turnstile->line.after;
    if (turnstile->inside >= turnstile->most || turnstile->waiting == 0) {
        return NULL;
    }
    while (each->state != TURN_WAITING) {
        each = each->after;
    }
    unqueue(each);
    let_in(turnstile, each);
    return each;
}

bool turnstile_enter(px_turnstile *turnstile, px_turn *turn) {
    if (turn->state == TURN_INSIDE) {
        return true;
    }
    if (turnstile->waiting == 0 && turnstile->inside < turnstile->most) {
        if (turn->state == TURN_ABSENT) {
            unqueue(turn);
        }
        let_in(turnstile, turn);
        return true;
    }
    if (turn->state == TURN_NONE) {
        queue(turnstile, turn);
    }
    set_waiting(turnstile, turn, TURN_WAITING);
    return false;
}

void turnstile_leave(px_turnstile *turnstile, px_turn *turn) {
    if (turn->state == TURN_INSIDE) {
        turnstile->inside--;
        turn->state = TURN_NONE;
    } else if (turn->state == TURN_WAITING) {
        set_waiting(turnstile, turn, TURN_ABSENT);
    }
}

void turnstile_forget(px_turnstile *turnstile, px_turn *turn) {
    turnstile_leave(turnstile, turn);
    if (turn->state == TURN_ABSENT) {
        unqueue(turn);
        turn->state = TURN_NONE;
    }
}
