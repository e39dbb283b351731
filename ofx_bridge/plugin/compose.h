// What a render writes: the host's own bytes, and the result's pixels where they differ.
#pragma once

#include <ilvi_ofx/ofx.h>

#include "images.h"
#include "npy.h"

namespace ilvi {

// A frame of a result, and how it lies over the host's pixels.
struct Shown {
    NpyReader &result;
    NpyReader *matte;     // the comp matte: 0 where the host's pixel is kept; null: where it equals the result's
    OfxRectI box;         // px; where its size is not the result's (a proxy), the result is shown smaller, and whole
    bool everywhere;      // a view that shows no plate
};

// Writes the whole window.  source: may be empty.
void compose(const Image &output, const Image &source, const OfxRectI &window, const Shown &shown);

enum class Unsolved { mark, black };

// The source (nothing where it is empty) with a striped border, or black.
void compose_unsolved(const Image &output, const Image &source, const OfxRectI &window, Unsolved how);

}  // namespace ilvi
