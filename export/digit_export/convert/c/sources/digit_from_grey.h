/* From a camera's grey picture of one digit to the 28 x 28 pixels that digit_predict takes. */
#ifndef DIGIT_FROM_GREY_H
#define DIGIT_FROM_GREY_H

#include "digit_mark.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room to work in, about 8 kB: static, on the stack, or wherever else it fits. */
typedef digit_room digit_grey_buffer;

/* Find the digit in `grey`, dark on bright or bright on dark, and bring it into MNIST's form. The light on it
 * may fall off, or a shadow lie on it.
 * Rows are `stride` bytes apart. Returns 0; 1 if there is no ink that could be a digit; 2 for a
 * size that is no picture's. Only with 0 are the pixels written. */
int digit_from_grey(const uint8_t *grey, int32_t width, int32_t height, int32_t stride,
                    uint8_t pixels[784], digit_grey_buffer *buffer);

#ifdef __cplusplus
}
#endif
#endif
