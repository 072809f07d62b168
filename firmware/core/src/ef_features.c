/* Everything is computed in steps of the converters and gets its unit last: so the numbers in between have a known size
 * whatever the sensors are, and three transforms share one buffer. */
#include "edgefleet/features.h"

#include <math.h>

#include "ef_fft.h"

#define N EF_WINDOW_SAMPLES
#define BIN_HZ ((float)EF_WINDOW_RATE_HZ / (float)N)
#define TAU 6.2831853f

/* The line of a sine reaches so many bins to either side under a Hann window. */
enum { LOBE = 2, NEAR = 1, HARMONICS = 10, ENVELOPE_SAMPLES = N / 2 };
enum { BAND_LOW = (int)EF_BAND_LOW_HZ * N / EF_WINDOW_RATE_HZ, BAND_HIGH = (int)EF_BAND_HIGH_HZ * N / EF_WINDOW_RATE_HZ };

_Static_assert(N == EF_FFT_MAX, "one transform takes one window");
_Static_assert(BAND_HIGH - BAND_LOW < ENVELOPE_SAMPLES, "the band fits into the envelope's transform");
_Static_assert(BAND_HIGH < N / 2, "the band ends below half the rate");

typedef enum { CURRENT, VIBRATION, SOUND } channel;

typedef struct {
    float rms; /* without the mean, which is the sensor's offset */
    float kurtosis;
    float crest;
} moments;

static int32_t sample(const ef_sensor_frame *frame, channel which) {
    return which == CURRENT ? frame->current : which == VIBRATION ? frame->vibration : frame->sound;
}

/* The samples of one channel without their mean. */
static void load(const ef_sensor_frame *window, channel which, float *work) {
    int32_t sum = 0;
    for (unsigned i = 0; i < N; i++) {
        sum += sample(&window[i], which);
    }
    float mean = (float)sum / (float)N;
    for (unsigned i = 0; i < N; i++) {
        work[i] = (float)sample(&window[i], which) - mean;
    }
}

static float ratio(float over, float under) {
    return under > 0.0f ? over / under : 0.0f;
}

static moments measure(const float *values) {
    float second = 0.0f;
    float fourth = 0.0f;
    float peak = 0.0f;
    for (unsigned i = 0; i < N; i++) {
        float square = values[i] * values[i];
        second += square;
        fourth += square * square;
        peak = square > peak ? square : peak;
    }
    second /= (float)N;
    fourth /= (float)N;
    return (moments){sqrtf(second), ratio(fourth, second * second), sqrtf(ratio(peak, second))};
}

static unsigned nearest_bin(float hertz) {
    return (unsigned)(hertz / BIN_HZ + 0.5f);
}

/* Root mean square of the line at a bin. Bins are BIN_HZ apart, of a window as of its envelope. */
static float line(const float *bins, unsigned count, unsigned bin, unsigned reach) {
    return bin > reach && bin + reach < count / 2 ? sqrtf(ef_fft_mean_square(bins, count, bin - reach, bin + reach))
                                                  : 0.0f;
}

/* Root mean square of the velocity, from the acceleration of each bin. */
static float velocity(const float *bins, unsigned first, unsigned last) {
    float sum = 0.0f;
    for (unsigned k = first; k <= last; k++) {
        float rate = TAU * BIN_HZ * (float)k;
        sum += ef_fft_mean_square(bins, N, k, k) / (rate * rate);
    }
    return sqrtf(sum);
}

static float velocity_line(const float *bins, float hertz) {
    unsigned bin = nearest_bin(hertz);
    return bin > LOBE ? velocity(bins, bin - LOBE, bin + LOBE) : 0.0f;
}

/* The speed of rotation: the strongest line where a motor of this kind can turn; 0 where nothing moves. */
static float find_rotation(const float *bins) {
    const float low = EF_SPEED_LOW * EF_LINE_HZ / EF_POLE_PAIRS;
    const float high = EF_SPEED_HIGH * EF_LINE_HZ / EF_POLE_PAIRS;
    unsigned best = 0;
    float most = 0.0f;
    for (unsigned k = (unsigned)ceilf(low / BIN_HZ); (float)k * BIN_HZ <= high; k++) {
        float power = ef_fft_mean_square(bins, N, k, k);
        best = power > most ? k : best;
        most = power > most ? power : most;
    }
    if (best == 0) {
        return 0.0f;
    }
    /* Between two bins, from the ratio of the two highest: exact for a sine under this window. */
    float below = ef_fft_mean_square(bins, N, best - 1, best - 1);
    float above = ef_fft_mean_square(bins, N, best + 1, best + 1);
    float share = sqrtf(fminf(fmaxf(below, above) / most, 1.0f));
    float offset = fmaxf((2.0f * share - 1.0f) / (share + 1.0f), 0.0f);
    float rotation = BIN_HZ * ((float)best + (above > below ? offset : -offset));
    return fminf(fmaxf(rotation, low), high);
}

/* Turns the bins of a windowed signal into its envelope in the high band: that band alone, moved down to 0, is a complex
 * signal whose magnitude is the envelope, at half the rate, and still under the window. */
static void take_envelope(float *work) {
    for (unsigned k = 0; k < 2 * ENVELOPE_SAMPLES; k++) {
        work[k] = k <= 2 * (BAND_HIGH - BAND_LOW) + 1 ? work[2 * BAND_LOW + k] : 0.0f;
    }
    ef_fft_complex(work, ENVELOPE_SAMPLES); /* forward: backwards in time, which no line's size minds */
    float sum = 0.0f;
    for (unsigned i = 0; i < ENVELOPE_SAMPLES; i++) {
        work[i] = sqrtf(work[2 * i] * work[2 * i] + work[2 * i + 1] * work[2 * i + 1]) * (2.0f / (float)N);
        sum += work[i];
    }
    /* The mean says what the band's power says: it goes, weighted as the envelope is. The window's mean is 1/2. */
    float mean = sum / (0.5f * ENVELOPE_SAMPLES);
    for (unsigned i = 0; i < ENVELOPE_SAMPLES; i++) {
        work[i] -= mean * ef_fft_hann_at(i, ENVELOPE_SAMPLES);
    }
}

static float mean_square_of_envelope(const float *work) {
    float sum = 0.0f;
    for (unsigned i = 0; i < ENVELOPE_SAMPLES; i++) {
        sum += work[i] * work[i];
    }
    return sum / (0.375f * ENVELOPE_SAMPLES); /* the window's mean square is 3/8 */
}

/* The strongest of the lines near a bearing's frequency: its balls roll and slip, and the speed is an estimate. */
static float race_line(const float *bins, float hertz) {
    unsigned bin = nearest_bin(hertz);
    float most = 0.0f;
    for (unsigned near = bin - LOBE; bin > LOBE && near <= bin + LOBE; near++) {
        most = fmaxf(most, line(bins, ENVELOPE_SAMPLES, near, NEAR));
    }
    return most;
}

static void judge_vibration(float *work, float scale, float *features) {
    const float millimetres = 1000.0f * scale;
    moments whole = measure(work);
    features[EF_FEATURE_ACCELERATION] = whole.rms * scale;
    features[EF_FEATURE_KURTOSIS] = whole.kurtosis;
    features[EF_FEATURE_CREST] = whole.crest;
    ef_fft_hann(work, N);
    ef_fft_real(work, N);
    float rotation = find_rotation(work);
    features[EF_FEATURE_VIBRATION] =
        velocity(work, nearest_bin(EF_VELOCITY_LOW_HZ), nearest_bin(EF_VELOCITY_HIGH_HZ)) * millimetres;
    features[EF_FEATURE_ROTATION] = rotation;
    features[EF_FEATURE_ORDER1] = velocity_line(work, rotation) * millimetres;
    features[EF_FEATURE_ORDER2] = velocity_line(work, 2.0f * rotation) * millimetres;
    features[EF_FEATURE_ORDER3] = velocity_line(work, 3.0f * rotation) * millimetres;
    features[EF_FEATURE_LINE_DOUBLE] = velocity_line(work, 2.0f * EF_LINE_HZ) * millimetres;
    features[EF_FEATURE_HIGH_BAND] = sqrtf(ef_fft_mean_square(work, N, BAND_LOW, BAND_HIGH)) * scale;
    take_envelope(work);
    features[EF_FEATURE_ENVELOPE] = sqrtf(mean_square_of_envelope(work)) * scale;
    ef_fft_real(work, ENVELOPE_SAMPLES);
    features[EF_FEATURE_OUTER_RACE] = race_line(work, EF_BPFO * rotation) * scale;
    features[EF_FEATURE_INNER_RACE] = race_line(work, EF_BPFI * rotation) * scale;
}

/* Current beside the fundamental that a broken bar draws, where it can be told from the fundamental at all. */
static float find_sideband(const float *bins, float rotation) {
    float slip = 1.0f - rotation * EF_POLE_PAIRS / EF_LINE_HZ;
    unsigned bin = rotation > 0.0f ? nearest_bin(EF_LINE_HZ * (1.0f - 2.0f * slip)) : 0;
    return bin + NEAR + LOBE < nearest_bin(EF_LINE_HZ) ? line(bins, N, bin, NEAR) : 0.0f;
}

static void judge_current(float *work, float scale, float *features) {
    moments whole = measure(work);
    features[EF_FEATURE_CURRENT] = whole.rms * scale;
    features[EF_FEATURE_CURRENT_CREST] = whole.crest;
    ef_fft_hann(work, N);
    ef_fft_real(work, N);
    float fundamental = line(work, N, nearest_bin(EF_LINE_HZ), LOBE);
    float harmonics = 0.0f;
    for (unsigned order = 2; order <= HARMONICS; order++) {
        float each = line(work, N, nearest_bin((float)order * EF_LINE_HZ), LOBE);
        harmonics += each * each;
    }
    features[EF_FEATURE_CURRENT_FUNDAMENTAL] = fundamental * scale;
    features[EF_FEATURE_CURRENT_THD] = ratio(sqrtf(harmonics), fundamental);
    features[EF_FEATURE_CURRENT_SIDEBAND] = ratio(find_sideband(work, features[EF_FEATURE_ROTATION]), fundamental);
}

static void judge_sound(const float *work, float scale, float *features) {
    moments whole = measure(work);
    float loudness = whole.rms * scale / EF_SOUND_REFERENCE_PASCAL;
    features[EF_FEATURE_SOUND] = loudness > 1.0f ? 20.0f * log10f(loudness) : 0.0f; /* nothing is heard below */
    features[EF_FEATURE_SOUND_CREST] = whole.crest;
}

bool ef_features(const ef_sensor_frame *window, float celsius, const ef_sensor_scales *scales,
                 float work[EF_FEATURES_WORK], float features[EF_MOTOR_LEVEL2_FEATURES]) {
    bool finite = true;
    features[EF_FEATURE_TEMPERATURE] = celsius;
    load(window, VIBRATION, work);
    judge_vibration(work, scales->metre_per_second2, features);
    load(window, CURRENT, work);
    judge_current(work, scales->ampere, features); /* after the vibration, which tells the slip */
    load(window, SOUND, work);
    judge_sound(work, scales->pascal, features);
    for (unsigned i = 0; i < EF_MOTOR_LEVEL2_FEATURES; i++) {
        finite = finite && isfinite(features[i]);
    }
    return finite;
}
