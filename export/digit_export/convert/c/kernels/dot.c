#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#include <string.h>

/* Cortex-M4, M7 and their kin multiply two pairs of 16 bits at once. */
static int32_t digit_dot(const int8_t *a, const int8_t *b, int32_t count, int32_t sum)
{
    for (; count >= 4; count -= 4, a += 4, b += 4) {
        uint32_t x, w;
        memcpy(&x, a, 4);
        memcpy(&w, b, 4);
        sum = __smlad(__sxtb16(x), __sxtb16(w), sum);
        sum = __smlad(__sxtb16(x >> 8), __sxtb16(w >> 8), sum);
    }
    for (; count > 0; count--)
        sum += *a++ * *b++;
    return sum;
}
#else
static int32_t digit_dot(const int8_t *a, const int8_t *b, int32_t count, int32_t sum)
{
    for (int32_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}
#endif
