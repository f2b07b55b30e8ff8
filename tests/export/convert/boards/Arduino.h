// What the examples use of Arduino's core, on the machine that runs the tests.
#pragma once
#include <stdint.h>
#include <stdio.h>

struct Printer {
    void begin(long) {}
    void print(const char *text) { fputs(text, stdout); }
    void print(long value) { printf("%ld", value); }
    void print(int value) { print((long)value); }
    void print(unsigned long value) { print((long)value); }
    void print(double value) { printf("%.2f", value); }
    template <typename T> void println(T value)
    {
        print(value);
        print("\n");
    }
};
static Printer Serial;

inline void delay(unsigned long) {}
inline unsigned long micros() { return 0; }
