/* From a grey picture of one digit to MNIST's form: its ink fitted into 20 x 20 pixels by a
 * triangle filter, with its centre of mass in the middle. The same as digit_runtime's
 * inputs/mnist_form.py, to two levels of grey, where the light is even. Made for digit-export; no library is needed. */
#include "digit_from_grey.h"

enum { SIDE = 28, BOX = 20, CENTRE = 14, FAINT = 25 };

typedef struct {
    const uint8_t *grey;
    int32_t width, height, stride;
    int32_t ground, dark;
    const digit_ground *uneven; /* The paper, if the light is uneven, else NULL. */
} picture;

typedef struct {
    int32_t top, left, height, width;
} box;

static int32_t ink_at(const picture *p, int32_t y, int32_t x)
{
    const int32_t grey = p->grey[y * p->stride + x];
    if (p->uneven)
        return digit_ground_ink(p->uneven, y, x, grey);
    const int32_t ink = p->dark ? p->ground - grey : grey - p->ground;
    return ink > 0 ? ink : 0;
}

/* The median of the outermost pixels, corners counting twice. */
static int32_t ground_of(const picture *p, uint32_t *histogram)
{
    const uint32_t count = (uint32_t)(2 * (p->width + p->height));
    uint32_t below = 0;
    int32_t low = -1;
    for (int32_t i = 0; i < 256; i++)
        histogram[i] = 0;
    for (int32_t x = 0; x < p->width; x++) {
        histogram[p->grey[x]]++;
        histogram[p->grey[(p->height - 1) * p->stride + x]]++;
    }
    for (int32_t y = 0; y < p->height; y++) {
        histogram[p->grey[y * p->stride]]++;
        histogram[p->grey[y * p->stride + p->width - 1]]++;
    }
    /* The count is even, so that the median lies between two. */
    for (int32_t value = 0; value < 256; value++) {
        below += histogram[value];
        if (low < 0 && below >= count / 2)
            low = value;
        if (below >= count / 2 + 1)
            return (low + value) / 2;
    }
    return low;
}

/* In uneven light what a pixel has alone, and not the next ones too, is noise in the shade. */
static int32_t lasting_ink_at(const picture *p, int32_t y, int32_t x)
{
    int32_t ink = ink_at(p, y, x);
    if (p->uneven && y + 1 < p->height && x + 1 < p->width && ink > 0) {
        const int32_t beside = ink_at(p, y, x + 1), below = ink_at(p, y + 1, x);
        ink = beside < ink ? beside : ink;
        ink = below < ink ? below : ink;
    }
    return ink;
}

static box bounds_of(const picture *p, int32_t least_times_four)
{
    int32_t top = p->height, bottom = -1, left = p->width, right = -1;
    for (int32_t y = 0; y < p->height; y++)
        for (int32_t x = 0; x < p->width; x++)
            if (4 * lasting_ink_at(p, y, x) > least_times_four) {
                top = y < top ? y : top;
                bottom = y;
                left = x < left ? x : left;
                right = x > right ? x : right;
            }
    const box found = {top, left, bottom - top + 1, right - left + 1};
    return found;
}

static int32_t peak_of(const picture *p)
{
    int32_t peak = 0;
    for (int32_t y = 0; y < p->height; y++)
        for (int32_t x = 0; x < p->width; x++) {
            const int32_t ink = lasting_ink_at(p, y, x);
            peak = ink > peak ? ink : peak;
        }
    return peak;
}

static int has_mnist_form(const picture *p)
{
    if (p->width != SIDE || p->height != SIDE)
        return 0;
    const box ink = bounds_of(p, 4 * FAINT);
    const int32_t longest = ink.height > ink.width ? ink.height : ink.width;
    int32_t total = 0, down = 0, across = 0;
    for (int32_t y = 0; y < SIDE; y++)
        for (int32_t x = 0; x < SIDE; x++) {
            const int32_t value = ink_at(p, y, x);
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
    return even > 1 ? even : 1;
}

/* How much pixel `from` of `old` counts in pixel `to` of `made`. */
static float weight(int32_t from, int32_t old, int32_t to, int32_t made)
{
    const float scale = (float)old / (float)made;
    const float middle = ((float)to + 0.5f) * scale - 0.5f;
    const float away = (float)from > middle ? (float)from - middle : middle - (float)from;
    const float share = 1.0f - away / (scale > 1.0f ? scale : 1.0f);
    return share > 0.0f ? share : 0.0f;
}

/* The first pixel that counts in pixel `to`, and one past the last. */
static void reach(int32_t old, int32_t to, int32_t made, int32_t *first, int32_t *last)
{
    const float scale = (float)old / (float)made;
    const float middle = ((float)to + 0.5f) * scale - 0.5f;
    const float half = scale > 1.0f ? scale : 1.0f;
    *first = middle - half > 0.0f ? (int32_t)(middle - half) : 0;
    *last = (int32_t)(middle + half) + 2 < old ? (int32_t)(middle + half) + 2 : old;
}

static void resize(const picture *p, box from, int32_t height, int32_t width,
                   digit_grey_buffer *b)
{
    for (int32_t i = 0; i < BOX; i++) {
        b->total[i] = 0.0f;
        for (int32_t j = 0; j < BOX; j++)
            b->field[i][j] = 0.0f;
    }
    for (int32_t y = 0; y < from.height; y++) {
        for (int32_t j = 0; j < width; j++) {
            int32_t first, last;
            float sum = 0.0f, total = 0.0f;
            reach(from.width, j, width, &first, &last);
            for (int32_t x = first; x < last; x++) {
                const float share = weight(x, from.width, j, width);
                total += share;
                sum += share * (float)ink_at(p, from.top + y, from.left + x);
            }
            b->row[j] = sum / total;
        }
        for (int32_t i = 0; i < height; i++) {
            const float share = weight(y, from.height, i, height);
            if (share > 0.0f) {
                b->total[i] += share;
                for (int32_t j = 0; j < width; j++)
                    b->field[i][j] += share * b->row[j];
            }
        }
    }
    for (int32_t i = 0; i < height; i++)
        for (int32_t j = 0; j < width; j++)
            b->field[i][j] /= b->total[i];
}

static int32_t nearest(double value)
{
    return value < 0.0 ? -(int32_t)(0.5 - value) : (int32_t)(value + 0.5);
}

static int32_t within(int32_t value, int32_t highest)
{
    return value < 0 ? 0 : value > highest ? highest : value;
}

int digit_from_grey(const uint8_t *grey, int32_t width, int32_t height, int32_t stride,
                    uint8_t pixels[784], digit_grey_buffer *buffer)
{
    picture p = {grey, width, height, stride, 0, 0, 0};
    int32_t least = 255, most = 0, peak;
    if (width < 1 || height < 1 || width > 4096 || height > 4096 || stride < width)
        return 2;
    p.ground = ground_of(&p, buffer->histogram);
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            const int32_t value = grey[y * stride + x];
            least = value < least ? value : least;
            most = value > most ? value : most;
        }
    p.dark = p.ground - least > most - p.ground;
    peak = p.dark ? p.ground - least : most - p.ground;
    if (peak <= FAINT)
        return 1;
    if (has_mnist_form(&p)) {
        for (int32_t i = 0; i < SIDE * SIDE; i++)
            pixels[i] = (uint8_t)ink_at(&p, i / SIDE, i % SIDE);
        return 0;
    }
    if (digit_ground_find(&buffer->ground, grey, width, height, stride)) {
        p.uneven = &buffer->ground;
        peak = peak_of(&p);
        if (peak <= FAINT)
            return 1;
    }
    const box from = bounds_of(&p, peak);
    const int32_t longest = from.height > from.width ? from.height : from.width;
    const int32_t rows = fitted(from.height, longest), columns = fitted(from.width, longest);
    float largest = 0.0f;
    double total = 0.0, down = 0.0, across = 0.0;
    resize(&p, from, rows, columns, buffer);
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < columns; j++) {
            const float value = buffer->field[i][j];
            largest = value > largest ? value : largest;
            total += (double)value;
            down += (double)value * i;
            across += (double)value * j;
        }
    const int32_t top = within(nearest(CENTRE - down / total), SIDE - rows);
    const int32_t left = within(nearest(CENTRE - across / total), SIDE - columns);
    for (int32_t i = 0; i < SIDE * SIDE; i++)
        pixels[i] = 0;
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < columns; j++)
            pixels[(top + i) * SIDE + left + j] =
                (uint8_t)(buffer->field[i][j] * 255.0f / largest + 0.5f);
    return 0;
}
