// Reads the digit in the middle of what a camera sees: dark on bright paper, or bright on dark.
// For the ESP32-CAM of AI-Thinker, and for an OV7670 on an Arduino Nano 33 BLE with the library
// Arduino_OV767X. With another camera, write begin_camera, take_picture and return_picture.
#include <digit_from_grey.h>
#include <digit_predict.h>

static const int WIDTH = 160;
static const int HEIGHT = 120;
static const float SURE = 0.8f; // What is less probable is not told.

#if defined(ARDUINO_ARCH_ESP32)
#include "esp_camera.h"

static camera_fb_t *frame;

static bool begin_camera()
{
    camera_config_t config = {};
    config.pin_pwdn = 32;
    config.pin_reset = -1;
    config.pin_xclk = 0;
    config.pin_sccb_sda = 26;
    config.pin_sccb_scl = 27;
    config.pin_d7 = 35;
    config.pin_d6 = 34;
    config.pin_d5 = 39;
    config.pin_d4 = 36;
    config.pin_d3 = 21;
    config.pin_d2 = 19;
    config.pin_d1 = 18;
    config.pin_d0 = 5;
    config.pin_vsync = 25;
    config.pin_href = 23;
    config.pin_pclk = 22;
    config.xclk_freq_hz = 20000000;
    config.ledc_timer = LEDC_TIMER_0;
    config.ledc_channel = LEDC_CHANNEL_0;
    config.pixel_format = PIXFORMAT_GRAYSCALE;
    config.frame_size = FRAMESIZE_QQVGA;
    config.fb_count = 1;
    config.fb_location = CAMERA_FB_IN_DRAM;
    return esp_camera_init(&config) == ESP_OK;
}

static const uint8_t *take_picture()
{
    frame = esp_camera_fb_get();
    return frame ? frame->buf : nullptr;
}

static void return_picture()
{
    if (frame)
        esp_camera_fb_return(frame);
}
#else
#include <Arduino_OV767X.h>

static uint8_t frame[WIDTH * HEIGHT];

static bool begin_camera()
{
    return Camera.begin(QQVGA, GRAYSCALE, 1);
}

static const uint8_t *take_picture()
{
    Camera.readFrame(frame);
    return frame;
}

static void return_picture() {}
#endif

static uint8_t pixels[784];
static digit_grey_buffer room;

void setup()
{
    Serial.begin(115200);
    while (!begin_camera()) {
        Serial.println("no camera answers");
        delay(2000);
    }
}

void loop()
{
    const uint8_t *picture = take_picture();
    // The middle: a square as high as the picture.
    const int left = (WIDTH - HEIGHT) / 2;
    const bool found =
        picture && digit_from_grey(picture + left, HEIGHT, HEIGHT, WIDTH, pixels, &room) == 0;
    return_picture();
    if (found) {
        float probabilities[DIGIT_CLASSES];
        digit_predict(pixels, probabilities);
        int best = 0;
        for (int i = 1; i < DIGIT_CLASSES; i++)
            if (probabilities[i] > probabilities[best])
                best = i;
        if (probabilities[best] >= SURE)
            Serial.println(best);
    }
    delay(200);
}
