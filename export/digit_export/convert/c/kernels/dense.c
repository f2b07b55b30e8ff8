/* A dense layer, or a convolution of one pixel: each output is a sum over all that is taken. */
typedef struct {
    int32_t places, channels, made_channels, made_zero_point, lowest, highest, rounds_once;
    const int8_t *weights;
    const int32_t *bias; /* less the sum of the weights times the zero point of what is taken */
    const int32_t *multiplier;
    const int8_t *shift;
} digit_dense_layer;

static int32_t digit_scaled_once(int32_t value, int32_t multiplier, int32_t shift)
{
    return (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << (30 - shift))) >> (31 - shift));
}

static void digit_dense(const digit_dense_layer *l, const int8_t *taken, int8_t *made)
{
    for (int32_t place = 0; place < l->places; place++, taken += l->channels)
        for (int32_t m = 0; m < l->made_channels; m++) {
            const int32_t sum =
                digit_dot(taken, l->weights + m * l->channels, l->channels, l->bias[m]);
            const int32_t scaled = l->rounds_once
                                       ? digit_scaled_once(sum, l->multiplier[m], l->shift[m])
                                       : digit_scaled(sum, l->multiplier[m], l->shift[m]);
            *made++ = digit_between(scaled + l->made_zero_point, l->lowest, l->highest);
        }
}
