/* A convolution of each channel for itself; it makes `multiple` of each. */
typedef struct {
    int32_t height, width, channels, made_height, made_width, multiple;
    int32_t window_height, window_width, stride_down, stride_across, rows_before, columns_before;
    int32_t dilation_down, dilation_across, zero_point, made_zero_point, lowest, highest;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
} digit_depthwise_layer;

static void digit_depthwise(const digit_depthwise_layer *l, const int8_t *taken, int8_t *made)
{
    enum { PART = 16 }; /* of the channels that are summed side by side */
    const int32_t made_channels = l->channels * l->multiple;
    for (int32_t y = 0; y < l->made_height; y++)
        for (int32_t x = 0; x < l->made_width; x++)
            for (int32_t first = 0; first < made_channels; first += PART) {
                const int32_t count =
                    made_channels - first < PART ? made_channels - first : PART;
                int32_t sums[PART] = {0};
                for (int32_t i = 0; i < l->window_height; i++) {
                    const int32_t row = y * l->stride_down + i * l->dilation_down - l->rows_before;
                    if (row < 0 || row >= l->height)
                        continue;
                    for (int32_t j = 0; j < l->window_width; j++) {
                        const int32_t column =
                            x * l->stride_across + j * l->dilation_across - l->columns_before;
                        if (column < 0 || column >= l->width)
                            continue;
                        const int8_t *from = taken + (row * l->width + column) * l->channels;
                        const int8_t *with =
                            l->weights + (i * l->window_width + j) * made_channels + first;
                        if (l->multiple == 1)
                            for (int32_t m = 0; m < count; m++)
                                sums[m] += (from[first + m] - l->zero_point) * with[m];
                        else
                            for (int32_t m = 0; m < count; m++)
                                sums[m] += (from[(first + m) / l->multiple] - l->zero_point) *
                                           with[m];
                    }
                }
                for (int32_t m = 0; m < count; m++)
                    *made++ = digit_between(
                        digit_scaled(sums[m] + l->bias[first + m], l->multiplier[first + m],
                                     l->shift[first + m]) +
                            l->made_zero_point,
                        l->lowest, l->highest);
            }
}
