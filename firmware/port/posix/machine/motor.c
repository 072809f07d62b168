#include "machine/motor.h"

#include <math.h>

#define TAU 6.283185307179586
#define LINE_HZ 50.0
#define RATED_SLIP 0.13
#define RATED_HZ (LINE_HZ * (1.0 - RATED_SLIP))
#define MAGNETISING_AMPERES 0.30
#define LOAD_AMPERES 0.233 /* so that rated load draws 0.38 A */
#define THIRD_HARMONIC 0.1 /* a shaded pole saturates */
#define SIDEBAND 0.004     /* of a sound rotor, of the fundamental */
#define OHMS 70.0
#define COPPER_PER_KELVIN 0.00393
#define IRON_WATTS 8.0
#define ROTOR_WATTS 6.0
#define KELVIN_PER_WATT 2.0
#define HEATING_SECONDS 300.0
#define IDLE_LOAD 0.15    /* with the valve closed the fan moves only itself */
#define DRAUGHT_SECONDS 4.0
#define DRAUGHT 0.06      /* of the load */
#define SUPPLY_SECONDS 20.0
#define SUPPLY 0.008      /* of the voltage */
#define BPFO 3.5848       /* balls past the outer race, a turn */
#define PASS_SLIP 0.01    /* of the time between two of them */
#define KNOCK 10.0        /* m/s2, of a bearing about to fail */
#define DAMPING 0.05      /* of the frame's ringing */
#define SECOND_ORDER 0.12 /* velocity at twice and three times the speed, of that at once */
#define THIRD_ORDER 0.08
#define NOISE 0.3         /* m/s2, of air and sound bearings */
#define ROUGHNESS 6.0     /* of a bearing about to fail, in NOISE: some 2 mm/s */
#define REFERENCE_PASCAL 20e-6
#define BLADES 5.0

/* xorshift64*: seeds that differ by one are far apart after the first steps. */
static double draw(px_motor *motor) {
    motor->random ^= motor->random >> 12;
    motor->random ^= motor->random << 25;
    motor->random ^= motor->random >> 27;
    return (double)((motor->random * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}

static double draw_between(px_motor *motor, double low, double high) {
    return low + (high - low) * draw(motor);
}

/* Of variance 1, nearly normal. */
static double draw_noise(px_motor *motor) {
    double sum = 0.0;
    for (unsigned i = 0; i < 12; i++) {
        sum += draw(motor);
    }
    return sum - 6.0;
}

px_faults motor_faultless(void) {
    return (px_faults){.vibration_gain = 1.0};
}

/* An operating point. */
typedef struct {
    double volts; /* of 230 V */
    double slip;
    double hertz;
    double amperes;
    double celsius; /* that it would end at */
} point;

static point find_point(const px_motor *motor, const px_faults *faults, double wander) {
    point at = {.volts = 1.0 + SUPPLY * motor->supply * wander};
    double load = motor->duty * (1.0 + DRAUGHT * motor->draught * wander) * (motor->is_loaded ? 1.0 : IDLE_LOAD);
    double torque = load + 0.25 * faults->bearing + 0.45 * faults->overload;
    at.slip = fmin(fmax(RATED_SLIP * torque / (at.volts * at.volts), 0.005), 0.6);
    at.hertz = LINE_HZ * (1.0 - at.slip);
    at.amperes = hypot(MAGNETISING_AMPERES * pow(at.volts, 1.8), LOAD_AMPERES * torque / at.volts);
    double watts = IRON_WATTS * at.volts * at.volts + ROTOR_WATTS * torque * at.slip / RATED_SLIP +
                   at.amperes * at.amperes * OHMS * (1.0 + COPPER_PER_KELVIN * 35.0);
    double resistance =
        KELVIN_PER_WATT * motor->cooling * (1.0 + 0.7 * faults->blocked_air) * pow(RATED_HZ / at.hertz, 0.6);
    at.celsius = motor->ambient + resistance * watts;
    return at;
}

void motor_make(px_motor *motor, uint64_t seed) {
    px_faults none = motor_faultless();
    *motor = (px_motor){.random = seed * UINT64_C(0x9E3779B97F4A7C15) | 1u, .pass = 1.0, .is_loaded = true};
    for (unsigned i = 0; i < 16; i++) {
        (void)draw(motor);
    }
    motor->duty = draw_between(motor, 0.4, 0.8);
    motor->cooling = exp(0.12 * draw_noise(motor));
    motor->imbalance = exp(0.4 * draw_noise(motor));
    motor->hum = 0.4 * exp(0.2 * draw_noise(motor));
    motor->room = pow(10.0, draw_between(motor, 4.2, 5.4));
    motor->ambient = draw_between(motor, 16.0, 28.0);
    motor->resonance = draw_between(motor, 1150.0, 1550.0);
    motor->shaft = draw(motor);
    motor->celsius = find_point(motor, &none, 0.0).celsius;
}

void motor_pass(px_motor *motor, const px_faults *faults, double seconds) {
    double target = find_point(motor, faults, 0.0).celsius;
    motor->celsius = target + (motor->celsius - target) * exp(-seconds / HEATING_SECONDS);
}

double motor_celsius(px_motor *motor, const px_faults *faults) {
    return motor->celsius + faults->temperature_offset + 0.15 * draw_noise(motor);
}

static double advance(double *phase, double hertz, double seconds) {
    *phase += hertz * seconds;
    *phase -= floor(*phase);
    return TAU * *phase;
}

/* A wander of variance 1 that forgets within some seconds. */
static void wander(px_motor *motor, double *value, double seconds, double step) {
    double keep = exp(-step / seconds);
    *value = keep * *value + sqrt(1.0 - keep * keep) * draw_noise(motor);
}

static double draw_current(px_motor *motor, const point *at, double seconds) {
    double line = advance(&motor->line, LINE_HZ, seconds);
    double sideband = advance(&motor->slipping, LINE_HZ * (1.0 - 2.0 * at->slip), seconds);
    double peak = at->amperes * sqrt(2.0 / (1.0 + THIRD_HARMONIC * THIRD_HARMONIC));
    return peak * (sin(line) + THIRD_HARMONIC * sin(3.0 * line) + SIDEBAND * sin(sideband));
}

/* Whether a ball passes the spall within this sample. */
static bool passes(px_motor *motor, double hertz, double seconds) {
    motor->race += BPFO * hertz * seconds;
    if (motor->race < motor->pass) {
        return false;
    }
    motor->race -= motor->pass;
    motor->pass = 1.0 + PASS_SLIP * draw_noise(motor);
    return true;
}

/* The frame, which every knock makes ring: a resonator of two poles. */
static double ring(px_motor *motor, double knock, double seconds) {
    double decay = exp(-DAMPING * TAU * motor->resonance * seconds);
    double next = 2.0 * decay * cos(TAU * motor->resonance * seconds) * motor->ring[0] -
                  decay * decay * motor->ring[1] + knock;
    motor->ring[1] = motor->ring[0];
    motor->ring[0] = next;
    return next;
}

/* Velocity of the frame as it turns and hums, in mm/s; acceleration is what the sensor sees. */
typedef struct {
    double turning;
    double hum;
} shaking;

static shaking find_shaking(const px_motor *motor, const px_faults *faults, const point *at) {
    double speed = at->hertz / RATED_HZ;
    return (shaking){motor->imbalance * (1.0 + 2.2 * faults->imbalance) * speed * speed,
                     motor->hum * at->volts * at->volts};
}

static double vibrate(px_motor *motor, const px_faults *faults, const point *at, const shaking *moves,
                      double seconds) {
    double turn = advance(&motor->shaft, at->hertz, seconds);
    double per_second = TAU * at->hertz;
    double hum = 2.0 * TAU * motor->line;
    double knock =
        passes(motor, at->hertz, seconds) ? KNOCK * faults->bearing * (1.0 + 0.2 * draw_noise(motor)) : 0.0;
    double orders = sin(turn) + 2.0 * SECOND_ORDER * sin(2.0 * turn + 1.0) + 3.0 * THIRD_ORDER * sin(3.0 * turn + 2.0);
    double even =
        1e-3 * sqrt(2.0) * (per_second * moves->turning * orders + 2.0 * TAU * LINE_HZ * moves->hum * sin(hum));
    double rough = NOISE * (1.0 + ROUGHNESS * faults->bearing) * draw_noise(motor);
    return even + rough + ring(motor, knock, seconds);
}

/* Powers add: the room, the fan, of which less is heard where no air moves, and what shakes. */
static double find_pascal(const px_motor *motor, const px_faults *faults, const point *at, const shaking *moves) {
    double rough = 2.4 * faults->bearing;
    double velocity2 = moves->turning * moves->turning + moves->hum * moves->hum + rough * rough;
    double fan = pow(10.0, 5.2) * pow(at->hertz / RATED_HZ, 5.0) * (1.0 - 0.5 * faults->blocked_air);
    return REFERENCE_PASCAL * sqrt(motor->room + fan + pow(10.0, 4.6) * velocity2);
}

static int16_t convert(double value, float scale) {
    double steps = floor(value / (double)scale + 0.5);
    return (int16_t)fmin(fmax(steps, INT16_MIN), INT16_MAX);
}

/* Load and voltage change so slowly that a block of samples has one operating point. */
enum { BLOCK_FRAMES = 64 };

static void sample_block(px_motor *motor, const px_faults *faults, uint32_t rate_hz, ef_sensor_frame *frames,
                         size_t count) {
    double step = 1.0 / rate_hz;
    wander(motor, &motor->draught, DRAUGHT_SECONDS, step * (double)count);
    wander(motor, &motor->supply, SUPPLY_SECONDS, step * (double)count);
    point at = find_point(motor, faults, 1.0);
    shaking moves = find_shaking(motor, faults, &at);
    double pascal = find_pascal(motor, faults, &at, &moves);
    for (size_t i = 0; i < count; i++) {
        double blade = 0.5 * sin(TAU * BLADES * motor->shaft);
        double amperes = draw_current(motor, &at, step);
        double acceleration = vibrate(motor, faults, &at, &moves, step);
        double clicks = 0.002 * motor->ring[0];
        frames[i].current = convert(amperes, MOTOR_AMPERE_PER_LSB);
        frames[i].vibration = convert(faults->vibration_gain * acceleration, MOTOR_METRE_PER_SECOND2_PER_LSB);
        frames[i].sound = convert(pascal * (blade + 0.935 * draw_noise(motor)) + clicks, MOTOR_PASCAL_PER_LSB);
    }
}

void motor_sample(px_motor *motor, const px_faults *faults, uint32_t rate_hz, ef_sensor_frame *frames, size_t count) {
    for (size_t done = 0; done < count;) {
        size_t block = count - done < BLOCK_FRAMES ? count - done : BLOCK_FRAMES;
        sample_block(motor, faults, rate_hz, frames + done, block);
        done += block;
    }
    motor_pass(motor, faults, (double)count / rate_hz);
}
