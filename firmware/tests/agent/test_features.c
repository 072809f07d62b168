/* What a window says, of signals whose features are known on paper and of a machine with one fault at a time. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "machine_double.h"

#define TAU 6.283185307179586

typedef struct {
    ef_sensor_frame window[EF_WINDOW_SAMPLES];
    float work[EF_FEATURES_WORK];
    float of[EF_MOTOR_LEVEL2_FEATURES];
} measurement;

static const ef_sensor_scales steps = {0.0001f, 0.001f, 0.0001f};

/* Whether a feature is what it should be, to a share of it. */
static bool is_near(float seen, double wanted, double share) {
    bool near = fabs((double)seen - wanted) <= share * fabs(wanted);
    if (!near) {
        printf("    %g, expected %g\n", (double)seen, wanted);
    }
    return near;
}

static int16_t to_steps(double value) {
    return (int16_t)floor(value + 0.5);
}

static bool judge(measurement *m) {
    return ef_features(m->window, 40.0f, &steps, m->work, m->of);
}

static void measure_machine(measurement *m, machine_double *machine) {
    machine_sample(machine, m->window, EF_WINDOW_SAMPLES);
    CHECK(ef_features(m->window, machine->celsius, &machine->scales, m->work, m->of));
}

static double wave(size_t i, double hertz) {
    return sin(TAU * hertz * (double)i / EF_WINDOW_RATE_HZ);
}

static void test_sines_read_what_they_are(const test_setting *setting) {
    measurement m;
    (void)setting;
    for (size_t i = 0; i < EF_WINDOW_SAMPLES; i++) {
        m.window[i].current = to_steps(123.0 + 5000.0 * sqrt(2.0) * wave(i, 50.0) + 500.0 * sqrt(2.0) * wave(i, 150.0));
        m.window[i].vibration = to_steps(-400.0 + 2000.0 * wave(i, 44.0));
        m.window[i].sound = to_steps(200.0 * sqrt(2.0) * wave(i, 440.0));
    }
    CHECK(judge(&m));
    CHECK(is_near(m.of[EF_FEATURE_CURRENT], 0.5 * sqrt(1.01), 1e-4));
    CHECK(m.of[EF_FEATURE_TEMPERATURE] == 40.0f);
    /* 2 m/s2 at 44 Hz. */
    double velocity = 2000.0 / sqrt(2.0) / (TAU * 44.0);
    CHECK(is_near(m.of[EF_FEATURE_VIBRATION], velocity, 0.002)); /* a velocity's line is a little skewed */
    CHECK(is_near(m.of[EF_FEATURE_ORDER1], velocity, 0.002));
    CHECK(is_near(m.of[EF_FEATURE_SOUND], 60.0, 1e-4)); /* 20 mPa */
    CHECK(is_near(m.of[EF_FEATURE_ACCELERATION], 2.0 / sqrt(2.0), 1e-4));
    CHECK(is_near(m.of[EF_FEATURE_KURTOSIS], 1.5, 1e-3));
    CHECK(is_near(m.of[EF_FEATURE_CREST], sqrt(2.0), 1e-3));
    CHECK(is_near(m.of[EF_FEATURE_ROTATION], 44.0, 1e-5));
    CHECK(m.of[EF_FEATURE_ORDER2] < 0.002f && m.of[EF_FEATURE_ORDER3] < 0.002f);
    CHECK(m.of[EF_FEATURE_HIGH_BAND] < 0.001f);
    CHECK(is_near(m.of[EF_FEATURE_CURRENT_FUNDAMENTAL], 0.5, 1e-4));
    CHECK(is_near(m.of[EF_FEATURE_CURRENT_THD], 0.1, 1e-3));
    CHECK(m.of[EF_FEATURE_CURRENT_SIDEBAND] < 0.001f);
    CHECK(is_near(m.of[EF_FEATURE_SOUND_CREST], sqrt(2.0), 0.01));
}

static void test_orders_are_told_apart(const test_setting *setting) {
    static const double sizes[] = {1000.0, 700.0, 400.0, 900.0};
    static const double hertz[] = {42.0, 84.0, 126.0, 100.0};
    static const ef_feature features[] = {EF_FEATURE_ORDER1, EF_FEATURE_ORDER2, EF_FEATURE_ORDER3,
                                          EF_FEATURE_LINE_DOUBLE};
    measurement m;
    (void)setting;
    memset(m.window, 0, sizeof m.window);
    for (size_t i = 0; i < EF_WINDOW_SAMPLES; i++) {
        double sum = 0.0;
        for (size_t each = 0; each < 4; each++) {
            sum += sizes[each] * wave(i, hertz[each]);
        }
        m.window[i].vibration = to_steps(sum);
    }
    CHECK(judge(&m));
    for (size_t each = 0; each < 4; each++) {
        CHECK(is_near(m.of[features[each]], sizes[each] / sqrt(2.0) / (TAU * hertz[each]), 0.005));
    }
}

static void test_the_speed_is_found_between_two_bins(const test_setting *setting) {
    measurement m;
    (void)setting;
    memset(m.window, 0, sizeof m.window);
    for (double hertz = 35.0; hertz <= 50.0; hertz += 0.3) {
        for (size_t i = 0; i < EF_WINDOW_SAMPLES; i++) {
            m.window[i].vibration = to_steps(3000.0 * sin(TAU * hertz * (double)i / EF_WINDOW_RATE_HZ + hertz));
        }
        CHECK(judge(&m));
        CHECK(fabs((double)m.of[EF_FEATURE_ROTATION] - hertz) < 0.03);
    }
}

/* 1300 Hz that comes and goes with the balls: half of it is modulated. */
static void test_the_envelope_is_what_modulates(const test_setting *setting) {
    measurement m;
    const double ball = (double)EF_BPFO * 44.0;
    (void)setting;
    memset(m.window, 0, sizeof m.window);
    for (size_t i = 0; i < EF_WINDOW_SAMPLES; i++) {
        m.window[i].vibration = to_steps(2000.0 * wave(i, 44.0) + 1000.0 * (1.0 + 0.5 * wave(i, ball)) * wave(i, 1301.0));
    }
    CHECK(judge(&m));
    CHECK(is_near(m.of[EF_FEATURE_HIGH_BAND], sqrt(0.5 * 1.125), 0.002));
    CHECK(is_near(m.of[EF_FEATURE_ENVELOPE], 0.5 / sqrt(2.0), 0.005));
    CHECK(is_near(m.of[EF_FEATURE_OUTER_RACE], 0.5 / sqrt(2.0), 0.03)); /* three bins hold nearly all of a line */
    CHECK(m.of[EF_FEATURE_INNER_RACE] < 0.002f);
}

static void test_a_steady_tone_has_no_envelope(const test_setting *setting) {
    measurement m;
    (void)setting;
    memset(m.window, 0, sizeof m.window);
    for (size_t i = 0; i < EF_WINDOW_SAMPLES; i++) {
        m.window[i].vibration = to_steps(2000.0 * wave(i, 44.0) + 10000.0 * wave(i, 1300.0));
    }
    CHECK(judge(&m));
    CHECK(is_near(m.of[EF_FEATURE_HIGH_BAND], 10.0 / sqrt(2.0), 1e-4));
    CHECK(m.of[EF_FEATURE_ENVELOPE] < 0.005f);
}

static void test_nothing_moves_and_nothing_is_said(const test_setting *setting) {
    static const int16_t levels[] = {0, 1, -77, INT16_MAX, INT16_MIN};
    (void)setting;
    for (size_t each = 0; each < sizeof levels / sizeof levels[0]; each++) {
        measurement m;
        for (size_t i = 0; i < EF_WINDOW_SAMPLES; i++) {
            m.window[i] = (ef_sensor_frame){levels[each], levels[each], levels[each]};
        }
        CHECK(judge(&m));
        for (unsigned i = 0; i < EF_MOTOR_LEVEL2_FEATURES; i++) {
            CHECK(m.of[i] == (i == EF_FEATURE_TEMPERATURE ? 40.0f : 0.0f));
        }
    }
}

/* From the smallest thing there is to both ends of the converter, whatever the shape. */
static void test_every_window_has_finite_features(const test_setting *setting) {
    uint32_t random = 1;
    (void)setting;
    for (unsigned round = 0; round < 300; round++) {
        measurement m;
        unsigned shift = 17 + round % 15;
        for (size_t i = 0; i < 3 * EF_WINDOW_SAMPLES; i++) {
            random = random * 1664525u + 1013904223u;
            int32_t noise = (int32_t)(random ^ (random << 13)) >> shift;
            bool rare = round % 7 == 0 && (random >> 20) != 1;
            bool rails = round % 5 == 0;
            int32_t value = rare ? 0 : rails ? (noise < 0 ? INT16_MIN : INT16_MAX) : noise;
            int16_t *frame = (int16_t *)&m.window[i / 3];
            frame[i % 3] = (int16_t)value;
        }
        CHECK(judge(&m));
        for (unsigned i = 0; i < EF_MOTOR_LEVEL2_FEATURES; i++) {
            CHECK(isfinite(m.of[i]) && m.of[i] >= 0.0f);
        }
        CHECK(m.of[EF_FEATURE_ROTATION] == 0.0f ||
              (m.of[EF_FEATURE_ROTATION] >= 35.0f && m.of[EF_FEATURE_ROTATION] <= 50.0f));
    }
}

static void test_a_temperature_that_is_none_is_refused(const test_setting *setting) {
    measurement m;
    (void)setting;
    memset(m.window, 0, sizeof m.window);
    CHECK(!ef_features(m.window, NAN, &steps, m.work, m.of));
    CHECK(!ef_features(m.window, INFINITY, &steps, m.work, m.of));
    CHECK(ef_features(m.window, -40.0f, &steps, m.work, m.of));
}

static void test_a_healthy_machine_is_near_nominal(const test_setting *setting) {
    measurement m;
    machine_double machine;
    (void)setting;
    for (uint32_t number = 1; number <= 20; number++) {
        machine_make(&machine, number);
        measure_machine(&m, &machine);
        const float *of = m.of;
        CHECK(fabsf(of[EF_FEATURE_ROTATION] - 43.5f) < 0.3f);
        CHECK(is_near(of[EF_FEATURE_CURRENT], 0.38 * sqrt(1.01), 0.01));
        CHECK(is_near(of[EF_FEATURE_VIBRATION], sqrt(1.0 + 0.16 + 0.1), 0.15));
        CHECK(is_near(of[EF_FEATURE_SOUND], 60.0, 0.01));
        CHECK(is_near(of[EF_FEATURE_CURRENT_THD], 0.1, 0.02));
        CHECK(of[EF_FEATURE_KURTOSIS] > 2.0f && of[EF_FEATURE_KURTOSIS] < 3.3f);
        CHECK(of[EF_FEATURE_OUTER_RACE] < 0.06f && of[EF_FEATURE_INNER_RACE] < 0.06f);
    }
}

static void test_imbalance_raises_the_first_order(const test_setting *setting) {
    measurement healthy;
    measurement bad;
    machine_double machine;
    (void)setting;
    machine_make(&machine, 1);
    measure_machine(&healthy, &machine);
    machine.imbalance *= 3.0;
    measure_machine(&bad, &machine);
    CHECK(is_near(bad.of[EF_FEATURE_ORDER1], 3.0 * (double)healthy.of[EF_FEATURE_ORDER1], 0.1));
    CHECK(bad.of[EF_FEATURE_VIBRATION] > 2.0f * healthy.of[EF_FEATURE_VIBRATION]);
    CHECK(bad.of[EF_FEATURE_ORDER2] < healthy.of[EF_FEATURE_ORDER2] + 0.1f);
    CHECK(is_near(bad.of[EF_FEATURE_LINE_DOUBLE], (double)healthy.of[EF_FEATURE_LINE_DOUBLE], 0.2));
    CHECK(bad.of[EF_FEATURE_OUTER_RACE] < 0.06f);
    CHECK(bad.of[EF_FEATURE_HIGH_BAND] < 1.2f * healthy.of[EF_FEATURE_HIGH_BAND]);
}

static void test_a_bearing_raises_its_race_and_its_envelope(const test_setting *setting) {
    measurement m;
    machine_double machine;
    (void)setting;
    for (unsigned inner = 0; inner < 2; inner++) {
        machine_make(&machine, 5);
        *(inner ? &machine.inner_race : &machine.outer_race) = 5.0;
        measure_machine(&m, &machine);
        float race = m.of[inner ? EF_FEATURE_INNER_RACE : EF_FEATURE_OUTER_RACE];
        float other = m.of[inner ? EF_FEATURE_OUTER_RACE : EF_FEATURE_INNER_RACE];
        CHECK(race > 0.25f && race > 3.0f * other);
        CHECK(m.of[EF_FEATURE_ENVELOPE] > 0.4f);
        CHECK(m.of[EF_FEATURE_HIGH_BAND] > 0.5f);
        CHECK(m.of[EF_FEATURE_KURTOSIS] > 3.5f);
        CHECK(m.of[EF_FEATURE_CREST] > 3.5f);
        CHECK(is_near(m.of[EF_FEATURE_ORDER1], 1.0, 0.15));
    }
}

static void test_a_broken_bar_raises_the_sideband(const test_setting *setting) {
    measurement m;
    machine_double machine;
    (void)setting;
    machine_make(&machine, 2);
    machine.sideband = 0.03;
    measure_machine(&m, &machine);
    CHECK(is_near(m.of[EF_FEATURE_CURRENT_SIDEBAND], 0.03, 0.05));
    /* At 2 % slip it lies in the fundamental's own line: nothing is said of it. */
    machine.rotation = 49.0;
    measure_machine(&m, &machine);
    CHECK(m.of[EF_FEATURE_CURRENT_SIDEBAND] == 0.0f);
}

const named_test feature_tests[] = {
    {"sines-read-what-they-are", test_sines_read_what_they_are},
    {"orders-are-told-apart", test_orders_are_told_apart},
    {"the-speed-is-found-between-two-bins", test_the_speed_is_found_between_two_bins},
    {"the-envelope-is-what-modulates", test_the_envelope_is_what_modulates},
    {"a-steady-tone-has-no-envelope", test_a_steady_tone_has_no_envelope},
    {"nothing-moves-and-nothing-is-said", test_nothing_moves_and_nothing_is_said},
    {"every-window-has-finite-features", test_every_window_has_finite_features},
    {"a-temperature-that-is-none-is-refused", test_a_temperature_that_is_none_is_refused},
    {"a-healthy-machine-is-near-nominal", test_a_healthy_machine_is_near_nominal},
    {"imbalance-raises-the-first-order", test_imbalance_raises_the_first_order},
    {"a-bearing-raises-its-race-and-its-envelope", test_a_bearing_raises_its_race_and_its_envelope},
    {"a-broken-bar-raises-the-sideband", test_a_broken_bar_raises_the_sideband},
    {NULL, NULL},
};
