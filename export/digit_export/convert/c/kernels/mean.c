/* The average of each channel over the whole image. How many thresholds a sum reaches is how
 * far its average lies above the lowest: exact, whatever the two scales are. */
typedef struct {
    int32_t places, channels, lowest, steps;
    const int32_t *thresholds;
} digit_mean_layer;

static void digit_mean(const digit_mean_layer *l, const int8_t *taken, int8_t *made)
{
    for (int32_t c = 0; c < l->channels; c++) {
        int32_t sum = 0, first = 0, last = l->steps;
        for (int32_t place = 0; place < l->places; place++)
            sum += taken[place * l->channels + c];
        while (first < last) {
            const int32_t middle = (first + last) / 2;
            if (sum >= l->thresholds[middle])
                first = middle + 1;
            else
                last = middle;
        }
        made[c] = (int8_t)(l->lowest + first);
    }
}
