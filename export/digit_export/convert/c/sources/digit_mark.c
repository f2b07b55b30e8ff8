/* The mark on the paper that is the digit: the largest, and what belongs to it. As digit_runtime's
 * inputs/page/shapes.py and single.py, except that marks are told apart by cells, not by pixels.
 * Made for digit-export; no library is needed. */
#include "digit_mark.h"

enum {
    SMALLEST = 6, /* Fewer pixels are noise, */
    LOWEST = 8,   /* and no digit is lower, in pixels, or than this share of the longer side. */
    LOWEST_SHARE = 140,
    FEW = 8,      /* So few pieces say little about how high digits are. */
    INK = 255,    /* The ink of a cell, before it is known of which mark. */
    AROUND = 3    /* Pixels around a mark, where its edge fades. */
};

static const digit_row *row_of(digit_room *room, int32_t y)
{
    digit_row *row = &room->rows[y % 3];
    digit_ground_row(&room->ground, row, y);
    return row;
}

int32_t digit_mark_strength(digit_room *room, const digit_picture *p, int32_t y, int32_t x)
{
    return digit_ground_strength(&room->ground, p, row_of(room, y), x);
}

/* Whether there is ink, of any mark. */
static int32_t inked(digit_room *room, const digit_picture *p, int32_t y, int32_t x)
{
    const digit_row *row = row_of(room, y);
    const int32_t strength = digit_ground_strength(&room->ground, p, row, x);
    return strength && digit_ground_inked(&room->ground, row, x, strength);
}

int32_t digit_mark_at(digit_room *room, const digit_picture *p, int32_t y, int32_t x)
{
    const digit_ground *g = &room->ground;
    if (y < 0 || x < 0 || y >= p->height || x >= p->width ||
        g->mark[y / g->size][x / g->size] != 1)
        return 0;
    return inked(room, p, y, x);
}

/* The neighbours that come later in the picture, and the cells that they are in. */
static const int8_t LATER[4][2] = {{0, 1}, {1, -1}, {1, 0}, {1, 1}};

/* Note that ink goes on from one cell to another. */
static void link(digit_ground *g, int32_t y, int32_t x, int32_t below, int32_t beside)
{
    const int32_t row = y / g->size, column = x / g->size;
    const int32_t down = below / g->size - row, across = beside / g->size - column;
    for (int32_t i = 0; i < 4; i++) {
        if (LATER[i][0] == down && LATER[i][1] == across)
            g->room[row][column] |= (uint8_t)(1 << i);
        if (LATER[i][0] == -down && LATER[i][1] == -across)
            g->room[row + down][column + across] |= (uint8_t)(1 << i);
    }
}

/* Give a cell's mark to all ink that it touches. */
static void flood(digit_ground *g, uint8_t mark)
{
    int32_t spreads = 1;
    while (spreads) {
        spreads = 0;
        for (int32_t at = 0; at < 2 * DIGIT_CELLS * DIGIT_CELLS; at++) {
            const int32_t back = 2 * DIGIT_CELLS * DIGIT_CELLS - 1 - at;
            const int32_t cell = at < back ? at : back;
            const int32_t y = cell / DIGIT_CELLS, x = cell % DIGIT_CELLS;
            for (int32_t i = 0; i < 4 && y < g->rows && x < g->columns; i++) {
                if (!(g->room[y][x] >> i & 1))
                    continue;
                uint8_t *one = &g->mark[y][x], *two = &g->mark[y + LATER[i][0]][x + LATER[i][1]];
                if ((*one == mark && *two == INK) || (*one == INK && *two == mark)) {
                    *one = *two = mark;
                    spreads = 1;
                }
            }
        }
    }
}

/* Number the marks from 1; more than there is room for are none. */
static int32_t tell_apart(digit_ground *g)
{
    int32_t count = 0;
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++)
            if (g->mark[y][x] == INK && count < DIGIT_MARKS) {
                count++;
                g->mark[y][x] = (uint8_t)count;
                flood(g, (uint8_t)count);
            }
    return count;
}

static void measure(digit_room *room, const digit_picture *p, int32_t count)
{
    const digit_mark none = {{p->width, p->height, 0, 0}, 0, 0, 0, 0, 0};
    for (int32_t i = 0; i < count; i++)
        room->use.marks[i] = none;
    for (int32_t y = 0; y < p->height; y++)
        for (int32_t x = 0; x < p->width; x++) {
            const int32_t number = room->ground.mark[y / room->ground.size][x / room->ground.size];
            if (!number || number > count || !inked(room, p, y, x))
                continue;
            digit_mark *mark = &room->use.marks[number - 1];
            mark->area++;
            mark->box.left = digit_least(mark->box.left, x);
            mark->box.right = digit_most(mark->box.right, x + 1);
            mark->box.top = digit_least(mark->box.top, y);
            mark->box.bottom = digit_most(mark->box.bottom, y + 1);
            mark->above += y == 0;
            mark->below += y == p->height - 1;
            mark->before += x == 0;
            mark->behind += x == p->width - 1;
        }
}

/* No speck, no desk along the border, and no block. */
static int32_t may_be_ink(const digit_mark *m, const digit_picture *p)
{
    const int32_t tall = m->box.bottom - m->box.top, wide = m->box.right - m->box.left;
    const int32_t side = digit_least(p->width, p->height);
    const int32_t outside = m->above || m->below || m->before || m->behind;
    if (m->area < SMALLEST || 10 * digit_most(m->above, m->below) > 3 * p->width ||
        10 * digit_most(m->before, m->behind) > 3 * p->height)
        return 0;
    return 50 * digit_least(tall, wide) <= side || 5 * wide <= 2 * tall ||
           100u * (uint32_t)m->area <= (outside ? 75u : 85u) * (uint32_t)(tall * wide);
}

static digit_box united(const digit_box *one, const digit_box *two)
{
    const digit_box both = {
        digit_least(one->left, two->left), digit_least(one->top, two->top),
        digit_most(one->right, two->right), digit_most(one->bottom, two->bottom)};
    return both;
}

/* Whether two boxes are so near, above each other, that they are of one digit: as digit_runtime's
 * inputs/page/parts.py. */
static int32_t are_stacked(const digit_box *one, const digit_box *two)
{
    const digit_box both = united(one, two);
    const int32_t tall = both.bottom - both.top, wide = both.right - both.left;
    const int32_t first = one->right - one->left, second = two->right - two->left;
    const int32_t above = tall - (one->bottom - one->top) - (two->bottom - two->top);
    const int32_t overlap = first + second - wide, narrower = digit_least(first, second);
    const int32_t lower = digit_least(one->bottom - one->top, two->bottom - two->top);
    if (100 * above > 12 * tall || 10 * tall > 18 * wide)
        return 0;
    return 10 * overlap > 4 * narrower || (10 * overlap > 2 * narrower && -2 * above < lower);
}

/* Make the marks that are of one digit one, if there are so few that lines are not meant. */
static void stack(digit_room *room, const digit_picture *p, int32_t count)
{
    digit_mark *marks = room->use.marks;
    int32_t few = 0;
    for (int32_t i = 0; i < count; i++)
        few += may_be_ink(&marks[i], p);
    for (int32_t i = 0; few <= FEW && i < count; i++)
        for (int32_t j = i + 1; j < count && may_be_ink(&marks[i], p); j++) {
            if (!may_be_ink(&marks[j], p) || !are_stacked(&marks[i].box, &marks[j].box))
                continue;
            marks[i].box = united(&marks[i].box, &marks[j].box);
            marks[i].area += marks[j].area;
            marks[j].area = 0;
            for (int32_t y = 0; y < room->ground.rows; y++)
                for (int32_t x = 0; x < room->ground.columns; x++)
                    if (room->ground.mark[y][x] == j + 1)
                        room->ground.mark[y][x] = (uint8_t)(i + 1);
            /* What is larger now may be near others. */
            i = -1;
            break;
        }
}

/* Whether a mark is so near that it is a part of the main one. */
static int32_t is_part(const digit_box *part, const digit_box *whole)
{
    const int32_t tall = whole->bottom - whole->top, height = part->bottom - part->top;
    const int32_t width = part->right - part->left;
    const int32_t overlap = digit_least(part->right, whole->right) - digit_most(part->left, whole->left);
    const int32_t gap = digit_most(part->top, whole->top) - digit_least(part->bottom, whole->bottom);
    const int32_t both = digit_most(part->bottom, whole->bottom) - digit_least(part->top, whole->top);
    const int32_t narrower = digit_least(width, whole->right - whole->left);
    const int32_t extent = digit_most(width, height);
    if (100 * extent < 12 * tall)
        return 0;
    if (100 * both <= 145 * tall && 100 * height < 65 * tall) {
        if (10 * extent < 3 * tall ? overlap >= 0 && 100 * gap <= 8 * tall
                                   : 2 * overlap >= narrower && 4 * gap <= tall)
            return 1;
    }
    return 10 * extent >= 3 * tall && 10 * height < 6 * tall &&
           100 * digit_most(gap, -overlap) < 15 * tall;
}

int32_t digit_mark_find(digit_room *room, const digit_picture *p, digit_box *found)
{
    digit_ground *g = &room->ground;
    int32_t largest = -1, tallest = 0, widest = 0;
    for (int32_t i = 0; i < 3; i++)
        room->rows[i].y = -1;
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++)
            g->mark[y][x] = g->room[y][x] = 0;
    for (int32_t y = 0; y < p->height; y++)
        for (int32_t x = 0; x < p->width; x++)
            if (inked(room, p, y, x)) {
                g->mark[y / g->size][x / g->size] = INK;
                for (int32_t i = 0; i < 4; i++) {
                    const int32_t below = y + LATER[i][0], beside = x + LATER[i][1];
                    if (below < p->height && beside >= 0 && beside < p->width &&
                        (below / g->size != y / g->size || beside / g->size != x / g->size) &&
                        inked(room, p, below, beside))
                        link(g, y, x, below, beside);
                }
            }
    const int32_t count = tell_apart(g);
    measure(room, p, count);
    stack(room, p, count);
    for (int32_t i = 0; i < count; i++) {
        const digit_mark *mark = &room->use.marks[i];
        const int32_t tall = mark->box.bottom - mark->box.top;
        if (!may_be_ink(mark, p))
            continue;
        tallest = digit_most(tallest, tall);
        if (tall * (mark->box.right - mark->box.left) > widest) {
            widest = tall * (mark->box.right - mark->box.left);
            largest = i;
        }
    }
    if (tallest < LOWEST || LOWEST_SHARE * tallest < digit_most(p->width, p->height))
        return 0;
    const digit_box box = room->use.marks[largest].box;
    *found = box;
    /* From here on the mark and its parts are 1, and all else 0. */
    for (int32_t i = 0; i < count; i++) {
        const digit_mark *mark = &room->use.marks[i];
        const int32_t part = i == largest || (may_be_ink(mark, p) && is_part(&mark->box, &box));
        for (int32_t y = 0; y < g->rows; y++)
            for (int32_t x = 0; x < g->columns; x++)
                if (g->mark[y][x] == i + 1)
                    g->mark[y][x] = part ? INK : 0;
        if (!part)
            continue;
        *found = united(found, &mark->box);
    }
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++)
            g->mark[y][x] = g->mark[y][x] == INK;
    return 1;
}

/* Count a step over the mark's edge: how much brighter it is inside. */
static void step(digit_room *room, int32_t inner, int32_t outer)
{
    room->use.edge.steps[(inner - outer) + DIGIT_STEPS / 2]++;
}

static int32_t place_of(const uint16_t *counts, int32_t place)
{
    int32_t value = 0;
    for (int32_t below = counts[0]; below <= place && value < DIGIT_STEPS - 1; below += counts[value])
        value++;
    return value;
}

float digit_mark_writing(digit_room *room, const digit_picture *p, const digit_box *box)
{
    const digit_ground *g = &room->ground;
    const int32_t top = digit_most(0, box->top - AROUND), left = digit_most(0, box->left - AROUND);
    const int32_t bottom = digit_least(p->height, box->bottom + AROUND);
    const int32_t right = digit_least(p->width, box->right + AROUND);
    const int32_t wide = box->right - box->left, tall = box->bottom - box->top;
    const int32_t longer = digit_most(wide, tall);
    int32_t area = 0, edges = 0, clear = 0, alike = 0, size = 0, inside = 0, strong = 0, outline = 0;
    for (int32_t i = 0; i < DIGIT_STEPS; i++)
        room->use.edge.steps[i] = 0;
    for (int32_t i = 0; i < 256; i++)
        room->histogram[i] = room->use.edge.strengths[i] = 0;
    for (int32_t y = top; y < bottom; y++) {
        int32_t first = right, last = right;
        for (int32_t x = left; x < right; x++) {
            const int32_t mark = digit_mark_at(room, p, y, x);
            if (mark) {
                area++;
                first = digit_least(first, x);
                last = x + 1;
                room->histogram[digit_grey_at(p, y, x)]++;
                room->use.edge.strengths[digit_mark_strength(room, p, y, x)]++;
            }
            if (y + 1 < bottom && mark != digit_mark_at(room, p, y + 1, x)) {
                const int32_t above = digit_grey_at(p, digit_most(y - 1, top), x);
                const int32_t below = digit_grey_at(p, digit_least(y + 2, bottom - 1), x);
                step(room, mark ? above : below, mark ? below : above);
                edges++;
            }
            if (x + 1 < right && mark != digit_mark_at(room, p, y, x + 1)) {
                const int32_t before = digit_grey_at(p, y, digit_most(x - 1, left));
                const int32_t behind = digit_grey_at(p, y, digit_least(x + 2, right - 1));
                step(room, mark ? before : behind, mark ? behind : before);
                edges++;
            }
        }
        outline += last - first;
    }
    /* What is large and has the outline of a rectangle is a sheet, whatever is on it. */
    if (!area || !edges ||
        (2 * tall > p->height && 2 * wide > p->width &&
         10u * (uint32_t)outline > 9u * (uint32_t)(tall * wide)))
        return 0.0f;
    for (int32_t below = (int32_t)room->histogram[0]; 2 * below < area;)
        below += (int32_t)room->histogram[++inside];
    for (int32_t below = (int32_t)room->use.edge.strengths[0]; 100u * (uint32_t)below < 85u * (uint32_t)area;)
        below += (int32_t)room->use.edge.strengths[++strong];
    for (int32_t i = 0; i < DIGIT_STEPS; i++) {
        const int32_t brighter = i - DIGIT_STEPS / 2;
        if (5 * (g->dark ? -brighter : brighter) > 2 * strong)
            clear += room->use.edge.steps[i];
    }
    /* Twice the grey half-way over the edge. */
    const int32_t middle =
        2 * inside - (place_of(room->use.edge.steps, edges / 2) - DIGIT_STEPS / 2);
    for (int32_t y = digit_most(0, box->top - longer / 2);
         y < digit_least(p->height, box->bottom + longer / 2); y++)
        for (int32_t x = digit_most(0, box->left - longer / 2);
             x < digit_least(p->width, box->right + longer / 2); x++, size++)
            alike += (2 * digit_grey_at(p, y, x) > middle) == (2 * inside > middle);
    const float other = (float)digit_most(0, alike - area) / (float)digit_most(1, size - area);
    const float length = (float)longer * (float)edges / (2.0f * (float)area);
    const float edge = (float)clear / (float)edges;
    return length * edge * edge * edge * edge * (1.0f - other) * (1.0f - other);
}
