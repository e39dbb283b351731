#include "pixels.h"

#include <cmath>
#include <cstring>

namespace ilvi {

namespace {

template <class T> T load(const unsigned char *at) {
    T value;
    std::memcpy(&value, at, sizeof value);   // a host's rows may start anywhere
    return value;
}

struct Byte {
    static constexpr size_t size = 1;
    // the division in double, then to float: as the worker reads a file of such pixels
    static float read(const unsigned char *at) { return static_cast<float>(*at / 255.0); }
    static void write(float value, unsigned char *at) { *at = static_cast<unsigned char>(level(value, 255.0)); }
    static double level(float value, double top) {
        const double scaled = static_cast<double>(value) * top;
        return std::rint(scaled > 0 ? (scaled < top ? scaled : top) : 0);   // NaN becomes 0
    }
};

struct Whole16 {
    static constexpr size_t size = 2;
    static float read(const unsigned char *at) { return static_cast<float>(load<uint16_t>(at) / 65535.0); }
    static void write(float value, unsigned char *at) {
        const auto level = static_cast<uint16_t>(Byte::level(value, 65535.0));
        std::memcpy(at, &level, size);
    }
};

struct Half {
    static constexpr size_t size = 2;
    static float read(const unsigned char *at) { return half_to_float(load<uint16_t>(at)); }
    static void write(float value, unsigned char *at) {
        const uint16_t bits = float_to_half(value);
        std::memcpy(at, &bits, size);
    }
};

struct Real {
    static constexpr size_t size = 4;
    static float read(const unsigned char *at) { return load<float>(at); }
    static void write(float value, unsigned char *at) { std::memcpy(at, &value, size); }
};

template <class Sample> void read_row(const unsigned char *row, Components kind, size_t count, float *into) {
    const size_t step = Sample::size * (kind == Components::rgba ? 4 : kind == Components::rgb ? 3 : 1);
    for (size_t i = 0; i < count; ++i, row += step, into += 4) {
        if (kind == Components::alpha) {
            into[0] = into[1] = into[2] = Sample::read(row);
            into[3] = 1;
            continue;
        }
        for (size_t c = 0; c < 3; ++c) into[c] = Sample::read(row + c * Sample::size);
        into[3] = kind == Components::rgba ? Sample::read(row + 3 * Sample::size) : 1;
    }
}

template <class Sample>
void write_row(const float *rgba, const Format &format, size_t count, unsigned char *row) {
    const size_t step = Sample::size * format.channels();
    for (size_t i = 0; i < count; ++i, row += step, rgba += 4) {
        if (format.components == Components::alpha) {
            Sample::write(rgba[1], row);
            continue;
        }
        const float by = format.premultiplied && format.components == Components::rgba ? rgba[3] : 1;
        for (size_t c = 0; c < 3; ++c) Sample::write(rgba[c] * by, row + c * Sample::size);
        if (format.components == Components::rgba) Sample::write(rgba[3], row + 3 * Sample::size);
    }
}

}  // namespace

size_t Format::sample_bytes() const {
    switch (depth) {
        case Depth::byte: return 1;
        case Depth::whole16:
        case Depth::half: return 2;
        case Depth::real: return 4;
        default: return 0;
    }
}

size_t Format::channels() const {
    switch (components) {
        case Components::rgba: return 4;
        case Components::rgb: return 3;
        case Components::alpha: return 1;
        default: return 0;
    }
}

void to_float(const unsigned char *row, const Format &format, size_t count, float *into) {
    switch (format.depth) {
        case Depth::byte: read_row<Byte>(row, format.components, count, into); break;
        case Depth::whole16: read_row<Whole16>(row, format.components, count, into); break;
        case Depth::half: read_row<Half>(row, format.components, count, into); break;
        case Depth::real:
            if (format.components == Components::rgba)
                std::memcpy(into, row, count * 16);
            else
                read_row<Real>(row, format.components, count, into);
            break;
        default: return;
    }
    if (!format.premultiplied || format.components != Components::rgba) return;
    for (size_t i = 0; i < count; ++i, into += 4) {
        const float alpha = into[3];
        if (alpha == 0 || alpha == 1) continue;
        for (size_t c = 0; c < 3; ++c) into[c] /= alpha;
    }
}

void from_float(const float *rgba, const Format &format, size_t count, unsigned char *row) {
    switch (format.depth) {
        case Depth::byte: write_row<Byte>(rgba, format, count, row); break;
        case Depth::whole16: write_row<Whole16>(rgba, format, count, row); break;
        case Depth::half: write_row<Half>(rgba, format, count, row); break;
        case Depth::real: write_row<Real>(rgba, format, count, row); break;
        default: break;
    }
}

float half_to_float(uint16_t bits) {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16, exponent = (bits >> 10) & 0x1fu;
    const uint32_t fraction = bits & 0x3ffu;
    if (exponent == 0) {   // zero, or so small that it has no leading 1
        const float value = std::ldexp(static_cast<float>(fraction), -24);
        return sign ? -value : value;
    }
    const uint32_t wide = exponent == 31 ? 255u : exponent + 112u;
    const uint32_t whole = sign | (wide << 23) | (fraction << 13);
    float value;
    std::memcpy(&value, &whole, sizeof value);
    return value;
}

uint16_t float_to_half(float value) {
    const auto bits = load<uint32_t>(reinterpret_cast<const unsigned char *>(&value));
    const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
    const uint32_t size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7c00u | 0x200u | ((size >> 13) & 0x3ffu));   // NaN
    if (size >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7c00u);   // 65536 and more, Inf
    if (size < 0x38800000u) {   // below the smallest that has a leading 1: counted in steps of 2^-24
        const float steps = std::ldexp(std::fabs(value), 24);
        return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(steps)));
    }
    const uint32_t rounded = size - 0x38000000u + 0xfffu + ((size >> 13) & 1u);
    return static_cast<uint16_t>(sign | (rounded >> 13));   // may carry into Inf, as it should
}

}  // namespace ilvi
