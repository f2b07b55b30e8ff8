// Reads the digit that is drawn below. Draw another one, of any size, and upload again.
#include <digit_from_grey.h>
#include <digit_predict.h>

static const char *const drawing[] = {
    "                    ",
    "      ########      ",
    "     ##########     ",
    "    ##       ###    ",
    "              ##    ",
    "              ##    ",
    "             ##     ",
    "         #####      ",
    "         ######     ",
    "             ###    ",
    "               ##   ",
    "               ##   ",
    "               ##   ",
    "   ##         ###   ",
    "    ############    ",
    "      ########      ",
    "                    ",
};

static const int WIDTH = 20;
static const int HEIGHT = sizeof drawing / sizeof *drawing;
static uint8_t grey[WIDTH * HEIGHT];
static uint8_t pixels[784];
static digit_grey_buffer room;

void setup()
{
    Serial.begin(115200);
}

void loop()
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            grey[y * WIDTH + x] = drawing[y][x] == '#' ? 0 : 255;

    if (digit_from_grey(grey, WIDTH, HEIGHT, WIDTH, pixels, &room) != 0) {
        Serial.println("nothing is drawn");
    } else {
        float probabilities[DIGIT_CLASSES];
        unsigned long before = micros();
        digit_predict(pixels, probabilities);
        unsigned long took = micros() - before;
        int best = 0;
        for (int i = 1; i < DIGIT_CLASSES; i++)
            if (probabilities[i] > probabilities[best])
                best = i;
        Serial.print("read: ");
        Serial.print(best);
        Serial.print(", ");
        Serial.print(100 * probabilities[best]);
        Serial.print(" %, in ");
        Serial.print(took);
        Serial.println(" us");
    }
    delay(2000);
}
