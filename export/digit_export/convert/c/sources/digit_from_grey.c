/* From a grey picture of one digit to MNIST's form: its ink fitted into 20 x 20 pixels by a
 * triangle filter, with its centre of mass in the middle. The same as digit_runtime's
 * inputs/images.py and mnist_form.py. Made for digit-export; no library is needed. */
#include "digit_from_grey.h"

enum {
    SIDE = 28, BOX = 20, CENTRE = 14,
    FAINTEST = 12, /* Less difference in all the picture is no ink, */
    FAINT = 25,    /* nor is this where there is no more than one grey of paper. */
    EDGE = 64,     /* A digit's edge, of 255; fainter pixels are the blur around it. */
    LARGE = 60,    /* Ink is made smaller down to this, in pixels. */
    MARGIN = 2,
    LEAST_SIDE = 64,
    DOTS = 40,     /* What is narrower than this part of the picture is a dot. */
    EVEN = 12,     /* The greys of an even paper. */
    STROKE = 90
};

/* The ink of a digit: of the mark that was found, or all that differs from one grey. */
typedef struct {
    const digit_picture *picture;
    digit_room *room;
    int32_t flat, dark;
    int32_t peak; /* What becomes 255. */
    digit_box box;
    int32_t factor; /* So many pixels, along a side, are taken as one. */
} ink;

static int32_t flat_ink_at(const ink *k, int32_t y, int32_t x)
{
    const int32_t grey = digit_grey_at(k->picture, y, x), ground = k->picture->border;
    return digit_most(0, k->dark ? ground - grey : grey - ground);
}

static int32_t ink_at(const ink *k, int32_t y, int32_t x)
{
    const digit_picture *p = k->picture;
    if (k->flat)
        return flat_ink_at(k, y, x);
    const int32_t strength = digit_mark_strength(k->room, p, y, x);
    /* The ink's edge fades over a pixel. */
    if (!strength || !(digit_mark_at(k->room, p, y, x) || digit_mark_at(k->room, p, y - 1, x) ||
                       digit_mark_at(k->room, p, y + 1, x) || digit_mark_at(k->room, p, y, x - 1) ||
                       digit_mark_at(k->room, p, y, x + 1)))
        return 0;
    return digit_least(255, strength * 255 / k->peak);
}

/* The median of the outermost pixels, corners counting twice. */
static int32_t border_of(const digit_picture *p, uint32_t *histogram)
{
    const uint32_t half = (uint32_t)(p->width + p->height);
    uint32_t below = 0;
    int32_t low = -1;
    for (int32_t i = 0; i < 256; i++)
        histogram[i] = 0;
    for (int32_t x = 0; x < p->width; x++) {
        histogram[digit_grey_at(p, 0, x)]++;
        histogram[digit_grey_at(p, p->height - 1, x)]++;
    }
    for (int32_t y = 0; y < p->height; y++) {
        histogram[digit_grey_at(p, y, 0)]++;
        histogram[digit_grey_at(p, y, p->width - 1)]++;
    }
    /* The count is even, so that the median lies between two. */
    for (int32_t value = 0; value < 256; value++) {
        below += histogram[value];
        if (low < 0 && below >= half)
            low = value;
        if (below >= half + 1)
            return (low + value) / 2;
    }
    return low;
}

/* A pixel of the border, from the first of the upper row to the last of the right column. */
static int32_t border_at(const digit_picture *p, int32_t at)
{
    if (at < 2 * p->width)
        return digit_grey_at(p, at < p->width ? 0 : p->height - 1, at % p->width);
    at -= 2 * p->width;
    return digit_grey_at(p, at % p->height, at < p->height ? 0 : p->width - 1);
}

/* Whether strokes run into the border of what is else one grey, an even paper. */
static int32_t is_cut(const digit_picture *p, uint32_t *histogram)
{
    /* Dots, as of a dithered picture, are no strokes. */
    const int32_t window = digit_most(3, digit_most(p->width, p->height) / DOTS);
    const int32_t count = 2 * (p->width + p->height) - window + 1;
    int32_t sum = 0, median = 0, deepest = 0, paper = 0, ink = 0;
    if (count < 1)
        return 0;
    for (int32_t i = 0; i < 256; i++)
        histogram[i] = 0;
    for (int32_t i = 0; i < count + window - 1; i++) {
        sum += border_at(p, i) - (i < window ? 0 : border_at(p, i - window));
        if (i >= window - 1)
            histogram[(sum + window / 2) / window]++;
    }
    for (int32_t below = (int32_t)histogram[0]; 2 * below < count;)
        below += (int32_t)histogram[++median];
    for (int32_t i = 0; i < 256; i++)
        if (histogram[i])
            deepest = digit_most(deepest, i < median ? median - i : i - median);
    for (int32_t i = 0; i < 256; i++) {
        const int32_t off = i < median ? median - i : i - median;
        paper += off <= EVEN ? (int32_t)histogram[i] : 0;
        ink += 2 * off > deepest ? (int32_t)histogram[i] : 0;
    }
    return deepest > STROKE && 5 * paper > 3 * count && paper + 2 * ink > count;
}

static digit_picture padded(digit_picture p, uint32_t *histogram)
{
    p.border = border_of(&p, histogram);
    p.pad += (12 * digit_most(p.width, p.height) + 50) / 100;
    p.width = p.inner_width * p.scale + 2 * p.pad;
    p.height = p.inner_height * p.scale + 2 * p.pad;
    return p;
}

/* The box, within `from`, of ink that is more than this, in quarters; of all if none is. */
static digit_box trimmed(const ink *k, digit_box from, int32_t quarters)
{
    digit_box found = {from.right, from.bottom, -1, -1};
    for (int32_t y = from.top; y < from.bottom; y++)
        for (int32_t x = from.left; x < from.right; x++)
            if (4 * ink_at(k, y, x) > quarters) {
                found.left = digit_least(found.left, x);
                found.top = digit_least(found.top, y);
                found.right = digit_most(found.right, x + 1);
                found.bottom = digit_most(found.bottom, y + 1);
            }
    return found.right < 0 ? from : found;
}

static int32_t longest_of(digit_box box)
{
    return digit_most(box.right - box.left, box.bottom - box.top);
}

static int32_t has_mnist_form(const ink *k)
{
    const int32_t longest = longest_of(trimmed(k, k->box, 4 * FAINT));
    int32_t total = 0, down = 0, across = 0;
    for (int32_t y = 0; y < SIDE; y++)
        for (int32_t x = 0; x < SIDE; x++) {
            const int32_t value = ink_at(k, y, x);
            total += value;
            down += value * (y - CENTRE);
            across += value * (x - CENTRE);
        }
    return longest >= BOX - 2 && longest <= BOX && down <= total && -down <= total &&
           across <= total && -across <= total;
}

/* 20 * side / longest, to the nearest, halves to the even one, and at least one. */
static int32_t fitted(int32_t side, int32_t longest)
{
    const int32_t twice = 2 * BOX * side, whole = (twice + longest) / (2 * longest);
    const int32_t even = (twice + longest) % (2 * longest) == 0 && whole % 2 ? whole - 1 : whole;
    return digit_most(even, 1);
}

/* How much pixel `from` of `old` counts in pixel `to` of `made`, by a triangle as wide as the larger of
 * both; up to 256. */
static uint32_t weight(int32_t from, int32_t old, int32_t to, int32_t made)
{
    const int32_t longer = 2 * digit_most(old, made), coarse = (longer + 255) / 256;
    const int32_t off = made * (2 * from + 1) - old * (2 * to + 1);
    return (uint32_t)(digit_most(0, longer - (off < 0 ? -off : off)) / coarse);
}

/* The mean of the pixels that are taken as one; there is nothing outside the box. */
static int32_t mean_at(const ink *k, int32_t y, int32_t x)
{
    const int32_t top = k->box.top + y * k->factor, left = k->box.left + x * k->factor;
    const int32_t count = k->factor * k->factor;
    int32_t sum = 0;
    for (int32_t i = top; i < digit_least(top + k->factor, k->box.bottom); i++)
        for (int32_t j = left; j < digit_least(left + k->factor, k->box.right); j++)
            sum += ink_at(k, i, j);
    return (sum + count / 2) / count;
}

/* Fill the field with the ink, rows x columns, in 256 parts of a grey. */
static void resize(const ink *k, int32_t height, int32_t width, int32_t rows, int32_t columns)
{
    uint32_t(*field)[BOX] = k->room->use.made.field;
    uint32_t *row = k->room->use.made.row, *total = k->room->use.made.total;
    for (int32_t j = 0; j < columns; j++) {
        total[j] = 0;
        for (int32_t x = 0; x < width; x++)
            total[j] += weight(x, width, j, columns);
        for (int32_t i = 0; i < rows; i++)
            field[i][j] = 0;
    }
    for (int32_t y = 0; y < height; y++) {
        for (int32_t j = 0; j < columns; j++)
            row[j] = 0;
        for (int32_t x = 0; x < width; x++) {
            const uint32_t value = (uint32_t)mean_at(k, y, x);
            for (int32_t j = 0; value && j < columns; j++)
                row[j] += value * weight(x, width, j, columns);
        }
        for (int32_t j = 0; j < columns; j++) {
            const uint32_t value = (row[j] * 256 + total[j] / 2) / total[j];
            for (int32_t i = 0; value && i < rows; i++)
                field[i][j] += value * weight(y, height, i, rows);
        }
    }
    for (int32_t i = 0; i < rows; i++) {
        uint32_t all = 0;
        for (int32_t y = 0; y < height; y++)
            all += weight(y, height, i, rows);
        for (int32_t j = 0; j < columns; j++)
            field[i][j] = (field[i][j] + all / 2) / all;
    }
}

static void put(const ink *k, uint8_t *pixels)
{
    uint32_t(*field)[BOX] = k->room->use.made.field;
    const int32_t height = (k->box.bottom - k->box.top + k->factor - 1) / k->factor;
    const int32_t width = (k->box.right - k->box.left + k->factor - 1) / k->factor;
    const int32_t longest = digit_most(height, width);
    const int32_t rows = fitted(height, longest), columns = fitted(width, longest);
    uint32_t largest = 1, total = 1, down = 0, across = 0;
    resize(k, height, width, rows, columns);
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < columns; j++) {
            const uint32_t value = field[i][j];
            largest = value > largest ? value : largest;
            total += value;
            down += value * (uint32_t)i;
            across += value * (uint32_t)j;
        }
    /* To the nearest; a box of 20 has its centre of mass between 0 and 19. */
    const int32_t below = (int32_t)((2 * down + total) / (2 * total));
    const int32_t beside = (int32_t)((2 * across + total) / (2 * total));
    const int32_t top = digit_least(digit_most(CENTRE - below, 0), SIDE - rows);
    const int32_t left = digit_least(digit_most(CENTRE - beside, 0), SIDE - columns);
    for (int32_t i = 0; i < SIDE * SIDE; i++)
        pixels[i] = 0;
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < columns; j++)
            pixels[(top + i) * SIDE + left + j] =
                (uint8_t)((field[i][j] * 255 + largest / 2) / largest);
}

/* All that differs from the border's grey, by digit_runtime's `centre`. */
static int from_one_grey(const digit_picture *p, int32_t least, int32_t most, uint8_t *pixels,
                         digit_room *room)
{
    const int32_t dark = p->border - least > most - p->border;
    const int32_t peak = dark ? p->border - least : most - p->border;
    ink k = {p, room, 1, dark, peak, {0, 0, p->width, p->height}, 1};
    if (peak <= FAINT)
        return 1;
    if (p->width == SIDE && p->height == SIDE && has_mnist_form(&k)) {
        for (int32_t i = 0; i < SIDE * SIDE; i++)
            pixels[i] = (uint8_t)ink_at(&k, i / SIDE, i % SIDE);
        return 0;
    }
    k.box = trimmed(&k, k.box, peak);
    put(&k, pixels);
    return 0;
}

static int32_t found_on(digit_room *room, const digit_picture *p, int32_t dark, digit_box *box)
{
    digit_ground_find(&room->ground, p, dark, room->histogram);
    return digit_mark_find(room, p, box);
}

static int32_t found(digit_room *room, const digit_picture *p, digit_box *box)
{
    digit_ground_sides(&room->ground, p, room->histogram);
    const int32_t dark = room->ground.dark;
    int32_t any = found_on(room, p, dark, box);
    if (room->ground.clear)
        return any;
    /* It may as well be on the other side. */
    const float here = any ? digit_mark_writing(room, p, box) : 0.0f;
    any = found_on(room, p, !dark, box);
    /* What is there must be much more like writing: it rarely is. */
    if (any && digit_mark_writing(room, p, box) > 2.0f * here)
        return any;
    return found_on(room, p, dark, box);
}

static void mark_to_pixels(digit_room *room, const digit_picture *p, digit_box box,
                           uint8_t *pixels)
{
    ink k = {p, room, 0, 0, 0, box, 1};
    uint32_t count = 0, below = 0;
    for (int32_t i = 0; i < 256; i++)
        room->histogram[i] = 0;
    for (int32_t y = box.top; y < box.bottom; y++)
        for (int32_t x = box.left; x < box.right; x++)
            if (digit_mark_at(room, p, y, x)) {
                room->histogram[digit_mark_strength(room, p, y, x)]++;
                count++;
            }
    while (below <= count * 85 / 100)
        below += room->histogram[k.peak++];
    k.peak = digit_most(k.peak - 1, 1);
    box.left = digit_most(0, box.left - MARGIN);
    box.top = digit_most(0, box.top - MARGIN);
    box.right = digit_least(p->width, box.right + MARGIN);
    box.bottom = digit_least(p->height, box.bottom + MARGIN);
    k.box = trimmed(&k, box, 4 * EDGE);
    k.factor = digit_most(1, longest_of(k.box) / LARGE);
    put(&k, pixels);
}

/* Whether nine tenths of a picture have one grey: its median, if any. */
static int32_t has_few_greys(const digit_picture *p, uint32_t *histogram)
{
    for (int32_t i = 0; i < 256; i++)
        histogram[i] = 0;
    for (int32_t y = 0; y < p->height; y++)
        for (int32_t x = 0; x < p->width; x++)
            histogram[digit_grey_at(p, y, x)]++;
    for (int32_t i = 0; i < 256; i++)
        if (10 * histogram[i] >= 9 * (uint32_t)(p->width * p->height))
            return 1;
    return 0;
}

int digit_from_grey(const uint8_t *grey, int32_t width, int32_t height, int32_t stride,
                    uint8_t pixels[784], digit_grey_buffer *buffer)
{
    digit_picture p = {grey, width, height, stride, 1, 0, 0, width, height};
    int32_t least = 255, most = 0;
    digit_box box;
    if (width < 1 || height < 1 || width > 4096 || height > 4096 || stride < width)
        return 2;
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            least = digit_least(least, grey[y * stride + x]);
            most = digit_most(most, grey[y * stride + x]);
        }
    p.border = border_of(&p, buffer->histogram);
    if (width == SIDE && height == SIDE)
        return from_one_grey(&p, least, most, pixels, buffer);
    if (most - least <= FAINTEST)
        return 1;
    /* Enough pixels to tell a stroke's edge. */
    digit_picture large = p;
    large.scale = (LEAST_SIDE - 1) / digit_most(width, height) + 1;
    large.width *= large.scale;
    large.height *= large.scale;
    if (is_cut(&large, buffer->histogram))
        large = padded(large, buffer->histogram);
    /* Cut so closely that there is no paper: once more, with some around. */
    for (int32_t turn = 0; turn < 2; turn++, large = padded(large, buffer->histogram))
        if (found(buffer, &large, &box)) {
            mark_to_pixels(buffer, &large, box, pixels);
            return 0;
        }
    /* A stroke just begun on clean paper. */
    if (has_few_greys(&p, buffer->histogram))
        return from_one_grey(&p, least, most, pixels, buffer);
    return 1;
}
