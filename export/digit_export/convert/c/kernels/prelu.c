/* What is negative times a slope of its own; the slopes are repeated. */
typedef struct {
    int32_t count, period_a, period_b, zero_point_a, zero_point_b;
    int32_t multiplier, shift, multiplier_below, shift_below, made_zero_point, lowest, highest;
} digit_prelu_layer;

static void digit_prelu(const digit_prelu_layer *l, const int8_t *a, const int8_t *slopes,
                        int8_t *made)
{
    for (int32_t i = 0, j = 0; i < l->count; i++) {
        const int32_t value = a[i] - l->zero_point_a;
        const int32_t scaled =
            value >= 0 ? digit_scaled(value, l->multiplier, l->shift)
                       : digit_scaled(value * (slopes[j] - l->zero_point_b), l->multiplier_below,
                                      l->shift_below);
        made[i] = digit_between(scaled + l->made_zero_point, l->lowest, l->highest);
        j = j + 1 < l->period_b ? j + 1 : 0;
    }
}
