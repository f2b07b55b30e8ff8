/* An image in the midst of a larger one. */
typedef struct {
    int32_t height, width, channels, made_height, made_width, made_channels;
    int32_t rows_before, columns_before, channels_before, value;
} digit_pad_layer;

static void digit_pad(const digit_pad_layer *l, const int8_t *taken, int8_t *made)
{
    for (int32_t i = 0; i < l->made_height * l->made_width * l->made_channels; i++)
        made[i] = (int8_t)l->value;
    for (int32_t y = 0; y < l->height; y++)
        for (int32_t x = 0; x < l->width; x++) {
            int8_t *to = made + ((y + l->rows_before) * l->made_width + x + l->columns_before) *
                                    l->made_channels;
            for (int32_t c = 0; c < l->channels; c++)
                to[l->channels_before + c] = *taken++;
        }
}
