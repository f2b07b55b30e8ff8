/* The paper's brightness at every place, by grey-scale closing on a shrunken copy, as in
 * digit_runtime's inputs/page/paper.py: a window wider than a stroke takes strokes away and keeps
 * what is wider, light that falls off and the edge of a shadow (Serra, Image Analysis and
 * Mathematical Morphology, 1982). Made for digit-export; no library is needed. */
#include "digit_ground.h"

enum {
    WIDE = 16,   /* Half the window, in hundredths of the shorter side: wider than a stroke. */
    NARROW = 8,  /* The one that tells which side is ink. */
    RING = 3,    /* So many cells around the ink are looked at. */
    UNEVEN = 20  /* Less difference along the border is as good as none. */
};

static int32_t clamped(int32_t value, int32_t highest)
{
    return value < 0 ? 0 : value > highest ? highest : value;
}

/* Each value of a line becomes the extreme of those up to `half` away. */
static void spread(uint8_t *line, int32_t apart, int32_t length, int32_t half, int32_t most)
{
    uint8_t old[DIGIT_ROOM];
    for (int32_t i = 0; i < length; i++)
        old[i] = line[i * apart];
    for (int32_t i = 0; i < length; i++) {
        uint8_t found = old[i];
        for (int32_t j = clamped(i - half, length - 1); j <= clamped(i + half, length - 1); j++)
            if (most ? old[j] > found : old[j] < found)
                found = old[j];
        line[i * apart] = found;
    }
}

/* Into `room`: the cells without dark strokes, or without bright ones, behind `half` more. */
static void close(digit_ground *g, int32_t half, int32_t dark)
{
    const int32_t rows = g->rows + 2 * half, columns = g->columns + 2 * half;
    for (int32_t y = 0; y < rows; y++)
        for (int32_t x = 0; x < columns; x++)
            g->room[y][x] = g->paper[clamped(y - half, g->rows - 1)]
                                    [clamped(x - half, g->columns - 1)];
    for (int32_t turn = 0; turn < 2; turn++) {
        for (int32_t y = 0; y < rows; y++)
            spread(g->room[y], 1, columns, half, turn ? !dark : dark);
        for (int32_t x = 0; x < columns; x++)
            spread(&g->room[0][x], DIGIT_ROOM, rows, half, turn ? !dark : dark);
    }
}

static int32_t half_of(const digit_ground *g, int32_t hundredths)
{
    const int32_t side = g->rows < g->columns ? g->rows : g->columns;
    const int32_t half = (side * hundredths + 50) / 100;
    return half < 1 ? 1 : half > DIGIT_AROUND ? DIGIT_AROUND : half;
}

/* Whether what surrounds the ink is the brighter of both. Where there is ink, and in the holes
 * between its strokes, the picture without dark and the one without bright strokes differ; right
 * outside they agree on the paper. */
static int32_t ink_is_dark(digit_ground *g)
{
    const int32_t half = half_of(g, NARROW);
    int32_t strongest = 0, votes = 0;
    close(g, half, 1);
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++)
            g->step[y][x] = g->room[y + half][x + half];
    close(g, half, 0);
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++) {
            const int32_t span = g->step[y][x] - g->room[y + half][x + half];
            strongest = span > strongest ? span : strongest;
        }
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++) {
            int32_t brightest = 0, darkest = 255, nearest = RING + 1;
            for (int32_t i = clamped(y - RING, g->rows - 1); i <= clamped(y + RING, g->rows - 1);
                 i++)
                for (int32_t j = clamped(x - RING, g->columns - 1);
                     j <= clamped(x + RING, g->columns - 1); j++) {
                    const int32_t bright = g->step[i][j], dark = g->room[i + half][j + half];
                    const int32_t down = i > y ? i - y : y - i, across = j > x ? j - x : x - j;
                    const int32_t away = down > across ? down : across;
                    if (2 * (bright - dark) <= strongest)
                        continue;
                    brightest = bright > brightest ? bright : brightest;
                    darkest = dark < darkest ? dark : darkest;
                    nearest = away < nearest ? away : nearest;
                }
            /* Right at the ink all is blurred. */
            if (nearest >= 2 && nearest <= RING)
                votes += 2 * g->paper[y][x] > brightest + darkest ? 1 : -1;
        }
    return votes >= 0;
}

static void average(digit_ground *g, const uint8_t *grey, int32_t width, int32_t height,
                    int32_t stride)
{
    for (int32_t i = 0; i < g->rows; i++)
        for (int32_t j = 0; j < g->columns; j++) {
            uint32_t sum = 0, count = 0;
            for (int32_t y = i * g->size; y < (i + 1) * g->size && y < height; y++)
                for (int32_t x = j * g->size; x < (j + 1) * g->size && x < width; x++, count++)
                    sum += grey[y * stride + x];
            g->paper[i][j] = (uint8_t)((sum + count / 2) / count);
        }
}

static int32_t step_around(const digit_ground *g, int32_t y, int32_t x)
{
    int32_t least = 255, most = 0;
    for (int32_t i = clamped(y - 1, g->rows - 1); i <= clamped(y + 1, g->rows - 1); i++)
        for (int32_t j = clamped(x - 1, g->columns - 1); j <= clamped(x + 1, g->columns - 1); j++) {
            least = g->paper[i][j] < least ? g->paper[i][j] : least;
            most = g->paper[i][j] > most ? g->paper[i][j] : most;
        }
    return most - least;
}

int digit_ground_find(digit_ground *g, const uint8_t *grey, int32_t width, int32_t height,
                      int32_t stride)
{
    const int32_t longest = width > height ? width : height;
    int32_t half, least = 255, most = 0;
    g->size = (longest + DIGIT_CELLS - 1) / DIGIT_CELLS;
    g->rows = (height + g->size - 1) / g->size;
    g->columns = (width + g->size - 1) / g->size;
    average(g, grey, width, height, stride);
    g->dark = ink_is_dark(g);
    half = half_of(g, WIDE);
    close(g, half, g->dark);
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++) {
            g->paper[y][x] = g->room[y + half][x + half];
            if (y == 0 || x == 0 || y == g->rows - 1 || x == g->columns - 1) {
                least = g->paper[y][x] < least ? g->paper[y][x] : least;
                most = g->paper[y][x] > most ? g->paper[y][x] : most;
            }
        }
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++)
            g->step[y][x] = (uint8_t)step_around(g, y, x);
    return most - least > UNEVEN;
}

/* Between which cells a pixel lies, and how far from the first, in 256 parts. */
static int32_t between(int32_t at, int32_t size, int32_t count, int32_t *first, int32_t *second)
{
    const int32_t place = (2 * at + 1) * 128 / size - 128;
    *first = clamped(place >> 8, count - 1);
    *second = clamped((place >> 8) + 1, count - 1);
    return place & 255;
}

int32_t digit_ground_ink(const digit_ground *g, int32_t y, int32_t x, int32_t grey)
{
    int32_t top, bottom, left, right;
    const int32_t down = between(y, g->size, g->rows, &top, &bottom);
    const int32_t across = between(x, g->size, g->columns, &left, &right);
    const int32_t above = g->paper[top][left] * (256 - across) + g->paper[top][right] * across;
    const int32_t below =
        g->paper[bottom][left] * (256 - across) + g->paper[bottom][right] * across;
    const int32_t paper = (above * (256 - down) + below * down + (1 << 15)) >> 16;
    const int32_t ink = g->dark ? paper - grey : grey - paper;
    /* Where the paper's brightness changes at once, it is known only to a cell. */
    if (ink <= 0 || 10 * ink <= 6 * g->step[y / g->size][x / g->size])
        return 0;
    /* In the shade ink differs from paper by less, in proportion. */
    return g->dark ? ink * 255 / (paper > 32 ? paper : 32) : ink;
}
