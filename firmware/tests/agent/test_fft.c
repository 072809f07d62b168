/* Transforms against what is known on paper. */
#include <math.h>

#include "check.h"
#include "ef_fft.h"

#define TAU 6.283185307179586

enum { COUNT = EF_FFT_MAX };

static double bin_error(const float *bins, size_t bin, double real, double imaginary) {
    return hypot((double)bins[2 * bin] - real, (double)bins[2 * bin + 1] - imaginary);
}

static void fill_noise(float *values, size_t count, uint32_t random) {
    for (size_t i = 0; i < count; i++) {
        random = random * 1664525u + 1013904223u;
        values[i] = (float)(int32_t)random / 65536.0f;
    }
}

static void test_sines_are_as_good_as_the_c_library(const test_setting *setting) {
    (void)setting;
    double worst = 0.0;
    for (size_t i = 0; i < 2 * COUNT; i++) {
        ef_turn turn = ef_turn_at(i);
        worst = fmax(worst, fabs((double)turn.cosine - cos(TAU * (double)i / COUNT)));
        worst = fmax(worst, fabs((double)turn.sine - sin(TAU * (double)i / COUNT)));
    }
    CHECK(worst < 1.5e-7);
}

static void test_an_impulse_has_every_frequency(const test_setting *setting) {
    (void)setting;
    enum { AT = 3 };
    float values[COUNT] = {0.0f};
    double worst = 0.0;
    values[AT] = 1000.0f;
    ef_fft_real(values, COUNT);
    for (size_t k = 1; k < COUNT / 2; k++) {
        double angle = -TAU * AT * (double)k / COUNT;
        worst = fmax(worst, bin_error(values, k, 1000.0 * cos(angle), 1000.0 * sin(angle)));
    }
    CHECK(bin_error(values, 0, 1000.0, -1000.0) < 0.001); /* bin 0, and bin COUNT / 2 in its imaginary part's place */
    CHECK(worst < 0.001);
}

static void test_a_constant_is_bin_zero(const test_setting *setting) {
    (void)setting;
    float values[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = -5.0f;
    }
    ef_fft_real(values, COUNT);
    CHECK(values[0] == -5.0f * COUNT);
    for (size_t i = 1; i < COUNT; i++) {
        CHECK(values[i] == 0.0f);
    }
}

static void test_a_sine_on_a_bin_is_that_bin(const test_setting *setting) {
    (void)setting;
    static const size_t bins[] = {1, 25, 512, 1023};
    for (size_t each = 0; each < sizeof bins / sizeof bins[0]; each++) {
        float values[COUNT];
        for (size_t i = 0; i < COUNT; i++) {
            values[i] = (float)(100.0 * sin(TAU * (double)(bins[each] * i % COUNT) / COUNT + 0.5));
        }
        ef_fft_real(values, COUNT);
        for (size_t k = 1; k < COUNT / 2; k++) {
            bool on = k == bins[each];
            double size = on ? 100.0 * COUNT / 2 : 0.0;
            CHECK(bin_error(values, k, size * sin(0.5), -size * cos(0.5)) < 0.1);
        }
    }
}

/* Every length, against the definition. */
static void test_every_length_is_the_sum_that_defines_it(const test_setting *setting) {
    (void)setting;
    for (size_t count = 4; count <= 256; count *= 2) {
        float given[256];
        float values[256];
        fill_noise(given, count, (uint32_t)count);
        for (size_t i = 0; i < count; i++) {
            values[i] = given[i];
        }
        ef_fft_real(values, count);
        double nyquist = 0.0;
        for (size_t k = 0; k < count / 2; k++) {
            double real = 0.0;
            double imaginary = 0.0;
            for (size_t i = 0; i < count; i++) {
                real += (double)given[i] * cos(TAU * (double)(k * i) / (double)count);
                imaginary -= (double)given[i] * sin(TAU * (double)(k * i) / (double)count);
                nyquist += k == 0 ? (double)given[i] * (i % 2 == 0 ? 1.0 : -1.0) : 0.0;
            }
            CHECK(bin_error(values, k, real, k == 0 ? nyquist : imaginary) < 0.02 * sqrt((double)count));
        }
    }
}

static void test_a_turning_phasor_is_one_complex_bin(const test_setting *setting) {
    (void)setting;
    enum { HALF = COUNT / 2, BIN = 700 };
    float values[2 * HALF];
    for (size_t i = 0; i < HALF; i++) {
        values[2 * i] = (float)cos(TAU * (double)(BIN * i % HALF) / HALF);
        values[2 * i + 1] = (float)sin(TAU * (double)(BIN * i % HALF) / HALF);
    }
    ef_fft_complex(values, HALF);
    for (size_t k = 0; k < HALF; k++) {
        CHECK(bin_error(values, k, k == BIN ? HALF : 0.0, 0.0) < 0.001);
    }
}

static void test_power_is_the_same_on_both_sides(const test_setting *setting) {
    (void)setting;
    float values[COUNT];
    double before = 0.0;
    fill_noise(values, COUNT, 1);
    for (size_t i = 0; i < COUNT; i++) {
        before += (double)values[i] * (double)values[i];
    }
    ef_fft_real(values, COUNT);
    double after = (double)values[0] * (double)values[0] + (double)values[1] * (double)values[1];
    for (size_t i = 2; i < COUNT; i++) {
        after += 2.0 * (double)values[i] * (double)values[i];
    }
    CHECK(fabs(after / COUNT / before - 1.0) < 1e-6);
}

static void test_a_windowed_sine_has_its_power_anywhere(const test_setting *setting) {
    (void)setting;
    for (double bin = 20.0; bin < 21.0; bin += 0.05) {
        float values[COUNT];
        for (size_t i = 0; i < COUNT; i++) {
            values[i] = (float)(300.0 * sin(TAU * bin * (double)i / COUNT + bin));
        }
        ef_fft_hann(values, COUNT);
        ef_fft_real(values, COUNT);
        double all = (double)ef_fft_mean_square(values, COUNT, 1, COUNT / 2 - 1);
        double lobe = (double)ef_fft_mean_square(values, COUNT, 18, 22);
        CHECK(fabs(all / 45000.0 - 1.0) < 1e-5);
        CHECK(bin > 20.5 || fabs(lobe / 45000.0 - 1.0) < 0.002);
    }
}

static void test_the_window_is_hanns(const test_setting *setting) {
    (void)setting;
    float values[COUNT];
    double sum = 0.0;
    double squares = 0.0;
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = 1.0f;
    }
    ef_fft_hann(values, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(fabs((double)values[i] - (0.5 - 0.5 * cos(TAU * (double)i / COUNT))) < 1.5e-7);
        CHECK(fabsf(values[i] - ef_fft_hann_at(i, COUNT)) < 1.5e-7f && values[i] == values[(COUNT - i) % COUNT]);
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
    }
    CHECK(fabs(sum / COUNT - 0.5) < 1e-7);
    CHECK(fabs(squares / COUNT - 0.375) < 1e-7);
}

const named_test fft_tests[] = {
    {"sines-are-as-good-as-the-c-library", test_sines_are_as_good_as_the_c_library},
    {"an-impulse-has-every-frequency", test_an_impulse_has_every_frequency},
    {"a-constant-is-bin-zero", test_a_constant_is_bin_zero},
    {"a-sine-on-a-bin-is-that-bin", test_a_sine_on_a_bin_is_that_bin},
    {"every-length-is-the-sum-that-defines-it", test_every_length_is_the_sum_that_defines_it},
    {"a-turning-phasor-is-one-complex-bin", test_a_turning_phasor_is_one_complex_bin},
    {"power-is-the-same-on-both-sides", test_power_is_the_same_on_both_sides},
    {"a-windowed-sine-has-its-power-anywhere", test_a_windowed_sine_has_its_power_anywhere},
    {"the-window-is-hanns", test_the_window_is_hanns},
    {NULL, NULL},
};
