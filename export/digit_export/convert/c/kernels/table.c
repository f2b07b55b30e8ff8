/* A function of each value for itself: what it makes of all 256. */
typedef struct {
    int32_t count;
    const int8_t *values;
} digit_table_layer;

static void digit_table(const digit_table_layer *l, const int8_t *taken, int8_t *made)
{
    for (int32_t i = 0; i < l->count; i++)
        made[i] = l->values[taken[i] + 128];
}
