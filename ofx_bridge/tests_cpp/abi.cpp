// Holds the layout of every struct and suite of ofx.h against ofx-abi.md at compile time (64-bit).
//
// It passes by compiling. A slot moved, added, dropped or renamed changes an offset and stops the build.
#include <ilvi_ofx/ofx.h>

#include <string_view>
#include <type_traits>

static_assert(sizeof(void *) == 8, "the offsets below are those of 64-bit platforms");
static_assert(sizeof(int) == 4 && sizeof(double) == 8 && sizeof(size_t) == 8);
static_assert(sizeof(OfxStatus) == 4 && std::is_same_v<OfxTime, double>);

// Section 2: the core structs.
static_assert(sizeof(OfxHost) == 16);
static_assert(offsetof(OfxHost, host) == 0 && offsetof(OfxHost, fetchSuite) == 8);
static_assert(sizeof(OfxPlugin) == 48);
static_assert(offsetof(OfxPlugin, pluginApi) == 0 && offsetof(OfxPlugin, apiVersion) == 8);
static_assert(offsetof(OfxPlugin, pluginIdentifier) == 16 && offsetof(OfxPlugin, pluginVersionMajor) == 24);
static_assert(offsetof(OfxPlugin, pluginVersionMinor) == 28 && offsetof(OfxPlugin, setHost) == 32);
static_assert(offsetof(OfxPlugin, mainEntry) == 40);
static_assert(sizeof(OfxRangeI) == 8 && offsetof(OfxRangeI, max) == 4);
static_assert(sizeof(OfxRangeD) == 16 && offsetof(OfxRangeD, max) == 8);
static_assert(sizeof(OfxPointI) == 8 && offsetof(OfxPointI, y) == 4);
static_assert(sizeof(OfxPointD) == 16 && offsetof(OfxPointD, y) == 8);
static_assert(sizeof(OfxRectI) == 16 && offsetof(OfxRectI, y1) == 4 && offsetof(OfxRectI, x2) == 8 &&
              offsetof(OfxRectI, y2) == 12);
static_assert(sizeof(OfxRectD) == 32 && offsetof(OfxRectD, y1) == 8 && offsetof(OfxRectD, x2) == 16 &&
              offsetof(OfxRectD, y2) == 24);
static_assert(sizeof(OfxBytes) == 16 && offsetof(OfxBytes, data) == 0 && offsetof(OfxBytes, length) == 8);

// Section 4: the suites. The number is the slot's, as in the notes.
template <std::size_t slot_offset>
constexpr std::size_t slot = slot_offset / sizeof(void *);
#define SLOT(suite, name, n) static_assert(slot<offsetof(suite, name)> == (n))
#define SLOTS(suite, n) static_assert(sizeof(suite) == (n) * sizeof(void *) && std::is_standard_layout_v<suite>)

SLOTS(OfxPropertySuiteV1, 18);
SLOT(OfxPropertySuiteV1, propSetPointer, 0);
SLOT(OfxPropertySuiteV1, propSetString, 1);
SLOT(OfxPropertySuiteV1, propSetDouble, 2);
SLOT(OfxPropertySuiteV1, propSetInt, 3);
SLOT(OfxPropertySuiteV1, propSetPointerN, 4);
SLOT(OfxPropertySuiteV1, propSetStringN, 5);
SLOT(OfxPropertySuiteV1, propSetDoubleN, 6);
SLOT(OfxPropertySuiteV1, propSetIntN, 7);
SLOT(OfxPropertySuiteV1, propGetPointer, 8);
SLOT(OfxPropertySuiteV1, propGetString, 9);
SLOT(OfxPropertySuiteV1, propGetDouble, 10);
SLOT(OfxPropertySuiteV1, propGetInt, 11);
SLOT(OfxPropertySuiteV1, propGetPointerN, 12);
SLOT(OfxPropertySuiteV1, propGetStringN, 13);
SLOT(OfxPropertySuiteV1, propGetDoubleN, 14);
SLOT(OfxPropertySuiteV1, propGetIntN, 15);
SLOT(OfxPropertySuiteV1, propReset, 16);
SLOT(OfxPropertySuiteV1, propGetDimension, 17);

SLOTS(OfxImageEffectSuiteV1, 13);
SLOT(OfxImageEffectSuiteV1, getPropertySet, 0);
SLOT(OfxImageEffectSuiteV1, getParamSet, 1);
SLOT(OfxImageEffectSuiteV1, clipDefine, 2);
SLOT(OfxImageEffectSuiteV1, clipGetHandle, 3);
SLOT(OfxImageEffectSuiteV1, clipGetPropertySet, 4);
SLOT(OfxImageEffectSuiteV1, clipGetImage, 5);
SLOT(OfxImageEffectSuiteV1, clipReleaseImage, 6);
SLOT(OfxImageEffectSuiteV1, clipGetRegionOfDefinition, 7);
SLOT(OfxImageEffectSuiteV1, abort, 8);
SLOT(OfxImageEffectSuiteV1, imageMemoryAlloc, 9);
SLOT(OfxImageEffectSuiteV1, imageMemoryFree, 10);
SLOT(OfxImageEffectSuiteV1, imageMemoryLock, 11);
SLOT(OfxImageEffectSuiteV1, imageMemoryUnlock, 12);

SLOTS(OfxParameterSuiteV1, 18);
SLOT(OfxParameterSuiteV1, paramDefine, 0);
SLOT(OfxParameterSuiteV1, paramGetHandle, 1);
SLOT(OfxParameterSuiteV1, paramSetGetPropertySet, 2);
SLOT(OfxParameterSuiteV1, paramGetPropertySet, 3);
SLOT(OfxParameterSuiteV1, paramGetValue, 4);
SLOT(OfxParameterSuiteV1, paramGetValueAtTime, 5);
SLOT(OfxParameterSuiteV1, paramGetDerivative, 6);
SLOT(OfxParameterSuiteV1, paramGetIntegral, 7);
SLOT(OfxParameterSuiteV1, paramSetValue, 8);
SLOT(OfxParameterSuiteV1, paramSetValueAtTime, 9);
SLOT(OfxParameterSuiteV1, paramGetNumKeys, 10);
SLOT(OfxParameterSuiteV1, paramGetKeyTime, 11);
SLOT(OfxParameterSuiteV1, paramGetKeyIndex, 12);
SLOT(OfxParameterSuiteV1, paramDeleteKey, 13);
SLOT(OfxParameterSuiteV1, paramDeleteAllKeys, 14);
SLOT(OfxParameterSuiteV1, paramCopy, 15);
SLOT(OfxParameterSuiteV1, paramEditBegin, 16);
SLOT(OfxParameterSuiteV1, paramEditEnd, 17);

SLOTS(OfxMessageSuiteV1, 1);
SLOT(OfxMessageSuiteV1, message, 0);
SLOTS(OfxMessageSuiteV2, 3);
SLOT(OfxMessageSuiteV2, message, 0);
SLOT(OfxMessageSuiteV2, setPersistentMessage, 1);
SLOT(OfxMessageSuiteV2, clearPersistentMessage, 2);

SLOTS(OfxProgressSuiteV1, 3);
SLOT(OfxProgressSuiteV1, progressStart, 0);
SLOT(OfxProgressSuiteV1, progressUpdate, 1);
SLOT(OfxProgressSuiteV1, progressEnd, 2);
SLOTS(OfxProgressSuiteV2, 3);
SLOT(OfxProgressSuiteV2, progressStart, 0);
SLOT(OfxProgressSuiteV2, progressUpdate, 1);
SLOT(OfxProgressSuiteV2, progressEnd, 2);

SLOTS(OfxTimeLineSuiteV1, 3);
SLOT(OfxTimeLineSuiteV1, getTime, 0);
SLOT(OfxTimeLineSuiteV1, gotoTime, 1);
SLOT(OfxTimeLineSuiteV1, getTimeBounds, 2);

SLOTS(OfxMultiThreadSuiteV1, 9);
SLOT(OfxMultiThreadSuiteV1, multiThread, 0);
SLOT(OfxMultiThreadSuiteV1, multiThreadNumCPUs, 1);
SLOT(OfxMultiThreadSuiteV1, multiThreadIndex, 2);
SLOT(OfxMultiThreadSuiteV1, multiThreadIsSpawnedThread, 3);
SLOT(OfxMultiThreadSuiteV1, mutexCreate, 4);
SLOT(OfxMultiThreadSuiteV1, mutexDestroy, 5);
SLOT(OfxMultiThreadSuiteV1, mutexLock, 6);
SLOT(OfxMultiThreadSuiteV1, mutexUnLock, 7);
SLOT(OfxMultiThreadSuiteV1, mutexTryLock, 8);

SLOTS(OfxMemorySuiteV1, 2);
SLOT(OfxMemorySuiteV1, memoryAlloc, 0);
SLOT(OfxMemorySuiteV1, memoryFree, 1);

SLOTS(OfxInteractSuiteV1, 3);
SLOT(OfxInteractSuiteV1, interactSwapBuffers, 0);
SLOT(OfxInteractSuiteV1, interactRedraw, 1);
SLOT(OfxInteractSuiteV1, interactGetPropertySet, 2);
SLOTS(OfxDialogSuiteV1, 2);
SLOT(OfxDialogSuiteV1, RequestDialog, 0);
SLOT(OfxDialogSuiteV1, NotifyRedrawPending, 1);

// Section 3: the ends of the list and the one that every plugin returns.
static_assert(kOfxStatOK == 0 && kOfxStatErrMemory == 8 && kOfxStatReplyDefault == 14 && kOfxStatUnlicensed == 15);

// Section 7, "irregular ones": the constants whose value is not their name without the k.
constexpr bool same(std::string_view a, std::string_view b) { return a == b; }
static_assert(same(kOfxImageFieldNone, "OfxFieldNone") && same(kOfxImageFieldDoubled, "OfxFieldDoubled"));
static_assert(same(kOfxImagePreMultiplied, "OfxImageAlphaPremultiplied"));
static_assert(same(kOfxImageUnPreMultiplied, "OfxImageAlphaUnPremultiplied"));
static_assert(same(kOfxImageEffectPropSupportsMultipleClipDepths, "OfxImageEffectPropMultipleClipDepths"));
static_assert(same(kOfxImageEffectPropProjectPixelAspectRatio, "OfxImageEffectPropPixelAspectRatio"));
static_assert(same(kOfxParamPropPersistant, "OfxParamPropPersistant"));
static_assert(same(kOfxHostNativeOriginBottomLeft, "kOfxImageEffectHostPropNativeOriginBottomLeft"));
static_assert(same(kOfxActionOpenGLContextDetached, "kOfxActionOpenGLContextDetached"));
static_assert(same(kOfxParamPropUseHostOverlayHandle, "kOfxParamPropUseHostOverlayHandle"));
static_assert(same(kOfxParamPropCustomInterpCallbackV1, "OfxParamPropCustomCallbackV1"));
static_assert(same(kOfxImageEffectPluginApi, "OfxImageEffectPluginAPI"));

int main() { return 0; }
