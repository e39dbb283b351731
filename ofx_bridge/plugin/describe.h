// What the effect tells the host about itself.
#pragma once

#include <ilvi_ofx/ofx.h>

namespace ilvi {

inline constexpr char IDENTIFIER[] = "com.ilvi.inpaint";   // in every saved project: never change it
// Of the plugin, not of ILVI: a host keeps another major version apart from this one, with its own parameters.
inline constexpr int VERSION_MAJOR = 1, VERSION_MINOR = 0;
inline constexpr char SOURCE[] = "Source";
inline constexpr char MASK[] = "Mask";

OfxStatus describe(OfxImageEffectHandle descriptor);
OfxStatus describe_in_context(OfxImageEffectHandle descriptor);   // Filter and General have the same clips

}  // namespace ilvi
