/* The largest of each window; what is outside of the image does not count. */
typedef struct {
    int32_t height, width, channels, made_height, made_width;
    int32_t window_height, window_width, stride_down, stride_across, rows_before, columns_before;
    int32_t lowest, highest;
} digit_max_pool_layer;

static void digit_max_pool(const digit_max_pool_layer *l, const int8_t *taken, int8_t *made)
{
    for (int32_t y = 0; y < l->made_height; y++)
        for (int32_t x = 0; x < l->made_width; x++, made += l->channels) {
            for (int32_t c = 0; c < l->channels; c++)
                made[c] = (int8_t)l->lowest;
            for (int32_t i = 0; i < l->window_height; i++) {
                const int32_t row = y * l->stride_down + i - l->rows_before;
                if (row < 0 || row >= l->height)
                    continue;
                for (int32_t j = 0; j < l->window_width; j++) {
                    const int32_t column = x * l->stride_across + j - l->columns_before;
                    if (column < 0 || column >= l->width)
                        continue;
                    const int8_t *from = taken + (row * l->width + column) * l->channels;
                    for (int32_t c = 0; c < l->channels; c++)
                        made[c] = made[c] > from[c] ? made[c] : from[c];
                }
            }
            for (int32_t c = 0; c < l->channels; c++)
                made[c] = made[c] < l->highest ? made[c] : (int8_t)l->highest;
        }
}
