/* What the outside calls. Rows of pixels and probabilities lie behind __heap_base, where the
 * caller puts them after it has grown the memory. */
#include "digit_from_grey.h"
#include "digit_predict.h"

#define EXPORTED(name) __attribute__((export_name(name)))

EXPORTED("digit_classes") int32_t digit_classes(void)
{
    return DIGIT_CLASSES;
}

EXPORTED("digit_predict_rows")
void digit_predict_rows(const uint8_t *pixels, float *probabilities, int32_t count)
{
    for (; count > 0; count--, pixels += 784, probabilities += DIGIT_CLASSES)
        digit_predict(pixels, probabilities);
}

EXPORTED("digit_from_grey_at")
int32_t digit_from_grey_at(const uint8_t *grey, int32_t width, int32_t height, uint8_t *pixels)
{
    static digit_grey_buffer buffer;
    return digit_from_grey(grey, width, height, width, pixels, &buffer);
}
