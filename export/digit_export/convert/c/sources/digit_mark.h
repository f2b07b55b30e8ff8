/* The mark on the paper that is the digit; a part of digit_from_grey. */
#ifndef DIGIT_MARK_H
#define DIGIT_MARK_H

#include "digit_ground.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DIGIT_MARKS = 32, DIGIT_STEPS = 512 };

/* Right and bottom are behind the last. */
typedef struct {
    int32_t left, top, right, bottom;
} digit_box;

typedef struct {
    digit_box box;
    int32_t area;
    int32_t above, below, before, behind; /* Pixels along each border of the picture. */
} digit_mark;

/* Room to work in; three rows, since an edge lies between them. */
typedef struct {
    digit_ground ground;
    digit_row rows[3];
    uint32_t histogram[256];
    union {
        digit_mark marks[DIGIT_MARKS];
        struct {
            uint16_t steps[DIGIT_STEPS];
            uint32_t strengths[256];
        } edge;
        struct {
            uint32_t field[20][20], row[20], total[20];
        } made;
    } use;
} digit_room;

/* Find the largest mark and its parts. Returns 0 if there is none. */
int32_t digit_mark_find(digit_room *room, const digit_picture *p, digit_box *found);

/* How much it is like writing: thin, with an edge all round, on paper. On the wrong side of the paper's
 * brightness there are the sheet itself, and what strokes enclose. */
float digit_mark_writing(digit_room *room, const digit_picture *p, const digit_box *box);

/* Whether a pixel is of the mark that was found. */
int32_t digit_mark_at(digit_room *room, const digit_picture *p, int32_t y, int32_t x);

/* A pixel's strength, from 0 to 255. */
int32_t digit_mark_strength(digit_room *room, const digit_picture *p, int32_t y, int32_t x);

#ifdef __cplusplus
}
#endif
#endif
