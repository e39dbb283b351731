// One row of pixels of any kind that hosts have, to and from float RGBA.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ilvi {

enum class Depth { none, byte, whole16, half, real };
enum class Components { none, rgba, rgb, alpha };

struct Format {
    Depth depth = Depth::none;
    Components components = Components::none;
    bool premultiplied = false;   // colour was multiplied by alpha

    bool known() const { return depth != Depth::none && components != Components::none; }
    bool whole_numbers() const { return depth == Depth::byte || depth == Depth::whole16; }
    size_t sample_bytes() const;
    size_t channels() const;
    size_t pixel_bytes() const { return sample_bytes() * channels(); }
};

// Whole numbers become 0..1. Without alpha it is 1; a single channel becomes grey. Colour is divided by alpha where it
// was multiplied, but where alpha is 0.  into: 4 * count floats.
void to_float(const unsigned char *row, const Format &format, size_t count, float *into);

// The other way, rounded and clipped to whole numbers.  alpha: of the pixel, which the colour is multiplied by where
// the format asks for it.
void from_float(const float *rgba, const Format &format, size_t count, unsigned char *row);

float half_to_float(uint16_t bits);
uint16_t float_to_half(float value);   // to the nearest, ties to even

}  // namespace ilvi
