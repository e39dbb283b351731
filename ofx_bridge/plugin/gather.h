// An image of the host as a .npy of the worker.
#pragma once

#include <ilvi_ofx/ofx.h>

#include <string>

#include "collection.h"

namespace ilvi {

// (h, w, 4) over the box, top row first, colour not multiplied by alpha; 0 where the image has nothing. Notes its alpha.
void write_plate(const Image &image, const OfxRectI &box, const std::string &path, Gathered &facts);

// (h, w), 0..1. A mask of several channels: its alpha, where that is not 1 everywhere, else its luminance.
void write_matte(const Image &mask, const OfxRectI &box, const std::string &path, Gathered &facts);

}  // namespace ilvi
