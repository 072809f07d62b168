/* Fourier transforms of sampled signals, in place. Forward, not scaled: the sum over n of x[n] e^(-2 pi i k n / count).
 *
 * Sines come from 260 bytes of tables and one complex product each, because a table of all of them would be 2 KiB. */
#ifndef EDGEFLEET_EF_FFT_H
#define EDGEFLEET_EF_FFT_H

#include <stddef.h>

/* The longest real signal. */
#define EF_FFT_MAX 2048u

typedef struct {
    float cosine;
    float sine;
} ef_turn;

/* Of 2 pi `index` / EF_FFT_MAX; `index` may be any number of turns. */
ef_turn ef_turn_at(size_t index);

/* `count` complex values, real and imaginary part in turn; a power of two, 2 to EF_FFT_MAX / 2. */
void ef_fft_complex(float *values, size_t count);

/* `count` real values, a power of two, 4 to EF_FFT_MAX. They become the complex bins 0 to count / 2 - 1; of bin 0,
 * which is real, the imaginary part's place holds bin count / 2, which is real too. */
void ef_fft_real(float *values, size_t count);

/* Multiplies `count` real values with the periodic Hann window. */
void ef_fft_hann(float *values, size_t count);

/* The Hann window's value, 0 to 1, at `index` of `count`. */
float ef_fft_hann_at(size_t index, size_t count);

/* Mean square of a signal's part that lies in the bins `first` to `last`, from the bins of the signal times the Hann
 * window: one-sided, so bins 0 and count / 2 are never asked for. A sine of amplitude A anywhere inside gives A * A / 2. */
float ef_fft_mean_square(const float *bins, size_t count, size_t first, size_t last);

#endif
