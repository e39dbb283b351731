// The names of OpenFX: every string that crosses the ABI, as constants. Included by ofx.h.
//
// Written from our own notes on the published API (../shared/ofx-abi.md; "section N" means that page).
// A comment gives the property's type and dimension: bool is an int of 0 or 1, enum is a string,
// xN is a list of any length. Names are compared by content, never by address.
#pragma once

// Suite names for fetchSuite (section 4).
inline constexpr char kOfxPropertySuite[] = "OfxPropertySuite";
inline constexpr char kOfxImageEffectSuite[] = "OfxImageEffectSuite";
inline constexpr char kOfxParameterSuite[] = "OfxParameterSuite";
inline constexpr char kOfxMessageSuite[] = "OfxMessageSuite";
inline constexpr char kOfxProgressSuite[] = "OfxProgressSuite";
inline constexpr char kOfxTimeLineSuite[] = "OfxTimeLineSuite";
inline constexpr char kOfxMultiThreadSuite[] = "OfxMultiThreadSuite";
inline constexpr char kOfxMemorySuite[] = "OfxMemorySuite";
inline constexpr char kOfxInteractSuite[] = "OfxInteractSuite";
inline constexpr char kOfxDialogSuite[] = "OfxDialogSuite";

// Actions: the first argument of mainEntry (section 5).
inline constexpr char kOfxActionLoad[] = "OfxActionLoad";
inline constexpr char kOfxActionDescribe[] = "OfxActionDescribe";
inline constexpr char kOfxActionUnload[] = "OfxActionUnload";
inline constexpr char kOfxActionPurgeCaches[] = "OfxActionPurgeCaches";
inline constexpr char kOfxActionSyncPrivateData[] = "OfxActionSyncPrivateData";
inline constexpr char kOfxActionCreateInstance[] = "OfxActionCreateInstance";
inline constexpr char kOfxActionDestroyInstance[] = "OfxActionDestroyInstance";
inline constexpr char kOfxActionInstanceChanged[] = "OfxActionInstanceChanged";
inline constexpr char kOfxActionBeginInstanceChanged[] = "OfxActionBeginInstanceChanged";
inline constexpr char kOfxActionEndInstanceChanged[] = "OfxActionEndInstanceChanged";
inline constexpr char kOfxActionBeginInstanceEdit[] = "OfxActionBeginInstanceEdit";
inline constexpr char kOfxActionEndInstanceEdit[] = "OfxActionEndInstanceEdit";
inline constexpr char kOfxImageEffectActionGetRegionOfDefinition[] = "OfxImageEffectActionGetRegionOfDefinition";
inline constexpr char kOfxImageEffectActionGetRegionsOfInterest[] = "OfxImageEffectActionGetRegionsOfInterest";
inline constexpr char kOfxImageEffectActionGetTimeDomain[] = "OfxImageEffectActionGetTimeDomain";
inline constexpr char kOfxImageEffectActionGetFramesNeeded[] = "OfxImageEffectActionGetFramesNeeded";
inline constexpr char kOfxImageEffectActionGetClipPreferences[] = "OfxImageEffectActionGetClipPreferences";
inline constexpr char kOfxImageEffectActionIsIdentity[] = "OfxImageEffectActionIsIdentity";
inline constexpr char kOfxImageEffectActionRender[] = "OfxImageEffectActionRender";
inline constexpr char kOfxImageEffectActionBeginSequenceRender[] = "OfxImageEffectActionBeginSequenceRender";
inline constexpr char kOfxImageEffectActionEndSequenceRender[] = "OfxImageEffectActionEndSequenceRender";
inline constexpr char kOfxImageEffectActionDescribeInContext[] = "OfxImageEffectActionDescribeInContext";
inline constexpr char kOfxActionOpenGLContextDetached[] = "kOfxActionOpenGLContextDetached";  // section 7, irregular

// Prefixes of per-clip properties: append the clip's name (section 5).
inline constexpr char kOfxImageClipPropRoIPrefix[] = "OfxImageClipPropRoI_";  // double x4; GetRegionsOfInterest
inline constexpr char kOfxImageClipPropFrameRangePrefix[] = "OfxImageClipPropFrameRange_";  // double xN; GetFramesNeeded, pairs of min and max
inline constexpr char kOfxImageClipPropComponentsPrefix[] = "OfxImageClipPropComponents_";  // enum x1; GetClipPreferences
inline constexpr char kOfxImageClipPropDepthPrefix[] = "OfxImageClipPropDepth_";  // enum x1
inline constexpr char kOfxImageClipPropPARPrefix[] = "OfxImageClipPropPAR_";  // double x1
inline constexpr char kOfxImageClipPropPreferredColourspacesPrefix[] = "OfxImageClipPropPreferredColourspaces_";  // string xN

// Core: properties, change reasons, bit depths (section 7).
inline constexpr char kOfxPropAPIVersion[] = "OfxPropAPIVersion";  // int xN
inline constexpr char kOfxPropTime[] = "OfxPropTime";  // double x1
inline constexpr char kOfxPropIsInteractive[] = "OfxPropIsInteractive";  // bool x1
inline constexpr char kOfxPluginPropFilePath[] = "OfxPluginPropFilePath";  // string x1
inline constexpr char kOfxPropInstanceData[] = "OfxPropInstanceData";  // pointer x1
inline constexpr char kOfxPropType[] = "OfxPropType";  // string x1
inline constexpr char kOfxPropName[] = "OfxPropName";  // string x1
inline constexpr char kOfxPropVersion[] = "OfxPropVersion";  // int xN
inline constexpr char kOfxPropVersionLabel[] = "OfxPropVersionLabel";  // string x1
inline constexpr char kOfxPropPluginDescription[] = "OfxPropPluginDescription";  // string x1
inline constexpr char kOfxPropLabel[] = "OfxPropLabel";  // string x1
inline constexpr char kOfxPropIcon[] = "OfxPropIcon";  // string x2
inline constexpr char kOfxPropShortLabel[] = "OfxPropShortLabel";  // string x1
inline constexpr char kOfxPropLongLabel[] = "OfxPropLongLabel";  // string x1
inline constexpr char kOfxPropChangeReason[] = "OfxPropChangeReason";  // enum x1
inline constexpr char kOfxPropEffectInstance[] = "OfxPropEffectInstance";  // pointer x1
inline constexpr char kOfxPropHostOSHandle[] = "OfxPropHostOSHandle";  // pointer x1
inline constexpr char kOfxChangeUserEdited[] = "OfxChangeUserEdited";
inline constexpr char kOfxChangePluginEdited[] = "OfxChangePluginEdited";
inline constexpr char kOfxChangeTime[] = "OfxChangeTime";
inline constexpr char kOfxBitDepthNone[] = "OfxBitDepthNone";
inline constexpr char kOfxBitDepthByte[] = "OfxBitDepthByte";
inline constexpr char kOfxBitDepthShort[] = "OfxBitDepthShort";
inline constexpr char kOfxBitDepthHalf[] = "OfxBitDepthHalf";
inline constexpr char kOfxBitDepthFloat[] = "OfxBitDepthFloat";

// Image effects: properties and their values (section 7).
inline constexpr char kOfxImageEffectPluginApi[] = "OfxImageEffectPluginAPI";
inline constexpr char kOfxImageComponentNone[] = "OfxImageComponentNone";
inline constexpr char kOfxImageComponentRGBA[] = "OfxImageComponentRGBA";
inline constexpr char kOfxImageComponentRGB[] = "OfxImageComponentRGB";
inline constexpr char kOfxImageComponentAlpha[] = "OfxImageComponentAlpha";
inline constexpr char kOfxImageEffectContextGenerator[] = "OfxImageEffectContextGenerator";
inline constexpr char kOfxImageEffectContextFilter[] = "OfxImageEffectContextFilter";
inline constexpr char kOfxImageEffectContextTransition[] = "OfxImageEffectContextTransition";
inline constexpr char kOfxImageEffectContextPaint[] = "OfxImageEffectContextPaint";
inline constexpr char kOfxImageEffectContextGeneral[] = "OfxImageEffectContextGeneral";
inline constexpr char kOfxImageEffectContextRetimer[] = "OfxImageEffectContextRetimer";
inline constexpr char kOfxTypeImageEffectHost[] = "OfxTypeImageEffectHost";
inline constexpr char kOfxTypeImageEffect[] = "OfxTypeImageEffect";
inline constexpr char kOfxTypeImageEffectInstance[] = "OfxTypeImageEffectInstance";
inline constexpr char kOfxTypeClip[] = "OfxTypeClip";
inline constexpr char kOfxTypeImage[] = "OfxTypeImage";
inline constexpr char kOfxImageEffectPropSupportedContexts[] = "OfxImageEffectPropSupportedContexts";  // enum xN
inline constexpr char kOfxImageEffectPropPluginHandle[] = "OfxImageEffectPropPluginHandle";  // pointer x1
inline constexpr char kOfxImageEffectHostPropIsBackground[] = "OfxImageEffectHostPropIsBackground";  // bool x1
inline constexpr char kOfxImageEffectPluginPropSingleInstance[] = "OfxImageEffectPluginPropSingleInstance";  // bool x1
inline constexpr char kOfxImageEffectPluginRenderThreadSafety[] = "OfxImageEffectPluginRenderThreadSafety";  // enum x1
inline constexpr char kOfxImageEffectRenderUnsafe[] = "OfxImageEffectRenderUnsafe";
inline constexpr char kOfxImageEffectRenderInstanceSafe[] = "OfxImageEffectRenderInstanceSafe";
inline constexpr char kOfxImageEffectRenderFullySafe[] = "OfxImageEffectRenderFullySafe";
inline constexpr char kOfxImageEffectPluginPropHostFrameThreading[] = "OfxImageEffectPluginPropHostFrameThreading";  // bool x1
inline constexpr char kOfxImageEffectPropSupportsMultipleClipDepths[] = "OfxImageEffectPropMultipleClipDepths";  // bool x1
inline constexpr char kOfxImageEffectPropSupportsMultipleClipPARs[] = "OfxImageEffectPropSupportsMultipleClipPARs";  // bool x1
inline constexpr char kOfxImageEffectPropClipPreferencesSlaveParam[] = "OfxImageEffectPropClipPreferencesSlaveParam";  // string xN
inline constexpr char kOfxImageEffectPropSetableFrameRate[] = "OfxImageEffectPropSetableFrameRate";  // bool x1
inline constexpr char kOfxImageEffectPropSetableFielding[] = "OfxImageEffectPropSetableFielding";  // bool x1
inline constexpr char kOfxImageEffectInstancePropSequentialRender[] = "OfxImageEffectInstancePropSequentialRender";  // bool x1
inline constexpr char kOfxImageEffectPropSequentialRenderStatus[] = "OfxImageEffectPropSequentialRenderStatus";  // bool x1
inline constexpr char kOfxHostNativeOriginBottomLeft[] = "kOfxImageEffectHostPropNativeOriginBottomLeft";
inline constexpr char kOfxHostNativeOriginTopLeft[] = "kOfxImageEffectHostPropNativeOriginTopLeft";
inline constexpr char kOfxHostNativeOriginCenter[] = "kOfxImageEffectHostPropNativeOriginCenter";
inline constexpr char kOfxImageEffectHostPropNativeOrigin[] = "OfxImageEffectHostPropNativeOrigin";  // enum x1
inline constexpr char kOfxImageEffectPropInteractiveRenderStatus[] = "OfxImageEffectPropInteractiveRenderStatus";  // bool x1
inline constexpr char kOfxImageEffectPluginPropGrouping[] = "OfxImageEffectPluginPropGrouping";  // string x1
inline constexpr char kOfxImageEffectPluginPropObsolete[] = "OfxImageEffectPluginPropObsolete";  // bool x1
inline constexpr char kOfxImageEffectPropSupportsOverlays[] = "OfxImageEffectPropSupportsOverlays";  // bool x1
inline constexpr char kOfxImageEffectPluginPropOverlayInteractV1[] = "OfxImageEffectPluginPropOverlayInteractV1";  // pointer x1
inline constexpr char kOfxImageEffectPluginPropOverlayInteractV2[] = "OfxImageEffectPluginPropOverlayInteractV2";  // pointer x1
inline constexpr char kOfxImageEffectPropSupportsMultiResolution[] = "OfxImageEffectPropSupportsMultiResolution";  // bool x1
inline constexpr char kOfxImageEffectPropSupportsTiles[] = "OfxImageEffectPropSupportsTiles";  // bool x1
inline constexpr char kOfxImageEffectPropTemporalClipAccess[] = "OfxImageEffectPropTemporalClipAccess";  // bool x1
inline constexpr char kOfxImageEffectPropContext[] = "OfxImageEffectPropContext";  // enum x1
inline constexpr char kOfxImageEffectPropPixelDepth[] = "OfxImageEffectPropPixelDepth";  // enum x1
inline constexpr char kOfxImageEffectPropComponents[] = "OfxImageEffectPropComponents";  // enum x1
inline constexpr char kOfxImagePropUniqueIdentifier[] = "OfxImagePropUniqueIdentifier";  // string x1
inline constexpr char kOfxImageClipPropContinuousSamples[] = "OfxImageClipPropContinuousSamples";  // bool x1
inline constexpr char kOfxImageClipPropUnmappedPixelDepth[] = "OfxImageClipPropUnmappedPixelDepth";  // enum x1
inline constexpr char kOfxImageClipPropUnmappedComponents[] = "OfxImageClipPropUnmappedComponents";  // enum x1
inline constexpr char kOfxImageEffectPropPreMultiplication[] = "OfxImageEffectPropPreMultiplication";  // enum x1
inline constexpr char kOfxImageOpaque[] = "OfxImageOpaque";
inline constexpr char kOfxImagePreMultiplied[] = "OfxImageAlphaPremultiplied";
inline constexpr char kOfxImageUnPreMultiplied[] = "OfxImageAlphaUnPremultiplied";
inline constexpr char kOfxImageEffectPropSupportedPixelDepths[] = "OfxImageEffectPropSupportedPixelDepths";  // enum xN
inline constexpr char kOfxImageEffectPropSupportedComponents[] = "OfxImageEffectPropSupportedComponents";  // enum xN
inline constexpr char kOfxImageClipPropOptional[] = "OfxImageClipPropOptional";  // bool x1
inline constexpr char kOfxImageClipPropIsMask[] = "OfxImageClipPropIsMask";  // bool x1
inline constexpr char kOfxImagePropPixelAspectRatio[] = "OfxImagePropPixelAspectRatio";  // double x1
inline constexpr char kOfxImageEffectPropFrameRate[] = "OfxImageEffectPropFrameRate";  // double x1
inline constexpr char kOfxImageEffectPropUnmappedFrameRate[] = "OfxImageEffectPropUnmappedFrameRate";  // double x1
inline constexpr char kOfxImageEffectPropFrameStep[] = "OfxImageEffectPropFrameStep";  // double x1
inline constexpr char kOfxImageEffectPropFrameRange[] = "OfxImageEffectPropFrameRange";  // double x2
inline constexpr char kOfxImageEffectPropUnmappedFrameRange[] = "OfxImageEffectPropUnmappedFrameRange";  // double x2
inline constexpr char kOfxImageClipPropConnected[] = "OfxImageClipPropConnected";  // bool x1
inline constexpr char kOfxImageEffectFrameVarying[] = "OfxImageEffectFrameVarying";  // bool x1
inline constexpr char kOfxImageEffectPropRenderScale[] = "OfxImageEffectPropRenderScale";  // double x2
inline constexpr char kOfxImageEffectPropRenderQualityDraft[] = "OfxImageEffectPropRenderQualityDraft";  // bool x1
inline constexpr char kOfxImageEffectPropNoSpatialAwareness[] = "OfxImageEffectPropNoSpatialAwareness";  // enum x1
inline constexpr char kOfxImageEffectPropThumbnailRender[] = "OfxImageEffectPropThumbnailRender";  // enum x1
inline constexpr char kOfxImageEffectPropProjectExtent[] = "OfxImageEffectPropProjectExtent";  // double x2
inline constexpr char kOfxImageEffectPropProjectSize[] = "OfxImageEffectPropProjectSize";  // double x2
inline constexpr char kOfxImageEffectPropProjectOffset[] = "OfxImageEffectPropProjectOffset";  // double x2
inline constexpr char kOfxImageEffectPropProjectPixelAspectRatio[] = "OfxImageEffectPropPixelAspectRatio";  // double x1
inline constexpr char kOfxImageEffectInstancePropEffectDuration[] = "OfxImageEffectInstancePropEffectDuration";  // double x1
inline constexpr char kOfxImageClipPropFieldOrder[] = "OfxImageClipPropFieldOrder";  // enum x1
inline constexpr char kOfxImagePropData[] = "OfxImagePropData";  // pointer x1
inline constexpr char kOfxImagePropBounds[] = "OfxImagePropBounds";  // int x4
inline constexpr char kOfxImagePropRegionOfDefinition[] = "OfxImagePropRegionOfDefinition";  // int x4
inline constexpr char kOfxImagePropRowBytes[] = "OfxImagePropRowBytes";  // int x1
inline constexpr char kOfxImagePropField[] = "OfxImagePropField";  // enum x1
inline constexpr char kOfxImageEffectPluginPropFieldRenderTwiceAlways[] = "OfxImageEffectPluginPropFieldRenderTwiceAlways";  // bool x1
inline constexpr char kOfxImageClipPropFieldExtraction[] = "OfxImageClipPropFieldExtraction";  // enum x1
inline constexpr char kOfxImageEffectPropFieldToRender[] = "OfxImageEffectPropFieldToRender";  // enum x1
inline constexpr char kOfxImageEffectPropRegionOfDefinition[] = "OfxImageEffectPropRegionOfDefinition";  // double x4
inline constexpr char kOfxImageEffectPropRegionOfInterest[] = "OfxImageEffectPropRegionOfInterest";  // double x4
inline constexpr char kOfxImageEffectPropRenderWindow[] = "OfxImageEffectPropRenderWindow";  // int x4
inline constexpr char kOfxImageFieldNone[] = "OfxFieldNone";
inline constexpr char kOfxImageFieldLower[] = "OfxFieldLower";
inline constexpr char kOfxImageFieldUpper[] = "OfxFieldUpper";
inline constexpr char kOfxImageFieldBoth[] = "OfxFieldBoth";
inline constexpr char kOfxImageFieldSingle[] = "OfxFieldSingle";
inline constexpr char kOfxImageFieldDoubled[] = "OfxFieldDoubled";
inline constexpr char kOfxImageEffectPropBehaviourWhenUnlicensed[] = "OfxImageEffectPropBehaviourWhenUnlicensed";
inline constexpr char kOfxUnlicensedContinue[] = "OfxUnlicensedContinue";
inline constexpr char kOfxUnlicensedFail[] = "OfxUnlicensedFail";
inline constexpr char kOfxImageEffectOutputClipName[] = "Output";
inline constexpr char kOfxImageEffectSimpleSourceClipName[] = "Source";
inline constexpr char kOfxImageEffectTransitionSourceFromClipName[] = "SourceFrom";
inline constexpr char kOfxImageEffectTransitionSourceToClipName[] = "SourceTo";
inline constexpr char kOfxImageEffectTransitionParamName[] = "Transition";
inline constexpr char kOfxImageEffectRetimerParamName[] = "SourceTime";

// Message types (section 7).
inline constexpr char kOfxMessageFatal[] = "OfxMessageFatal";
inline constexpr char kOfxMessageError[] = "OfxMessageError";
inline constexpr char kOfxMessageWarning[] = "OfxMessageWarning";
inline constexpr char kOfxMessageMessage[] = "OfxMessageMessage";
inline constexpr char kOfxMessageLog[] = "OfxMessageLog";
inline constexpr char kOfxMessageQuestion[] = "OfxMessageQuestion";

// Parameter types: the second argument of paramDefine (section 6).
inline constexpr char kOfxParamTypeInteger[] = "OfxParamTypeInteger";
inline constexpr char kOfxParamTypeDouble[] = "OfxParamTypeDouble";
inline constexpr char kOfxParamTypeBoolean[] = "OfxParamTypeBoolean";
inline constexpr char kOfxParamTypeChoice[] = "OfxParamTypeChoice";
inline constexpr char kOfxParamTypeStrChoice[] = "OfxParamTypeStrChoice";
inline constexpr char kOfxParamTypeRGBA[] = "OfxParamTypeRGBA";
inline constexpr char kOfxParamTypeRGB[] = "OfxParamTypeRGB";
inline constexpr char kOfxParamTypeDouble2D[] = "OfxParamTypeDouble2D";
inline constexpr char kOfxParamTypeInteger2D[] = "OfxParamTypeInteger2D";
inline constexpr char kOfxParamTypeDouble3D[] = "OfxParamTypeDouble3D";
inline constexpr char kOfxParamTypeInteger3D[] = "OfxParamTypeInteger3D";
inline constexpr char kOfxParamTypeString[] = "OfxParamTypeString";
inline constexpr char kOfxParamTypeCustom[] = "OfxParamTypeCustom";
inline constexpr char kOfxParamTypeBytes[] = "OfxParamTypeBytes";
inline constexpr char kOfxParamTypeGroup[] = "OfxParamTypeGroup";
inline constexpr char kOfxParamTypePage[] = "OfxParamTypePage";
inline constexpr char kOfxParamTypePushButton[] = "OfxParamTypePushButton";

// Parameter properties (section 6).
inline constexpr char kOfxParamHostPropSupportsCustomAnimation[] = "OfxParamHostPropSupportsCustomAnimation";  // bool x1
inline constexpr char kOfxParamHostPropSupportsStringAnimation[] = "OfxParamHostPropSupportsStringAnimation";  // bool x1
inline constexpr char kOfxParamHostPropSupportsBooleanAnimation[] = "OfxParamHostPropSupportsBooleanAnimation";  // bool x1
inline constexpr char kOfxParamHostPropSupportsChoiceAnimation[] = "OfxParamHostPropSupportsChoiceAnimation";  // bool x1
inline constexpr char kOfxParamHostPropMaxParameters[] = "OfxParamHostPropMaxParameters";  // int x1
inline constexpr char kOfxParamHostPropMaxPages[] = "OfxParamHostPropMaxPages";  // int x1
inline constexpr char kOfxParamHostPropPageRowColumnCount[] = "OfxParamHostPropPageRowColumnCount";  // int x2
inline constexpr char kOfxParamPropType[] = "OfxParamPropType";  // string x1
inline constexpr char kOfxParamPropAnimates[] = "OfxParamPropAnimates";  // bool x1
inline constexpr char kOfxParamPropCanUndo[] = "OfxParamPropCanUndo";  // bool x1
inline constexpr char kOfxPropParamSetNeedsSyncing[] = "OfxPropParamSetNeedsSyncing";  // bool x1
inline constexpr char kOfxParamPropIsAnimating[] = "OfxParamPropIsAnimating";  // bool x1
inline constexpr char kOfxParamPropPluginMayWrite[] = "OfxParamPropPluginMayWrite";  // bool x1
inline constexpr char kOfxParamPropPersistant[] = "OfxParamPropPersistant";  // bool x1
inline constexpr char kOfxParamPropEvaluateOnChange[] = "OfxParamPropEvaluateOnChange";  // bool x1
inline constexpr char kOfxParamPropSecret[] = "OfxParamPropSecret";  // bool x1
inline constexpr char kOfxParamPropScriptName[] = "OfxParamPropScriptName";  // string x1
inline constexpr char kOfxParamPropCacheInvalidation[] = "OfxParamPropCacheInvalidation";  // enum x1
inline constexpr char kOfxParamPropHint[] = "OfxParamPropHint";  // string x1
inline constexpr char kOfxParamPropDefault[] = "OfxParamPropDefault";  // [int, double, string, pointer] xN
inline constexpr char kOfxParamPropDoubleType[] = "OfxParamPropDoubleType";  // enum x1
inline constexpr char kOfxParamPropDefaultCoordinateSystem[] = "OfxParamPropDefaultCoordinateSystem";  // enum x1
inline constexpr char kOfxParamPropHasHostOverlayHandle[] = "OfxParamPropHasHostOverlayHandle";  // bool x1
inline constexpr char kOfxParamPropUseHostOverlayHandle[] = "kOfxParamPropUseHostOverlayHandle";  // bool x1
inline constexpr char kOfxParamPropShowTimeMarker[] = "OfxParamPropShowTimeMarker";  // bool x1
inline constexpr char kOfxPluginPropParamPageOrder[] = "OfxPluginPropParamPageOrder";  // string xN
inline constexpr char kOfxParamPropPageChild[] = "OfxParamPropPageChild";  // string xN
inline constexpr char kOfxParamPropParent[] = "OfxParamPropParent";  // string x1
inline constexpr char kOfxParamPropGroupOpen[] = "OfxParamPropGroupOpen";  // bool x1
inline constexpr char kOfxParamPropEnabled[] = "OfxParamPropEnabled";  // bool x1
inline constexpr char kOfxParamPropDataPtr[] = "OfxParamPropDataPtr";  // pointer x1
inline constexpr char kOfxParamPropChoiceOption[] = "OfxParamPropChoiceOption";  // string xN
inline constexpr char kOfxParamPropChoiceOrder[] = "OfxParamPropChoiceOrder";  // int xN
inline constexpr char kOfxParamPropChoiceEnum[] = "OfxParamPropChoiceEnum";  // bool x1
inline constexpr char kOfxParamHostPropSupportsStrChoiceAnimation[] = "OfxParamHostPropSupportsStrChoiceAnimation";  // bool x1
inline constexpr char kOfxParamHostPropSupportsStrChoice[] = "OfxParamHostPropSupportsStrChoice";  // bool x1
inline constexpr char kOfxParamPropMin[] = "OfxParamPropMin";  // [int, double] xN
inline constexpr char kOfxParamPropMax[] = "OfxParamPropMax";  // [int, double] xN
inline constexpr char kOfxParamPropDisplayMin[] = "OfxParamPropDisplayMin";  // [int, double] xN
inline constexpr char kOfxParamPropDisplayMax[] = "OfxParamPropDisplayMax";  // [int, double] xN
inline constexpr char kOfxParamPropIncrement[] = "OfxParamPropIncrement";  // double x1
inline constexpr char kOfxParamPropDigits[] = "OfxParamPropDigits";  // int x1
inline constexpr char kOfxParamPropDimensionLabel[] = "OfxParamPropDimensionLabel";  // string x1
inline constexpr char kOfxParamPropIsAutoKeying[] = "OfxParamPropIsAutoKeying";  // bool x1
inline constexpr char kOfxParamPropCustomInterpCallbackV1[] = "OfxParamPropCustomCallbackV1";  // pointer x1
inline constexpr char kOfxParamPropStringMode[] = "OfxParamPropStringMode";  // enum x1
inline constexpr char kOfxParamPropStringFilePathExists[] = "OfxParamPropStringFilePathExists";  // bool x1
inline constexpr char kOfxParamPropCustomValue[] = "OfxParamPropCustomValue";  // string x2
inline constexpr char kOfxParamPropInterpolationTime[] = "OfxParamPropInterpolationTime";  // double x2
inline constexpr char kOfxParamPropInterpolationAmount[] = "OfxParamPropInterpolationAmount";  // double x1

// Values of parameter properties (section 6).
inline constexpr char kOfxTypeParameter[] = "OfxTypeParameter";
inline constexpr char kOfxTypeParameterInstance[] = "OfxTypeParameterInstance";
inline constexpr char kOfxParamPageSkipRow[] = "OfxParamPageSkipRow";
inline constexpr char kOfxParamPageSkipColumn[] = "OfxParamPageSkipColumn";
inline constexpr char kOfxParamInvalidateValueChange[] = "OfxParamInvalidateValueChange";
inline constexpr char kOfxParamInvalidateValueChangeToEnd[] = "OfxParamInvalidateValueChangeToEnd";
inline constexpr char kOfxParamInvalidateAll[] = "OfxParamInvalidateAll";
inline constexpr char kOfxParamDoubleTypePlain[] = "OfxParamDoubleTypePlain";
inline constexpr char kOfxParamDoubleTypeScale[] = "OfxParamDoubleTypeScale";
inline constexpr char kOfxParamDoubleTypeAngle[] = "OfxParamDoubleTypeAngle";
inline constexpr char kOfxParamDoubleTypeTime[] = "OfxParamDoubleTypeTime";
inline constexpr char kOfxParamDoubleTypeAbsoluteTime[] = "OfxParamDoubleTypeAbsoluteTime";
inline constexpr char kOfxParamDoubleTypeX[] = "OfxParamDoubleTypeX";
inline constexpr char kOfxParamDoubleTypeY[] = "OfxParamDoubleTypeY";
inline constexpr char kOfxParamDoubleTypeXAbsolute[] = "OfxParamDoubleTypeXAbsolute";
inline constexpr char kOfxParamDoubleTypeYAbsolute[] = "OfxParamDoubleTypeYAbsolute";
inline constexpr char kOfxParamDoubleTypeXY[] = "OfxParamDoubleTypeXY";
inline constexpr char kOfxParamDoubleTypeXYAbsolute[] = "OfxParamDoubleTypeXYAbsolute";
inline constexpr char kOfxParamCoordinatesCanonical[] = "OfxParamCoordinatesCanonical";
inline constexpr char kOfxParamCoordinatesNormalised[] = "OfxParamCoordinatesNormalised";
inline constexpr char kOfxParamInterpTypeConstantStep[] = "OfxParamInterpTypeConstantStep";
inline constexpr char kOfxParamInterpTypeLinear[] = "OfxParamInterpTypeLinear";
inline constexpr char kOfxParamInterpTypeSmooth[] = "OfxParamInterpTypeSmooth";
inline constexpr char kOfxParamInterpType[] = "OfxParamInterpType";
inline constexpr char kOfxParamStringIsSingleLine[] = "OfxParamStringIsSingleLine";
inline constexpr char kOfxParamStringIsMultiLine[] = "OfxParamStringIsMultiLine";
inline constexpr char kOfxParamStringIsFilePath[] = "OfxParamStringIsFilePath";
inline constexpr char kOfxParamStringIsDirectoryPath[] = "OfxParamStringIsDirectoryPath";
inline constexpr char kOfxParamStringIsLabel[] = "OfxParamStringIsLabel";
inline constexpr char kOfxParamStringIsRichTextFormat[] = "OfxParamStringIsRichTextFormat";

// Properties that only the tables of objects name (section 6).
inline constexpr char kOfxImageEffectPropCPURenderSupported[] = "OfxImageEffectPropCPURenderSupported";  // enum x1
inline constexpr char kOfxParamHostPropSupportsParametricAnimation[] = "OfxParamHostPropSupportsParametricAnimation";  // bool x1

// GPU rendering: leave unset, and the pixels are in host memory (end of section 7).
inline constexpr char kOfxImageEffectPropCudaRenderSupported[] = "OfxImageEffectPropCudaRenderSupported";  // enum x1
inline constexpr char kOfxImageEffectPropOpenCLRenderSupported[] = "OfxImageEffectPropOpenCLRenderSupported";  // enum x1
inline constexpr char kOfxImageEffectPropMetalRenderSupported[] = "OfxImageEffectPropMetalRenderSupported";  // enum x1
inline constexpr char kOfxImageEffectPropOpenGLRenderSupported[] = "OfxImageEffectPropOpenGLRenderSupported";  // enum x1
inline constexpr char kOfxImageEffectPropCudaEnabled[] = "OfxImageEffectPropCudaEnabled";  // int x1
inline constexpr char kOfxImageEffectPropOpenCLEnabled[] = "OfxImageEffectPropOpenCLEnabled";  // int x1
inline constexpr char kOfxImageEffectPropMetalEnabled[] = "OfxImageEffectPropMetalEnabled";  // int x1
inline constexpr char kOfxImageEffectPropOpenGLEnabled[] = "OfxImageEffectPropOpenGLEnabled";  // int x1

// Colour management, API 1.5 (section 9).
inline constexpr char kOfxImageClipPropColourspace[] = "OfxImageClipPropColourspace";  // string x1

// Not in the standard: Resolve's own (section 6).
inline constexpr char kOfxImageEffectPropResolvePage[] = "OfxImageEffectPropResolvePage";  // string x1; "Edit", "Color" or "Fusion"
inline constexpr char kOfxImageEffectPropSrcFilePath[] = "OfxImageEffectPropSrcFilePath";  // string x1
inline constexpr char kOfxImageEffectPropSrcFrame[] = "OfxImageEffectPropSrcFrame";  // int x1
inline constexpr char kOfxImageEffectPropEyeToRender[] = "OfxImageEffectPropEyeToRender";  // int x1
inline constexpr char kOfxImageClipPropThumbnail[] = "kOfxImageClipPropThumbnail";  // int x1; the string really starts with k
