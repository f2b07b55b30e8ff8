/* The sum of two, or their difference if the sign is -1; the shorter is repeated. */
typedef struct {
    int32_t count, period_a, period_b, zero_point_a, zero_point_b;
    int32_t multiplier_a, shift_a, multiplier_b, shift_b, sign_b;
    int32_t multiplier, shift, made_zero_point, lowest, highest;
} digit_add_layer;

static void digit_add(const digit_add_layer *l, const int8_t *a, const int8_t *b, int8_t *made)
{
    for (int32_t i = 0, j = 0, k = 0; i < l->count; i++) {
        const int32_t first = (a[j] - l->zero_point_a) * (1 << 20);
        const int32_t second = (b[k] - l->zero_point_b) * (1 << 20);
        const int32_t sum = digit_scaled(first, l->multiplier_a, l->shift_a) +
                            l->sign_b * digit_scaled(second, l->multiplier_b, l->shift_b);
        made[i] =
            digit_between(digit_scaled(sum, l->multiplier, l->shift) + l->made_zero_point,
                          l->lowest, l->highest);
        j = j + 1 < l->period_a ? j + 1 : 0;
        k = k + 1 < l->period_b ? k + 1 : 0;
    }
}
