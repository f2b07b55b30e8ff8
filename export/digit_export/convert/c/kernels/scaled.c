/* (value * multiplier) / 2^31 * 2^shift, rounded after each of the two, as TFLite's reference
 * kernels do. A shift of a negative number is the floor of a division with every compiler that
 * this is compiled by; the type is there so that another one says so. */
typedef char digit_shifts_keep_the_sign[(-1 >> 1) == -1 ? 1 : -1];

static int32_t digit_scaled(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t larger = shift > 0 ? value * (1 << shift) : value;
    const int32_t high =
        (int32_t)(((int64_t)larger * multiplier + ((int64_t)1 << 30)) >> 31);
    if (shift >= 0)
        return high;
    const int32_t mask = (int32_t)(((uint32_t)1 << -shift) - 1);
    const int32_t threshold = (mask >> 1) + (high < 0);
    return (high >> -shift) + ((high & mask) > threshold);
}

static int8_t digit_between(int32_t value, int32_t lowest, int32_t highest)
{
    return (int8_t)(value < lowest ? lowest : value > highest ? highest : value);
}
