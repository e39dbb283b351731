// The render action: the result where there is one, else what `not solved` says.
#pragma once

#include <ilvi_ofx/ofx.h>

namespace ilvi {

OfxStatus render(OfxImageEffectHandle instance, OfxPropertySetHandle in);

}  // namespace ilvi
