#include "ef_fft.h"

enum { QUARTER = EF_FFT_MAX / 4, FINE = 16 };

/* Of the first quarter turn in steps of FINE, its end included, and of the steps between. */
static const float coarse_sines[33] = {
    0.0f, 0.049067676f, 0.09801714f, 0.14673047f, 0.19509032f, 0.24298018f, 0.29028466f, 0.33688986f, 0.38268343f,
    0.42755508f, 0.47139674f, 0.51410276f, 0.55557024f, 0.5956993f, 0.6343933f, 0.671559f, 0.70710677f, 0.7409511f,
    0.77301043f, 0.8032075f, 0.8314696f, 0.8577286f, 0.8819213f, 0.9039893f, 0.9238795f, 0.94154406f, 0.95694035f,
    0.97003126f, 0.98078525f, 0.9891765f, 0.9951847f, 0.99879545f, 1.0f};
static const float fine_sines[16] = {
    0.0f, 0.0030679568f, 0.0061358847f, 0.009203754f, 0.012271538f, 0.015339206f, 0.01840673f, 0.02147408f,
    0.024541229f, 0.027608145f, 0.030674804f, 0.033741172f, 0.036807224f, 0.039872926f, 0.04293826f, 0.04600318f};
static const float fine_cosines[16] = {
    1.0f, 0.9999953f, 0.99998116f, 0.9999576f, 0.9999247f, 0.99988234f, 0.9998306f, 0.9997694f, 0.9996988f, 0.9996188f,
    0.9995294f, 0.9994306f, 0.99932235f, 0.99920475f, 0.99907774f, 0.9989413f};

ef_turn ef_turn_at(size_t index) {
    size_t quarter = index / QUARTER % 4;
    size_t coarse = index % QUARTER / FINE;
    size_t fine = index % FINE;
    float coarse_sine = coarse_sines[coarse];
    float coarse_cosine = coarse_sines[QUARTER / FINE - coarse];
    float cosine = coarse_cosine * fine_cosines[fine] - coarse_sine * fine_sines[fine];
    float sine = coarse_sine * fine_cosines[fine] + coarse_cosine * fine_sines[fine];
    switch (quarter) {
    case 0:
        return (ef_turn){cosine, sine};
    case 1:
        return (ef_turn){-sine, cosine};
    case 2:
        return (ef_turn){-cosine, -sine};
    default:
        return (ef_turn){sine, -cosine};
    }
}

static void swap(float *a, float *b) {
    float kept = *a;
    *a = *b;
    *b = kept;
}

/* Puts each value where its index read backwards, bit by bit, points to. */
static void reverse_bits(float *values, size_t count) {
    size_t reversed = 0;
    for (size_t i = 0; i < count; i++) {
        if (i < reversed) {
            swap(&values[2 * i], &values[2 * reversed]);
            swap(&values[2 * i + 1], &values[2 * reversed + 1]);
        }
        size_t bit = count / 2;
        for (; bit > 0 && (reversed & bit) != 0; bit /= 2) {
            reversed ^= bit;
        }
        reversed |= bit;
    }
}

/* Joins transforms of `half` values to transforms of twice as many. Each sine is made once for all of them. */
static void join(float *values, size_t count, size_t half) {
    for (size_t j = 0; j < half; j++) {
        ef_turn turn = ef_turn_at(j * (EF_FFT_MAX / 2 / half));
        for (size_t at = j; at < count; at += 2 * half) {
            float *low = &values[2 * at];
            float *high = &values[2 * (at + half)];
            float real = high[0] * turn.cosine + high[1] * turn.sine;
            float imaginary = high[1] * turn.cosine - high[0] * turn.sine;
            high[0] = low[0] - real;
            high[1] = low[1] - imaginary;
            low[0] += real;
            low[1] += imaginary;
        }
    }
}

void ef_fft_complex(float *values, size_t count) {
    reverse_bits(values, count);
    for (size_t half = 1; half < count; half *= 2) {
        join(values, count, half);
    }
}

void ef_fft_real(float *values, size_t count) {
    size_t half = count / 2;
    /* Even samples as real parts, odd ones as imaginary parts: one transform of half the length does both. */
    ef_fft_complex(values, half);
    float first = values[0];
    values[0] = first + values[1];
    values[1] = first - values[1];
    for (size_t k = 1; k <= half / 2; k++) {
        float *low = &values[2 * k];
        float *high = &values[2 * (half - k)];
        ef_turn turn = ef_turn_at(k * (EF_FFT_MAX / count));
        float even_real = 0.5f * (low[0] + high[0]);
        float even_imaginary = 0.5f * (low[1] - high[1]);
        float odd_real = 0.5f * (low[1] + high[1]);
        float odd_imaginary = 0.5f * (high[0] - low[0]);
        float real = odd_real * turn.cosine + odd_imaginary * turn.sine;
        float imaginary = odd_imaginary * turn.cosine - odd_real * turn.sine;
        high[0] = even_real - real;
        high[1] = imaginary - even_imaginary;
        low[0] = even_real + real;
        low[1] = even_imaginary + imaginary;
    }
}

float ef_fft_hann_at(size_t index, size_t count) {
    return 0.5f - 0.5f * ef_turn_at(index * (EF_FFT_MAX / count)).cosine;
}

void ef_fft_hann(float *values, size_t count) {
    values[0] = 0.0f;
    for (size_t i = 1; i <= count / 2; i++) {
        float weight = ef_fft_hann_at(i, count);
        values[i] *= weight;
        if (i != count - i) {
            values[count - i] *= weight; /* the window is symmetric */
        }
    }
}

float ef_fft_mean_square(const float *bins, size_t count, size_t first, size_t last) {
    float sum = 0.0f;
    for (size_t k = first; k <= last; k++) {
        sum += bins[2 * k] * bins[2 * k] + bins[2 * k + 1] * bins[2 * k + 1];
    }
    /* Both sides of the spectrum, over the window's mean square of 3/8. */
    return sum * (16.0f / 3.0f) / ((float)count * (float)count);
}
