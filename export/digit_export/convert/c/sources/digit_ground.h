/* The paper under a digit where the light is uneven; a part of digit_from_grey. */
#ifndef DIGIT_GROUND_H
#define DIGIT_GROUND_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DIGIT_CELLS = 32, DIGIT_AROUND = 5, DIGIT_ROOM = DIGIT_CELLS + 2 * DIGIT_AROUND };

/* The picture in up to 32 x 32 cells. */
typedef struct {
    int32_t size, rows, columns; /* A cell is size x size pixels. */
    int32_t dark;                /* Whether the ink is darker than the paper. */
    uint8_t paper[DIGIT_CELLS][DIGIT_CELLS];
    uint8_t step[DIGIT_CELLS][DIGIT_CELLS]; /* How much the paper differs around a cell. */
    uint8_t room[DIGIT_ROOM][DIGIT_ROOM];
} digit_ground;

/* Find the paper. Returns 1 if the light on it is uneven, else 0. */
int digit_ground_find(digit_ground *g, const uint8_t *grey, int32_t width, int32_t height,
                      int32_t stride);

/* How much a pixel's grey differs from its paper, from 0 to 255. */
int32_t digit_ground_ink(const digit_ground *g, int32_t y, int32_t x, int32_t grey);

#ifdef __cplusplus
}
#endif
#endif
