/* What the first layer takes of each value of a pixel. */
typedef struct {
    int32_t count;
    const int8_t *values;
} digit_pixels_layer;

static void digit_pixels(const digit_pixels_layer *l, const uint8_t *pixels, int8_t *made)
{
    for (int32_t i = 0; i < l->count; i++)
        made[i] = l->values[pixels[i]];
}
