/* Rows of bytes into wider rows: one part of a concatenation. */
typedef struct {
    int32_t rows, count, made_count, before;
} digit_copy_layer;

static void digit_copy(const digit_copy_layer *l, const int8_t *taken, int8_t *made)
{
    for (int32_t row = 0; row < l->rows; row++)
        for (int32_t i = 0; i < l->count; i++)
            made[row * l->made_count + l->before + i] = taken[row * l->count + i];
}
