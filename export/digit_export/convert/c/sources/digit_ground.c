/* The ink of a picture of one digit, by the paper's brightness in at most 32 x 32 cells: the same as
 * digit_runtime's inputs/page/cells.py and paper.py. Grey-scale closing with a window wider than
 * a stroke takes strokes away and keeps what is wider, light that falls off and the edge of a shadow
 * (Serra, Image Analysis and Mathematical Morphology, 1982). Made for digit-export; no library is
 * needed. */
#include "digit_ground.h"

enum {
    WIDE = 32,     /* The window, in hundredths of the shorter side: wider than a stroke. */
    NARROW = 4,    /* Those that tell which side is ink. */
    MIDDLE = 17,
    CONTRAST = 16, /* Differences up to this are JPEG's and the camera's. */
    DARKEST = 32,  /* Ink on darker paper than this is not made stronger still. */
    NOISE_ROWS = 4, NOISE_COLUMNS = 16
};

static int32_t within(int32_t value, int32_t highest)
{
    return value < 0 ? 0 : digit_least(value, highest);
}

/* Between which two of `size` pixels each a pixel lies, and how far from the first, in 2 * size parts. */
static int32_t between(int32_t at, int32_t size, int32_t count, int32_t *first, int32_t *second)
{
    const int32_t place = 2 * at + 1 + size, cell = place / (2 * size) - 1;
    *first = within(cell, count - 1);
    *second = within(cell + 1, count - 1);
    return place - (cell + 1) * 2 * size;
}

static uint8_t mixed(int32_t first, int32_t second, int32_t part, int32_t size)
{
    return (uint8_t)((first * (2 * size - part) + second * part + size) / (2 * size));
}

int32_t digit_grey_at(const digit_picture *p, int32_t y, int32_t x)
{
    int32_t top, bottom, left, right;
    y -= p->pad;
    x -= p->pad;
    if (y < 0 || x < 0 || y >= p->inner_height * p->scale || x >= p->inner_width * p->scale)
        return p->border;
    if (p->scale == 1)
        return p->grey[y * p->stride + x];
    const int32_t down = between(y, p->scale, p->inner_height, &top, &bottom);
    const int32_t across = between(x, p->scale, p->inner_width, &left, &right);
    const uint8_t *above = p->grey + top * p->stride, *below = p->grey + bottom * p->stride;
    return mixed(mixed(above[left], above[right], across, p->scale),
                 mixed(below[left], below[right], across, p->scale), down, p->scale);
}

/* The value that a share of the counted, in tenths, does not reach. */
static int32_t tenths_of(const uint32_t *histogram, uint32_t count, uint32_t tenths)
{
    const uint32_t place = count ? tenths * (count - 1) / 10 : 0;
    uint32_t below = 0;
    for (int32_t value = 0; value < 256; value++) {
        below += histogram[value];
        if (below > place)
            return value;
    }
    return 0;
}

static void clear(uint32_t *histogram)
{
    for (int32_t i = 0; i < 256; i++)
        histogram[i] = 0;
}

static int32_t root_of(uint32_t square)
{
    uint32_t root = 0;
    for (uint32_t bit = 1u << 10; bit; bit >>= 1)
        if ((root + bit) * (root + bit) <= square)
            root += bit;
    return (int32_t)root;
}

/* The root of the sum of squared steps of parts without a stroke: three tenths have none. */
static int32_t noise_of(const digit_picture *p, uint32_t *histogram)
{
    const int32_t apart = digit_most(1, p->height / 240);
    const int32_t down = (p->height + apart - 1) / apart / NOISE_ROWS;
    const int32_t across = (p->width - 1) / NOISE_COLUMNS;
    clear(histogram);
    for (int32_t i = 0; i < down; i++)
        for (int32_t j = 0; j < across; j++) {
            uint32_t squares = 0;
            for (int32_t row = 0; row < NOISE_ROWS; row++) {
                const int32_t y = (i * NOISE_ROWS + row) * apart, left = j * NOISE_COLUMNS;
                int32_t before = digit_grey_at(p, y, left);
                for (int32_t x = left + 1; x <= left + NOISE_COLUMNS; x++) {
                    const int32_t grey = digit_grey_at(p, y, x), step = grey - before;
                    squares += (uint32_t)(step * step);
                    before = grey;
                }
            }
            histogram[digit_least(root_of(squares), 255)]++;
        }
    return tenths_of(histogram, (uint32_t)(down * across), 3);
}

/* Each value of a line becomes the extreme of those up to `half` away. */
static void spread(uint8_t *line, int32_t apart, int32_t length, int32_t half, int32_t most)
{
    uint8_t old[DIGIT_ROOM];
    for (int32_t i = 0; i < length; i++)
        old[i] = line[i * apart];
    for (int32_t i = 0; i < length; i++) {
        uint8_t found = old[i];
        for (int32_t j = within(i - half, length - 1); j <= within(i + half, length - 1); j++)
            if (most ? old[j] > found : old[j] < found)
                found = old[j];
        line[i * apart] = found;
    }
}

/* Into `made`: the paper's cells without dark strokes, or without bright ones. */
static void close(digit_ground *g, int32_t hundredths, int32_t dark, digit_cells made)
{
    const int32_t side = digit_least(g->rows, g->columns);
    const int32_t half = digit_most(3, (side * hundredths + 50) / 100) / 2;
    const int32_t rows = g->rows + 2 * half, columns = g->columns + 2 * half;
    for (int32_t y = 0; y < rows; y++)
        for (int32_t x = 0; x < columns; x++)
            g->room[y][x] =
                g->paper[within(y - half, g->rows - 1)][within(x - half, g->columns - 1)];
    for (int32_t turn = 0; turn < 2; turn++) {
        for (int32_t y = 0; y < rows; y++)
            spread(g->room[y], 1, columns, half, turn ? !dark : dark);
        for (int32_t x = 0; x < columns; x++)
            spread(&g->room[0][x], DIGIT_ROOM, rows, half, turn ? !dark : dark);
    }
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++)
            made[y][x] = g->room[y + half][x + half];
}

static int32_t extreme_around(const digit_ground *g, digit_cells cells, int32_t y, int32_t x,
                              int32_t half, int32_t most)
{
    int32_t found = cells[y][x];
    for (int32_t i = within(y - half, g->rows - 1); i <= within(y + half, g->rows - 1); i++)
        for (int32_t j = within(x - half, g->columns - 1); j <= within(x + half, g->columns - 1);
             j++)
            found = most ? digit_most(found, cells[i][j]) : digit_least(found, cells[i][j]);
    return found;
}

/* In 10,000 parts, how much of what surrounds the ink is as bright as the brighter of both; -1 where
 * there is too little to tell. Where there is ink, and in the holes between its strokes, the picture
 * without dark and the one without bright strokes differ; right outside they agree on the paper. */
static int32_t bright_around(digit_ground *g, int32_t hundredths)
{
    int32_t strongest = 0, inked = 0, least = 255, most = 0;
    int32_t all[2] = {0, 0}, bright[2] = {0, 0};
    close(g, hundredths, 1, g->least);
    close(g, hundredths, 0, g->mark);
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++) {
            strongest = digit_most(strongest, g->least[y][x] - g->mark[y][x]);
            least = digit_least(least, g->paper[y][x]);
            most = digit_most(most, g->paper[y][x]);
        }
    const int32_t ink = digit_most(CONTRAST, strongest / 2);
    const int32_t blur = digit_most(CONTRAST, strongest / 5);
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++) {
            int32_t brightest = 0, darkest = 255, around = 0, near = 0;
            if (g->least[y][x] - g->mark[y][x] > ink) {
                inked++;
                continue;
            }
            for (int32_t i = within(y - 3, g->rows - 1); i <= within(y + 3, g->rows - 1); i++)
                for (int32_t j = within(x - 3, g->columns - 1); j <= within(x + 3, g->columns - 1);
                     j++) {
                    const int32_t down = i > y ? i - y : y - i, across = j > x ? j - x : x - j;
                    const int32_t away = digit_most(down, across);
                    const int32_t span = g->least[i][j] - g->mark[i][j];
                    near |= away <= 1 && span > blur; /* Right at the ink all is blurred. */
                    if (span <= ink)
                        continue;
                    around |= away <= 2;
                    brightest = digit_most(brightest, g->least[i][j]);
                    darkest = digit_least(darkest, g->mark[i][j]);
                }
            if (!around)
                continue;
            for (int32_t ring = 0; ring < 2 - near; ring++) {
                all[ring]++;
                bright[ring] += g->paper[y][x] > (brightest + darkest) / 2;
            }
        }
    const int32_t ring = 4 * all[1] >= all[0];
    if (500 * inked < g->rows * g->columns || 2 * strongest < most - least || !all[ring])
        return -1;
    return 10000 * bright[ring] / all[ring];
}

static void average(digit_ground *g, const digit_picture *p)
{
    for (int32_t i = 0; i < g->rows; i++)
        for (int32_t j = 0; j < g->columns; j++) {
            const int32_t bottom = digit_least((i + 1) * g->size, p->height);
            const int32_t right = digit_least((j + 1) * g->size, p->width);
            int32_t sum = 0, count = 0;
            for (int32_t y = i * g->size; y < bottom; y++)
                for (int32_t x = j * g->size; x < right; x++, count++)
                    sum += digit_grey_at(p, y, x);
            g->paper[i][j] = (uint8_t)((sum + count / 2) / count);
        }
}

/* What was drawn on a screen has one grey for its paper, its border's, and all ink on one side. */
static void look_for_a_drawing(digit_ground *g, const digit_picture *p)
{
    const int32_t ground = digit_grey_at(p, 0, 0);
    int32_t same = 0, darker = 0, brighter = 0;
    g->drawn = -1;
    for (int32_t y = 0; y < p->height; y++)
        for (int32_t x = 0; x < p->width; x++) {
            const int32_t grey = digit_grey_at(p, y, x);
            if (grey == ground)
                same++;
            else if (y == 0 || x == 0 || y == p->height - 1 || x == p->width - 1)
                return;
            else if (grey < ground)
                darker = 1;
            else
                brighter = 1;
        }
    if ((darker && brighter) || 5 * same < 3 * p->width * p->height)
        return;
    g->drawn = ground;
    g->dark = !brighter;
    g->clear = 1;
}

void digit_ground_sides(digit_ground *g, const digit_picture *p, uint32_t *histogram)
{
    const int32_t windows[2] = {NARROW, MIDDLE};
    int32_t lowest = 10000, highest = 0;
    g->size = (digit_most(p->width, p->height) + DIGIT_CELLS - 1) / DIGIT_CELLS;
    g->rows = (p->height + g->size - 1) / g->size;
    g->columns = (p->width + g->size - 1) / g->size;
    g->noise = noise_of(p, histogram);
    look_for_a_drawing(g, p);
    if (g->drawn >= 0)
        return;
    g->dark = 1;
    average(g, p);
    for (int32_t i = 0; i < 2; i++) {
        const int32_t share = bright_around(g, windows[i]);
        if (share < 0)
            continue;
        lowest = digit_least(lowest, share);
        highest = digit_most(highest, share);
        g->dark = share >= 5000;
    }
    g->clear = lowest <= highest && digit_most(lowest, 10000 - highest) >= 6000;
}

/* Six standard deviations of the noise, and what paper of its own differs by. */
static int32_t floor_of(const digit_ground *g, int32_t paper)
{
    const int32_t noise = 17 * g->noise * g->brightest / (32 * digit_most(paper, DARKEST));
    return digit_most(noise, 7 * digit_most(g->brightest, 64) / 100);
}

void digit_ground_find(digit_ground *g, const digit_picture *p, int32_t dark, uint32_t *histogram)
{
    digit_row row = {-1, {0}, {0}};
    uint32_t inked = 0;
    g->dark = dark;
    if (g->drawn < 0) {
        average(g, p);
        close(g, WIDE, dark, g->paper);
    }
    g->brightest = DARKEST;
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++) {
            if (g->drawn >= 0)
                g->paper[y][x] = (uint8_t)g->drawn;
            g->brightest = digit_most(g->brightest, g->paper[y][x]);
            g->mark[y][x] = 0;
        }
    /* The strongest ink of each cell, */
    for (int32_t y = 0; y < p->height; y++) {
        digit_ground_row(g, &row, y);
        for (int32_t x = 0; x < p->width; x++) {
            uint8_t *peak = &g->mark[y / g->size][x / g->size];
            *peak = (uint8_t)digit_most(*peak, digit_ground_strength(g, p, &row, x));
        }
    }
    clear(histogram);
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++)
            if (2 * g->mark[y][x] > 3 * floor_of(g, g->paper[y][x])) {
                histogram[g->mark[y][x]]++;
                inked++;
            }
    const int32_t typical = inked ? tenths_of(histogram, inked, 7) : 0;
    /* and which strength on account of those around, and of the noise, is the least. */
    for (int32_t y = 0; y < g->rows; y++)
        for (int32_t x = 0; x < g->columns; x++) {
            const int32_t paper = g->paper[y][x];
            const int32_t step = extreme_around(g, g->paper, y, x, 1, 1) -
                                 extreme_around(g, g->paper, y, x, 1, 0);
            int32_t least = digit_most(floor_of(g, paper), 3 * typical / 10);
            least = digit_most(least, 3 * extreme_around(g, g->mark, y, x, 2, 1) / 10);
            /* Where the paper's brightness changes at once, it is known only to a cell. */
            least = digit_most(least, 3 * (step * g->brightest / digit_most(paper, DARKEST)) / 5);
            g->least[y][x] = (uint8_t)digit_least(least, 255);
        }
}

void digit_ground_row(const digit_ground *g, digit_row *row, int32_t y)
{
    int32_t top, bottom;
    if (row->y == y)
        return;
    const int32_t part = between(y, g->size, g->rows, &top, &bottom);
    row->y = y;
    for (int32_t x = 0; x < g->columns; x++) {
        row->paper[x] = mixed(g->paper[top][x], g->paper[bottom][x], part, g->size);
        row->least[x] = mixed(g->least[top][x], g->least[bottom][x], part, g->size);
    }
}

int32_t digit_ground_strength(const digit_ground *g, const digit_picture *p, const digit_row *row,
                              int32_t x)
{
    int32_t left, right;
    const int32_t part = between(x, g->size, g->columns, &left, &right);
    const int32_t paper = mixed(row->paper[left], row->paper[right], part, g->size);
    const int32_t grey = digit_grey_at(p, row->y, x);
    const int32_t differs = g->dark ? paper - grey : grey - paper;
    if (differs <= 0)
        return 0;
    return digit_least(255, differs * g->brightest / digit_most(paper, DARKEST));
}

int32_t digit_ground_inked(const digit_ground *g, const digit_row *row, int32_t x,
                           int32_t strength)
{
    int32_t left, right;
    const int32_t part = between(x, g->size, g->columns, &left, &right);
    return strength > mixed(row->least[left], row->least[right], part, g->size);
}
