// What the artist presses and changes, and the small actions about regions.
#pragma once

#include <ilvi_ofx/ofx.h>

namespace ilvi {

OfxStatus instance_changed(OfxImageEffectHandle instance, OfxPropertySetHandle in);
OfxStatus regions_of_interest(OfxImageEffectHandle instance, OfxPropertySetHandle in, OfxPropertySetHandle out);
OfxStatus clip_preferences(OfxPropertySetHandle out);

}  // namespace ilvi
