/* exp(scale * -n) for the distance n of each score from the largest is a table, so that no
 * library is needed and every machine gives the same. */
static void digit_softmax(const int8_t *scores, const float *exponentials, float *probabilities,
                          int32_t classes)
{
    int8_t largest = scores[0];
    float sum = 0.0f;
    for (int32_t i = 1; i < classes; i++)
        largest = scores[i] > largest ? scores[i] : largest;
    for (int32_t i = 0; i < classes; i++) {
        probabilities[i] = exponentials[largest - scores[i]];
        sum += probabilities[i];
    }
    for (int32_t i = 0; i < classes; i++)
        probabilities[i] /= sum;
}
