// IEEE half precision to and from float; ties to even, subnormals, infinities and NaNs kept.
#pragma once

#include <cstdint>
#include <cstring>

namespace testhost {

inline float half_to_float(std::uint16_t half) {
    const std::uint32_t sign = std::uint32_t(half & 0x8000u) << 16;
    std::uint32_t exponent = (half >> 10) & 0x1fu, mantissa = half & 0x3ffu, bits = sign;
    if (exponent == 31) {
        bits |= 0x7f800000u | (mantissa << 13);
    } else if (exponent != 0) {
        bits |= ((exponent + 112) << 23) | (mantissa << 13);
    } else if (mantissa != 0) {
        exponent = 113;
        while ((mantissa & 0x400u) == 0) mantissa <<= 1, --exponent;
        bits |= (exponent << 23) | ((mantissa & 0x3ffu) << 13);
    }
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline std::uint16_t float_to_half(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const std::uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude >= 0x7f800000u)  // infinity, NaN
        return std::uint16_t(sign | 0x7c00u | (magnitude > 0x7f800000u ? 0x200u | ((magnitude >> 13) & 0x3ffu) : 0u));
    const int exponent = int(magnitude >> 23) - 112;
    if (exponent >= 31) return std::uint16_t(sign | 0x7c00u);
    if (exponent < -10) return std::uint16_t(sign);
    const std::uint32_t mantissa = (magnitude & 0x7fffffu) | (exponent > 0 ? 0u : 0x800000u);
    const unsigned shift = exponent > 0 ? 13u : unsigned(14 - exponent);
    std::uint32_t half = (exponent > 0 ? std::uint32_t(exponent) << 10 : 0u) + (mantissa >> shift);
    const std::uint32_t rest = mantissa & ((1u << shift) - 1u), tie = 1u << (shift - 1u);
    if (rest > tie || (rest == tie && (half & 1u))) ++half;  // may carry into the exponent: right
    return std::uint16_t(sign | half);
}

}  // namespace testhost
