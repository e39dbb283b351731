#include "compose.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace ilvi {

namespace {

bool same_format(const Format &a, const Format &b) {
    return a.depth == b.depth && a.components == b.components && a.premultiplied == b.premultiplied;
}

unsigned char *pixel(const Image &image, int x, int y) {
    return image.row(y) + image.format().pixel_bytes() * static_cast<size_t>(x - image.bounds().x1);
}

size_t span(int from, int to) { return static_cast<size_t>(to - from); }

// One row of the window: what the output has there, and the source as floats beside it.
class Row {
public:
    Row(const Image &output, const Image &source, const OfxRectI &window)
        : output_(output), source_(source), window_(window), floats_(4 * span(window.x1, window.x2)) {
        part_ = source ? common(window, source.bounds()) : OfxRectI{0, 0, 0, 0};
        plain_ = source && same_format(source.format(), output.format());
    }

    // The source's bytes, transparent black beside them.
    void copy(int y, bool want_floats) {
        const Format &format = output_.format();
        covered_ = !empty(part_) && y >= part_.y1 && y < part_.y2;
        const bool whole = covered_ && part_.x1 == window_.x1 && part_.x2 == window_.x2;
        if (!whole) std::memset(pixel(output_, window_.x1, y), 0, format.pixel_bytes() * span(window_.x1, window_.x2));
        if (!whole && want_floats) std::fill(floats_.begin(), floats_.end(), 0.0f);
        if (!covered_) return;
        const size_t count = span(part_.x1, part_.x2);
        float *here = floats_.data() + 4 * span(window_.x1, part_.x1);
        if (want_floats || !plain_) to_float(pixel(source_, part_.x1, y), source_.format(), count, here);
        if (plain_)
            std::memcpy(pixel(output_, part_.x1, y), pixel(source_, part_.x1, y), format.pixel_bytes() * count);
        else
            from_float(here, format, count, pixel(output_, part_.x1, y));
    }

    bool has(int x) const { return covered_ && x >= part_.x1 && x < part_.x2; }
    const float *at(int x) const { return floats_.data() + 4 * span(window_.x1, x); }

private:
    const Image &output_, &source_;
    const OfxRectI window_;
    OfxRectI part_{0, 0, 0, 0};
    bool plain_ = false, covered_ = false;
    std::vector<float> floats_;
};

// Where along one side of the result a pixel of the window lies; -1: beside it.
std::vector<long> places(int from, int to, int start, int end, size_t size, bool downwards) {
    std::vector<long> found;
    const double step = static_cast<double>(size) / (end - start);
    for (int i = from; i < to; ++i) {
        const double at = std::floor((downwards ? end - i - 0.5 : i - start + 0.5) * step);
        found.push_back(at >= 0 && at < static_cast<double>(size) ? static_cast<long>(at) : -1);
    }
    return found;
}

bool is_alpha_kept(const Image &source) { return source && source.format().components == Components::rgba; }

}  // namespace

void compose(const Image &output, const Image &source, const OfxRectI &window, const Shown &shown) {
    NpyReader &result = shown.result;
    const bool full_size = span(shown.box.x1, shown.box.x2) == result.width() &&
                           span(shown.box.y1, shown.box.y2) == result.height();
    const bool compared = full_size && !shown.everywhere;
    const auto columns = places(window.x1, window.x2, shown.box.x1, shown.box.x2, result.width(), false);
    const auto rows = places(window.y1, window.y2, shown.box.y1, shown.box.y2, result.height(), true);
    const bool alpha_kept = is_alpha_kept(source);
    Row row(output, source, window);
    std::vector<float> changed(4 * span(window.x1, window.x2));
    // from the top, as the file has them
    for (int y = window.y2 - 1; y >= window.y1; --y) {
        row.copy(y, true);
        const long line = rows[span(window.y1, y)];
        if (line < 0) continue;
        const float *made = result.row(static_cast<size_t>(line));
        const float *amount = shown.matte ? shown.matte->row(static_cast<size_t>(line)) : nullptr;
        int begun = window.x1, x = window.x1;
        const auto flush = [&] {
            if (begun < x)
                from_float(changed.data() + 4 * span(window.x1, begun), output.format(), span(begun, x),
                           pixel(output, begun, y));
            begun = x + 1;
        };
        for (; x < window.x2; ++x) {
            const long column = columns[span(window.x1, x)];
            const float *from = made + 4 * column;
            const bool kept = column < 0 || (compared && row.has(x) &&
                                             (amount ? amount[4 * column] == 0 : std::memcmp(from, row.at(x), 12) == 0));
            if (kept) {
                flush();
                continue;
            }
            float *to = changed.data() + 4 * span(window.x1, x);
            std::memcpy(to, from, 16);
            if (alpha_kept && row.has(x)) to[3] = row.at(x)[3];
        }
        flush();
    }
}

void compose_unsolved(const Image &output, const Image &source, const OfxRectI &window, Unsolved how) {
    const std::vector<float> black = [&] {
        std::vector<float> row(4 * span(window.x1, window.x2), 0.0f);
        for (size_t i = 3; i < row.size(); i += 4) row[i] = 1;
        return row;
    }();
    Row row(output, source, window);
    const OfxRectI &frame = output.whole();
    const int width = frame.x2 - frame.x1, height = frame.y2 - frame.y1;
    const int border = std::max(2, std::min(width, height) / 40), stripe = 2 * border;
    const float colours[2][4] = {{1, 0.35f, 0, 1}, {0, 0, 0, 1}};
    for (int y = window.y1; y < window.y2; ++y) {
        if (how == Unsolved::black) {
            from_float(black.data(), output.format(), span(window.x1, window.x2), pixel(output, window.x1, y));
            continue;
        }
        row.copy(y, false);
        for (int x = window.x1; x < window.x2; ++x) {
            const int inwards = std::min({x - frame.x1, frame.x2 - 1 - x, y - frame.y1, frame.y2 - 1 - y});
            if (inwards >= border) {
                x = std::max(x, frame.x2 - border - 1);   // to the other side
                continue;
            }
            const int which = ((x + y) % (2 * stripe) + 2 * stripe) % (2 * stripe) / stripe;
            from_float(colours[which], output.format(), 1, pixel(output, x, y));
        }
    }
}

}  // namespace ilvi
