/* The ink of a picture of one digit on its paper; a part of digit_from_grey. */
#ifndef DIGIT_GROUND_H
#define DIGIT_GROUND_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DIGIT_CELLS = 32, DIGIT_AROUND = 5, DIGIT_ROOM = DIGIT_CELLS + 2 * DIGIT_AROUND };

/* A picture, `scale` times as large, and a border of `pad` pixels of one grey around it. */
typedef struct {
    const uint8_t *grey;
    int32_t inner_width, inner_height, stride;
    int32_t scale, pad, border;
    int32_t width, height; /* In all. */
} digit_picture;

typedef uint8_t digit_cells[DIGIT_CELLS][DIGIT_CELLS];

/* The picture in up to 32 x 32 cells. */
typedef struct {
    int32_t size, rows, columns; /* A cell is size x size pixels. */
    int32_t dark;                /* Whether the ink is darker than the paper. */
    int32_t clear;               /* Whether that is sure. */
    int32_t drawn;               /* The one grey that a drawing's paper has; else -1. */
    int32_t noise, brightest;
    digit_cells paper; /* Its brightness, without the ink. */
    digit_cells least; /* What is ink has at least this strength. */
    digit_cells mark;  /* Which mark the ink of a cell belongs to; 0 is none. */
    uint8_t room[DIGIT_ROOM][DIGIT_ROOM];
} digit_ground;

/* Paper and least strength of ink in a row of the picture. */
typedef struct {
    int32_t y;
    uint8_t paper[DIGIT_CELLS], least[DIGIT_CELLS];
} digit_row;

static inline int32_t digit_least(int32_t a, int32_t b) { return a < b ? a : b; }

static inline int32_t digit_most(int32_t a, int32_t b) { return a > b ? a : b; }

/* The grey of a pixel. */
int32_t digit_grey_at(const digit_picture *p, int32_t y, int32_t x);

/* Find out which side of the paper's brightness the ink is on. `histogram` has 256 places. */
void digit_ground_sides(digit_ground *g, const digit_picture *p, uint32_t *histogram);

/* Find the paper, and from which strength on what is darker, or brighter, is ink. */
void digit_ground_find(digit_ground *g, const digit_picture *p, int32_t dark, uint32_t *histogram);

/* Make `row` that of y. */
void digit_ground_row(const digit_ground *g, digit_row *row, int32_t y);

/* How much a pixel differs from its paper, from 0 to 255, as if all paper were equally bright. */
int32_t digit_ground_strength(const digit_ground *g, const digit_picture *p, const digit_row *row,
                              int32_t x);

/* Whether that is enough for ink. */
int32_t digit_ground_inked(const digit_ground *g, const digit_row *row, int32_t x,
                           int32_t strength);

#ifdef __cplusplus
}
#endif
#endif
