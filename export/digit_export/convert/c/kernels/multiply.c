/* The product of two; the shorter is repeated. */
typedef struct {
    int32_t count, period_a, period_b, zero_point_a, zero_point_b;
    int32_t multiplier, shift, made_zero_point, lowest, highest;
} digit_multiply_layer;

static void digit_multiply(const digit_multiply_layer *l, const int8_t *a, const int8_t *b,
                           int8_t *made)
{
    for (int32_t i = 0, j = 0, k = 0; i < l->count; i++) {
        const int32_t product = (a[j] - l->zero_point_a) * (b[k] - l->zero_point_b);
        made[i] =
            digit_between(digit_scaled(product, l->multiplier, l->shift) + l->made_zero_point,
                          l->lowest, l->highest);
        j = j + 1 < l->period_a ? j + 1 : 0;
        k = k + 1 < l->period_b ? k + 1 : 0;
    }
}
