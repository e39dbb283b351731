#include "describe.h"

#include <string>

#include "parameters.h"
#include "properties.h"
#include "suites.h"

namespace ilvi {

namespace {

constexpr char LABEL[] = "ILVI Inpaint";
constexpr char DESCRIPTION[] =
    "Removes what a matte covers from a shot: a small network is trained on that one clip, in a worker process beside "
    "the host. Connect the matte to Mask (or use the source's alpha, or matte files), set the range and press Inpaint.";

OfxPropertySetHandle define_clip(OfxImageEffectHandle descriptor, const char *name, bool alpha_first) {
    OfxPropertySetHandle clip = nullptr;
    if (suites().effect->clipDefine(descriptor, name, &clip) != kOfxStatOK || !clip) return nullptr;
    const char *colour_first[] = {kOfxImageComponentRGBA, kOfxImageComponentRGB, kOfxImageComponentAlpha};
    const char *matte_first[] = {kOfxImageComponentAlpha, kOfxImageComponentRGBA, kOfxImageComponentRGB};
    for (int i = 0; i < 3; ++i)
        set(clip, kOfxImageEffectPropSupportedComponents, alpha_first ? matte_first[i] : colour_first[i], i);
    set(clip, kOfxImageEffectPropSupportsTiles, 0);
    set(clip, kOfxImageEffectPropTemporalClipAccess, host_facts().temporal ? 1 : 0);
    return clip;
}

}  // namespace

OfxStatus describe(OfxImageEffectHandle descriptor) {
    OfxPropertySetHandle effect = nullptr;
    if (suites().effect->getPropertySet(descriptor, &effect) != kOfxStatOK || !effect) return kOfxStatErrMissingHostFeature;
    set(effect, kOfxPropLabel, LABEL);
    set(effect, kOfxPropShortLabel, "Inpaint");
    set(effect, kOfxPropLongLabel, LABEL);
    set(effect, kOfxImageEffectPluginPropGrouping, "ILVI");
    set(effect, kOfxPropPluginDescription, DESCRIPTION);
    set(effect, kOfxPropVersion, VERSION_MAJOR, 0);
    set(effect, kOfxPropVersion, VERSION_MINOR, 1);
    set(effect, kOfxPropVersionLabel, ILVI_VERSION);
    set(effect, kOfxImageEffectPropSupportedContexts, kOfxImageEffectContextFilter, 0);
    set(effect, kOfxImageEffectPropSupportedContexts, kOfxImageEffectContextGeneral, 1);
    int depths = 0;
    set(effect, kOfxImageEffectPropSupportedPixelDepths, kOfxBitDepthFloat, depths++);
    if (host_facts().half) set(effect, kOfxImageEffectPropSupportedPixelDepths, kOfxBitDepthHalf, depths++);
    set(effect, kOfxImageEffectPropSupportedPixelDepths, kOfxBitDepthShort, depths++);
    set(effect, kOfxImageEffectPropSupportedPixelDepths, kOfxBitDepthByte, depths++);
    set(effect, kOfxImageEffectPropSupportsTiles, 0);
    set(effect, kOfxImageEffectPropSupportsMultiResolution, 1);
    set(effect, kOfxImageEffectPropTemporalClipAccess, host_facts().temporal ? 1 : 0);
    set(effect, kOfxImageEffectPluginRenderThreadSafety, kOfxImageEffectRenderInstanceSafe);
    set(effect, kOfxImageEffectPluginPropHostFrameThreading, 0);
    set(effect, kOfxImageEffectInstancePropSequentialRender, 0);
    set(effect, kOfxImageEffectPluginPropSingleInstance, 0);
    set(effect, kOfxImageEffectPropSupportsMultipleClipDepths, 0);
    set(effect, kOfxImageEffectPropSupportsMultipleClipPARs, 0);
    set(effect, kOfxImageEffectPluginPropFieldRenderTwiceAlways, 0);
    return kOfxStatOK;
}

OfxStatus describe_in_context(OfxImageEffectHandle descriptor) {
    define_clip(descriptor, SOURCE, false);
    define_clip(descriptor, kOfxImageEffectOutputClipName, false);
    // Optional in both: a host calls nothing at all while a clip that is needed is not connected.
    OfxPropertySetHandle mask = define_clip(descriptor, MASK, true);
    set(mask, kOfxImageClipPropIsMask, 1);
    set(mask, kOfxImageClipPropOptional, 1);
    define_parameters(descriptor);
    return kOfxStatOK;
}

}  // namespace ilvi
