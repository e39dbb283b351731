// The frames of one range, gathered from the host as files for the worker: all at once, or one by one as they render.
#pragma once

#include <ilvi_ofx/ofx.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "images.h"
#include "records.h"
#include "request.h"
#include "scratch.h"

namespace ilvi {

// What is known of a gathered frame.
struct Gathered {
    uint64_t digest = 0;
    bool mask = false, mask_says = false;    // there was a mask; it was not 0 everywhere
    bool alpha_zero = true, alpha_one = true;   // everywhere
};

class Collection {
public:
    // box: the host's pixels that every frame covers.  Fault where there is no room.
    Collection(Scratch &scratch, int first, int last, const OfxRectI &box, bool whole_numbers);
    ~Collection();   // removes the files
    Collection(const Collection &) = delete;
    Collection &operator=(const Collection &) = delete;

    // Writes a frame's files; one that is there with the same digest is left. From several threads at once.
    void add(int frame, const Image &source, const Image *mask, uint64_t digest);
    size_t wanted() const { return static_cast<size_t>(last_ - first_) + 1; }
    size_t there() const;
    bool complete() const { return there() == wanted(); }
    int first() const { return first_; }
    int last() const { return last_; }
    const OfxRectI &box() const { return box_; }
    // The job's pictures, once all are there: decides where the matte is. Fault where there is none.
    Inputs inputs(const Values &values) const;
    // What this becomes when it is solved, but for entry and pattern.
    Record record(const std::string &look) const;
    std::string name() const;   // of its pixels

private:
    std::string path(const char *what, int frame, const std::string &mark) const;

    const int first_, last_;
    const OfxRectI box_;
    const bool whole_numbers_;
    std::string folder_;
    mutable std::mutex mutex_;
    std::map<int, Gathered> frames_;
    unsigned marks_ = 0;
};

// Those that are being gathered while the host renders.
class Collections {
public:
    explicit Collections(Scratch &scratch) : scratch_(scratch) {}
    std::shared_ptr<Collection> at(int first, int last, const OfxRectI &box, bool whole_numbers);
    std::shared_ptr<Collection> find(int first, int last);   // the last one that was begun
    void forget(const Collection *collection);

private:
    Scratch &scratch_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<Collection>> all_;   // the newest last
};

// The pattern of a result's files, from one of them.
std::string pattern_of(const std::string &path, int frame);

}  // namespace ilvi
