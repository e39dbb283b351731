#include "tables.h"

#include <algorithm>
#include <map>

#include "params.h"

namespace testhost {

namespace {

constexpr Kind I = Kind::Int, D = Kind::Double, S = Kind::String, P = Kind::Pointer;
constexpr int any = 0;
constexpr bool rw = true;   // the plugin may write it

}  // namespace

const std::vector<PropertyDef> &host_table() {
    static const std::vector<PropertyDef> table = {
        {kOfxPropType, S}, {kOfxPropName, S}, {kOfxPropLabel, S}, {kOfxPropVersion, I, any},
        {kOfxPropVersionLabel, S}, {kOfxPropAPIVersion, I, any}, {kOfxPropHostOSHandle, P},
        {kOfxImageEffectHostPropIsBackground, I}, {kOfxImageEffectHostPropNativeOrigin, S},
        {kOfxImageEffectInstancePropSequentialRender, I}, {kOfxImageEffectPropCPURenderSupported, S},
        {kOfxImageEffectPropSupportsMultipleClipDepths, I}, {kOfxImageEffectPropRenderQualityDraft, I},
        {kOfxImageEffectPropSetableFielding, I}, {kOfxImageEffectPropSetableFrameRate, I},
        {kOfxImageEffectPropSupportedComponents, S, any}, {kOfxImageEffectPropSupportedContexts, S, any},
        {kOfxImageEffectPropSupportedPixelDepths, S, any},
        {kOfxImageEffectPropSupportsMultiResolution, I}, {kOfxImageEffectPropSupportsMultipleClipPARs, I},
        {kOfxImageEffectPropSupportsOverlays, I}, {kOfxImageEffectPropSupportsTiles, I},
        {kOfxImageEffectPropTemporalClipAccess, I}, {kOfxParamHostPropMaxPages, I},
        {kOfxParamHostPropMaxParameters, I}, {kOfxParamHostPropPageRowColumnCount, I, 2},
        {kOfxParamHostPropSupportsBooleanAnimation, I}, {kOfxParamHostPropSupportsChoiceAnimation, I},
        {kOfxParamHostPropSupportsCustomAnimation, I}, {kOfxParamHostPropSupportsParametricAnimation, I},
        {kOfxParamHostPropSupportsStrChoice, I}, {kOfxParamHostPropSupportsStrChoiceAnimation, I},
        {kOfxParamHostPropSupportsStringAnimation, I},
        {kOfxImageEffectPropContext, S},   // only for misbehave context_from_host
    };
    return table;
}

const std::vector<PropertyDef> &effect_table() {
    static const std::vector<PropertyDef> table = {
        {kOfxPropType, S}, {kOfxPluginPropFilePath, S}, {kOfxPropLabel, S, 1, rw}, {kOfxPropShortLabel, S, 1, rw},
        {kOfxPropLongLabel, S, 1, rw}, {kOfxPropPluginDescription, S, 1, rw}, {kOfxPropVersion, I, any, rw},
        {kOfxPropVersionLabel, S, 1, rw}, {kOfxPropIcon, S, 2, rw},
        {kOfxImageEffectPluginPropGrouping, S, 1, rw}, {kOfxImageEffectPluginPropObsolete, I, 1, rw},
        {kOfxImageEffectPluginPropFieldRenderTwiceAlways, I, 1, rw},
        {kOfxImageEffectPluginPropHostFrameThreading, I, 1, rw},
        {kOfxImageEffectPluginPropSingleInstance, I, 1, rw}, {kOfxImageEffectPluginRenderThreadSafety, S, 1, rw},
        {kOfxImageEffectPluginPropOverlayInteractV1, P, 1, rw}, {kOfxImageEffectPluginPropOverlayInteractV2, P, 1, rw},
        {kOfxImageEffectInstancePropSequentialRender, I, 1, rw}, {kOfxImageEffectPropCPURenderSupported, S, 1, rw},
        {kOfxImageEffectPropCudaRenderSupported, S, 1, rw}, {kOfxImageEffectPropOpenCLRenderSupported, S, 1, rw},
        {kOfxImageEffectPropMetalRenderSupported, S, 1, rw}, {kOfxImageEffectPropOpenGLRenderSupported, S, 1, rw},
        {kOfxImageEffectPropClipPreferencesSlaveParam, S, any, rw},
        {kOfxImageEffectPropSupportsMultipleClipDepths, I, 1, rw}, {kOfxImageEffectPropNoSpatialAwareness, S, 1, rw},
        {kOfxImageEffectPropSupportedContexts, S, any, rw}, {kOfxImageEffectPropSupportedPixelDepths, S, any, rw},
        {kOfxImageEffectPropSupportsMultiResolution, I, 1, rw}, {kOfxImageEffectPropSupportsMultipleClipPARs, I, 1, rw},
        {kOfxImageEffectPropSupportsTiles, I, 1, rw}, {kOfxImageEffectPropTemporalClipAccess, I, 1, rw},
    };
    return table;
}

const std::vector<PropertyDef> &instance_table() {
    static const std::vector<PropertyDef> table = {
        {kOfxPropType, S}, {kOfxPropInstanceData, P, 1, rw}, {kOfxPluginPropFilePath, S},
        {kOfxImageEffectPropContext, S}, {kOfxImageEffectPropPluginHandle, P},
        {kOfxImageEffectInstancePropEffectDuration, D}, {kOfxImageEffectInstancePropSequentialRender, I, 1, rw},
        {kOfxImageEffectPropCPURenderSupported, S, 1, rw}, {kOfxImageEffectPropFrameRate, D},
        {kOfxImageEffectPropProjectPixelAspectRatio, D}, {kOfxImageEffectPropProjectExtent, D, 2},
        {kOfxImageEffectPropProjectOffset, D, 2}, {kOfxImageEffectPropProjectSize, D, 2},
        {kOfxImageEffectPropSupportsTiles, I, 1, rw}, {kOfxPropIsInteractive, I},
    };
    return table;
}

const std::vector<PropertyDef> &clip_descriptor_table() {
    static const std::vector<PropertyDef> table = {
        {kOfxPropType, S}, {kOfxPropName, S}, {kOfxPropLabel, S, 1, rw}, {kOfxPropShortLabel, S, 1, rw},
        {kOfxPropLongLabel, S, 1, rw}, {kOfxImageClipPropFieldExtraction, S, 1, rw}, {kOfxImageClipPropIsMask, I, 1, rw},
        {kOfxImageClipPropOptional, I, 1, rw}, {kOfxImageEffectPropSupportedComponents, S, any, rw},
        {kOfxImageEffectPropSupportsTiles, I, 1, rw}, {kOfxImageEffectPropTemporalClipAccess, I, 1, rw},
    };
    return table;
}

const std::vector<PropertyDef> &clip_instance_table() {
    static const std::vector<PropertyDef> table = {
        {kOfxPropType, S}, {kOfxPropName, S}, {kOfxPropLabel, S}, {kOfxPropShortLabel, S}, {kOfxPropLongLabel, S},
        {kOfxImageClipPropFieldExtraction, S}, {kOfxImageClipPropIsMask, I}, {kOfxImageClipPropOptional, I},
        {kOfxImageEffectPropSupportedComponents, S, any}, {kOfxImageEffectPropSupportsTiles, I},
        {kOfxImageEffectPropTemporalClipAccess, I}, {kOfxImageClipPropConnected, I},
        {kOfxImageClipPropContinuousSamples, I}, {kOfxImageClipPropFieldOrder, S},
        {kOfxImageClipPropUnmappedComponents, S}, {kOfxImageClipPropUnmappedPixelDepth, S},
        {kOfxImageEffectPropComponents, S}, {kOfxImageEffectPropPixelDepth, S},
        {kOfxImageEffectPropPreMultiplication, S}, {kOfxImageEffectPropFrameRange, D, 2},
        {kOfxImageEffectPropFrameRate, D}, {kOfxImageEffectPropUnmappedFrameRange, D, 2},
        {kOfxImageEffectPropUnmappedFrameRate, D}, {kOfxImagePropPixelAspectRatio, D},
    };
    return table;
}

const std::vector<PropertyDef> &image_table() {
    static const std::vector<PropertyDef> table = {
        {kOfxPropType, S}, {kOfxImageEffectPropComponents, S}, {kOfxImageEffectPropPixelDepth, S},
        {kOfxImageEffectPropPreMultiplication, S}, {kOfxImageEffectPropRenderScale, D, 2}, {kOfxImagePropBounds, I, 4},
        {kOfxImagePropData, P}, {kOfxImagePropField, S}, {kOfxImagePropPixelAspectRatio, D},
        {kOfxImagePropRegionOfDefinition, I, 4}, {kOfxImagePropRowBytes, I}, {kOfxImagePropUniqueIdentifier, S},
    };
    return table;
}

const std::vector<PropertyDef> &param_set_table() {
    static const std::vector<PropertyDef> table = {
        {kOfxPluginPropParamPageOrder, S, any, rw}, {kOfxPropParamSetNeedsSyncing, I, 1, rw}};
    return table;
}

std::vector<PropertyDef> param_table(const std::string &type) {
    const ParamShape shape = param_shape(type);
    if (!shape.known) return {};
    std::vector<PropertyDef> table = {
        {kOfxPropType, S}, {kOfxPropName, S}, {kOfxParamPropType, S}, {kOfxPropLabel, S, 1, rw},
        {kOfxPropShortLabel, S, 1, rw}, {kOfxPropLongLabel, S, 1, rw}, {kOfxPropIcon, S, 2, rw},
        {kOfxParamPropSecret, I, 1, rw}, {kOfxParamPropHint, S, 1, rw}, {kOfxParamPropScriptName, S, 1, rw},
        {kOfxParamPropParent, S, 1, rw}, {kOfxParamPropEnabled, I, 1, rw}, {kOfxParamPropDataPtr, P, 1, rw}};
    const auto more = [&](std::initializer_list<PropertyDef> defs) { table.insert(table.end(), defs); };
    if (type == kOfxParamTypeGroup) more({{kOfxParamPropGroupOpen, I, 1, rw}});
    if (type == kOfxParamTypePage) more({{kOfxParamPropPageChild, S, any, rw}});
    if (shape.count == 0) return table;   // groups, pages, buttons hold no value
    more({{kOfxParamPropDefault, shape.kind, shape.count, rw}, {kOfxParamPropAnimates, I, 1, rw},
          {kOfxParamPropIsAnimating, I}, {kOfxParamPropIsAutoKeying, I}, {kOfxParamPropPersistant, I, 1, rw},
          {kOfxParamPropEvaluateOnChange, I, 1, rw}, {kOfxParamPropPluginMayWrite, I, 1, rw},
          {kOfxParamPropCacheInvalidation, S, 1, rw}, {kOfxParamPropCanUndo, I, 1, rw}});
    if (shape.numeric)
        for (const char *range : {kOfxParamPropMin, kOfxParamPropMax, kOfxParamPropDisplayMin, kOfxParamPropDisplayMax})
            more({{range, shape.kind, shape.count, rw}});
    if (shape.numeric && shape.count > 1) more({{kOfxParamPropDimensionLabel, S, shape.count, rw}});
    if (shape.numeric && shape.kind == D)
        more({{kOfxParamPropIncrement, D, 1, rw}, {kOfxParamPropDigits, I, 1, rw}, {kOfxParamPropDoubleType, S, 1, rw},
              {kOfxParamPropShowTimeMarker, I, 1, rw}, {kOfxParamPropDefaultCoordinateSystem, S, 1, rw},
              {kOfxParamPropHasHostOverlayHandle, I}, {kOfxParamPropUseHostOverlayHandle, I, 1, rw}});
    if (type == kOfxParamTypeString)
        more({{kOfxParamPropStringMode, S, 1, rw}, {kOfxParamPropStringFilePathExists, I, 1, rw}});
    if (type == kOfxParamTypeChoice)
        more({{kOfxParamPropChoiceOption, S, any, rw}, {kOfxParamPropChoiceOrder, I, any, rw}});
    if (type == kOfxParamTypeStrChoice)
        more({{kOfxParamPropChoiceOption, S, any, rw}, {kOfxParamPropChoiceEnum, S, any, rw}});
    if (type == kOfxParamTypeCustom) more({{kOfxParamPropCustomInterpCallbackV1, P, 1, rw}});
    return table;
}

std::vector<PropertyDef> in_args_table(const std::string &action) {
    const PropertyDef time{kOfxPropTime, D}, scale{kOfxImageEffectPropRenderScale, D, 2}, reason{kOfxPropChangeReason, S},
        thumbnail{kOfxImageEffectPropThumbnailRender, S}, field{kOfxImageEffectPropFieldToRender, S},
        window{kOfxImageEffectPropRenderWindow, I, 4}, sequential{kOfxImageEffectPropSequentialRenderStatus, I},
        interactive{kOfxImageEffectPropInteractiveRenderStatus, I}, draft{kOfxImageEffectPropRenderQualityDraft, I},
        unaware{kOfxImageEffectPropNoSpatialAwareness, S}, range{kOfxImageEffectPropFrameRange, D, 2},
        step{kOfxImageEffectPropFrameStep, D}, is_interactive{kOfxPropIsInteractive, I};
    static const std::vector<PropertyDef> gpu = {{kOfxImageEffectPropCudaEnabled, I}, {kOfxImageEffectPropOpenCLEnabled, I},
                                                 {kOfxImageEffectPropMetalEnabled, I}, {kOfxImageEffectPropOpenGLEnabled, I}};
    if (action == kOfxActionInstanceChanged)
        return {{kOfxPropType, S}, {kOfxPropName, S}, reason, time, scale, thumbnail};
    if (action == kOfxActionBeginInstanceChanged) return {reason, thumbnail};
    if (action == kOfxActionEndInstanceChanged) return {reason};
    if (action == kOfxImageEffectActionGetRegionOfDefinition) return {time, scale, thumbnail};
    if (action == kOfxImageEffectActionGetRegionsOfInterest)
        return {time, scale, {kOfxImageEffectPropRegionOfInterest, D, 4}, thumbnail};
    if (action == kOfxImageEffectActionGetFramesNeeded) return {time, thumbnail};
    if (action == kOfxImageEffectActionIsIdentity) return {time, field, window, scale, thumbnail};
    std::vector<PropertyDef> table;
    if (action == kOfxImageEffectActionRender)
        table = {time, field, window, scale, sequential, interactive, draft, unaware, thumbnail};
    else if (action == kOfxImageEffectActionBeginSequenceRender)
        table = {range, step, is_interactive, scale, sequential, interactive, unaware, thumbnail};
    else if (action == kOfxImageEffectActionEndSequenceRender)
        table = {range, step, is_interactive, scale, sequential, interactive};
    else if (action == kOfxImageEffectActionDescribeInContext)
        return {{kOfxImageEffectPropContext, S}};
    table.insert(table.end(), gpu.begin(), gpu.end());
    return table;
}

bool is_private_probe(const std::string &property) {
    // Section 6, "in practice", and 7: other hosts' and newer hosts' own.
    static const std::vector<std::string> probes = {
        kOfxImageEffectPropResolvePage, kOfxImageEffectPropSrcFilePath, kOfxImageEffectPropSrcFrame,
        kOfxImageEffectPropEyeToRender, kOfxImageClipPropThumbnail, kOfxImageClipPropColourspace};
    return std::find(probes.begin(), probes.end(), property) != probes.end();
}

bool is_allowed_value(const std::string &property, const std::string &value) {
    static const std::vector<std::string> truth = {"true", "false", "needed"};
    static const std::map<std::string, std::vector<std::string>> values = {
        {kOfxImageEffectPropSupportedContexts,
         {kOfxImageEffectContextGenerator, kOfxImageEffectContextFilter, kOfxImageEffectContextTransition,
          kOfxImageEffectContextPaint, kOfxImageEffectContextGeneral, kOfxImageEffectContextRetimer}},
        {kOfxImageEffectPropSupportedPixelDepths,
         {kOfxBitDepthByte, kOfxBitDepthShort, kOfxBitDepthHalf, kOfxBitDepthFloat}},
        {kOfxImageEffectPropSupportedComponents,
         {kOfxImageComponentNone, kOfxImageComponentRGBA, kOfxImageComponentRGB, kOfxImageComponentAlpha}},
        {kOfxImageEffectPluginRenderThreadSafety,
         {kOfxImageEffectRenderUnsafe, kOfxImageEffectRenderInstanceSafe, kOfxImageEffectRenderFullySafe}},
        {kOfxImageEffectPropPreMultiplication,
         {kOfxImageOpaque, kOfxImagePreMultiplied, kOfxImageUnPreMultiplied}},
        {kOfxImageClipPropFieldExtraction,
         {kOfxImageFieldNone, kOfxImageFieldBoth, kOfxImageFieldSingle, kOfxImageFieldDoubled}},
        {kOfxParamPropStringMode,
         {kOfxParamStringIsSingleLine, kOfxParamStringIsMultiLine, kOfxParamStringIsFilePath,
          kOfxParamStringIsDirectoryPath, kOfxParamStringIsLabel, kOfxParamStringIsRichTextFormat}},
        {kOfxParamPropCacheInvalidation,
         {kOfxParamInvalidateValueChange, kOfxParamInvalidateValueChangeToEnd, kOfxParamInvalidateAll}},
        {kOfxParamPropDefaultCoordinateSystem, {kOfxParamCoordinatesCanonical, kOfxParamCoordinatesNormalised}},
        {kOfxParamPropDoubleType,
         {kOfxParamDoubleTypePlain, kOfxParamDoubleTypeScale, kOfxParamDoubleTypeAngle, kOfxParamDoubleTypeTime,
          kOfxParamDoubleTypeAbsoluteTime, kOfxParamDoubleTypeX, kOfxParamDoubleTypeY, kOfxParamDoubleTypeXAbsolute,
          kOfxParamDoubleTypeYAbsolute, kOfxParamDoubleTypeXY, kOfxParamDoubleTypeXYAbsolute}},
        {kOfxImageEffectPropCPURenderSupported, truth},
        {kOfxImageEffectPropCudaRenderSupported, truth},
        {kOfxImageEffectPropOpenCLRenderSupported, truth},
        {kOfxImageEffectPropMetalRenderSupported, truth},
        {kOfxImageEffectPropOpenGLRenderSupported, truth},
        {kOfxImageEffectPropNoSpatialAwareness, truth},
    };
    const auto found = values.find(property);
    return found == values.end() || std::find(found->second.begin(), found->second.end(), value) != found->second.end();
}

}  // namespace testhost
