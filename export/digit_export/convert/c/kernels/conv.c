/* A convolution over [height][width][channels]. What lies under the window is copied together
 * first, so that each output is one long sum. */
typedef struct {
    int32_t height, width, channels, made_height, made_width, made_channels;
    int32_t window_height, window_width, stride_down, stride_across, rows_before, columns_before;
    int32_t dilation_down, dilation_across, groups, zero_point, made_zero_point, lowest, highest;
    const int8_t *weights;
    const int32_t *bias; /* less the sum of the weights times the zero point of what is taken */
    const int32_t *multiplier;
    const int8_t *shift;
} digit_conv_layer;

static void digit_under(const digit_conv_layer *l, const int8_t *taken, int32_t y, int32_t x,
                        int32_t first, int32_t channels, int8_t *window)
{
    for (int32_t i = 0; i < l->window_height; i++) {
        const int32_t row = y * l->stride_down + i * l->dilation_down - l->rows_before;
        const int32_t inside = row >= 0 && row < l->height;
        for (int32_t j = 0; j < l->window_width; j++) {
            const int32_t column =
                x * l->stride_across + j * l->dilation_across - l->columns_before;
            if (inside && column >= 0 && column < l->width) {
                const int8_t *from = taken + (row * l->width + column) * l->channels + first;
                for (int32_t c = 0; c < channels; c++)
                    window[c] = from[c];
            } else {
                for (int32_t c = 0; c < channels; c++)
                    window[c] = (int8_t)l->zero_point;
            }
            window += channels;
        }
    }
}

static void digit_conv(const digit_conv_layer *l, const int8_t *taken, int8_t *made,
                       int8_t *window)
{
    const int32_t channels = l->channels / l->groups;
    const int32_t outputs = l->made_channels / l->groups;
    const int32_t count = l->window_height * l->window_width * channels;
    for (int32_t y = 0; y < l->made_height; y++)
        for (int32_t x = 0; x < l->made_width; x++)
            for (int32_t m = 0; m < l->made_channels; m++) {
                if (m % outputs == 0)
                    digit_under(l, taken, y, x, m / outputs * channels, channels, window);
                const int32_t sum = digit_dot(window, l->weights + m * count, count, l->bias[m]);
                *made++ = digit_between(
                    digit_scaled(sum, l->multiplier[m], l->shift[m]) + l->made_zero_point,
                    l->lowest, l->highest);
            }
}
