// Histograms of oriented gradients, as skimage.feature.hog computes them on float32 images. Definition: reference.py.
#pragma once
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>

#include "arena.hpp"
#include "bits.hpp"
#include "lanes.hpp"
#include "plan.hpp"

namespace skimgfeat {
namespace {

constexpr int kLanes = 16;
constexpr double kPi = 3.14159265358979323846;
constexpr double kHalfPi = kPi / 2;

// Hard bins without an arctangent. With the gradient folded into the first quadrant, a bin edge at angle e becomes the
// comparison |gy| >= |gx| * tan(e). Rows of `tangent` are the quadrants the gradient came from; in the second and fourth,
// where the fold mirrors the angle, edges count downwards from `base`. Most pixels are decided in float32; near an edge
// doubles are needed, and with transform_sqrt real ratios lie there: sqrt(3 v) / sqrt(v) = tan 60 degrees.
struct BinEdges {
    int count = 0;       // comparisons a pixel
    double* tangent[4];  // unused places hold infinity
    int base[4];
    bool symmetric = false;
};

inline BinEdges make_bin_edges(const HogPlan& plan, Arena& arena) {
    BinEdges edges;
    const int n = plan.orientations;
    const double full = plan.is_signed ? 360.0 : 180.0;
    int used[4] = {0, 0, 0, 0};
    for (double*& row : edges.tangent) {
        row = arena.take<double>(n + 4);
        if (!row) return edges;
        for (int k = 0; k < n + 4; ++k) row[k] = HUGE_VAL;
    }
    for (int& base : edges.base) base = 0;
    for (int k = 1; k < n; ++k) {
        const double edge = static_cast<float>(full / n * k);  // scikit-image holds its edges in float32
        const int quadrant = edge <= 90 ? 0 : edge < 180 ? 1 : edge <= 270 ? 2 : 3;
        const double start = quadrant < 2 ? 0.0 : 180.0;
        const double folded = quadrant % 2 ? start + 180 - edge : edge - start;
        double tangent = folded == 45 ? 1.0 : std::tan(folded * (kPi / 180));
        if (folded == 0) tangent = 0;
        edges.tangent[quadrant][used[quadrant]++] = tangent;
        if (edge < 180) edges.base[1] = edges.base[2] = k;
    }
    if (!plan.is_signed) edges.base[1] = n - 1;
    edges.base[3] = n - 1;
    for (int u : used) edges.count = u > edges.count ? u : edges.count;
    edges.symmetric = used[0] == used[1];
    for (int i = 0; i < used[0] && edges.symmetric; ++i)
        edges.symmetric = edges.tangent[0][i] == edges.tangent[1][used[1] - 1 - i];
    return edges;
}

// An image is worked on in strips of whole rows, so that every step is one loop over a strip, however narrow the image.
// Images are continued by reflection, which makes the differences across their borders 0: above and below by a copied
// row, at the sides by a factor of 0.
class Hog {
  public:
    Hog(const HogPlan& plan, int rows, int cols, int channels, double scale, Arena& arena)
        : plan_(plan), rows_(rows), cols_(cols), channels_(channels),
          scale_(static_cast<float>(scale)) {
        cell_rows_ = rows / plan.cell_rows;
        cell_cols_ = cols / plan.cell_cols;
        used_cols_ = cell_cols_ * plan.cell_cols;
        strip_rows_ = kStripPixels / cols + 1 < rows ? kStripPixels / cols + 1 : rows;
        strip_size_ = round_up(strip_rows_ * cols, kLanes);
        hist_pitch_ = static_cast<std::ptrdiff_t>(cell_cols_ + 2) * plan.orientations;
        hist_size_ = (cell_rows_ + 2) * hist_pitch_;
        block_length_ = plan.block_rows * plan.block_cols * plan.orientations;
        block_pitch_ = round_up(block_length_, kLanes);
        block_cols_ = cell_cols_ - plan.block_cols + 1;
        const std::size_t plane_size = static_cast<std::size_t>(strip_size_) + 2 * cols + 2 * kLanes;
        value_ = arena.take<float>(plane_size * channels + kLoad);
        plane_ = channels > 1 ? arena.take<float*>(channels) : &value_;
        for (int k = 0; channels > 1 && plane_ && k < channels; ++k) plane_[k] = arena.take<float>(plane_size);
        for (float** buffer : {&inside_, &gx_, &gy_, &magnitude_, &share_})
            *buffer = arena.take<float>(strip_size_);
        for (double** buffer : {&position_, &lower_}) *buffer = arena.take<double>(strip_size_);
        for (std::int32_t** buffer : {&bin_, &place_, &fewest_, &most_, &list_, &group_})
            *buffer = arena.take<std::int32_t>(strip_size_);
        hist_ = arena.take<float>(hist_size_ + kLanes);
        row_hist_ = arena.take<float>(4 * hist_pitch_);
        block_ = arena.take<float>(static_cast<std::size_t>(block_cols_) * block_pitch_ + 2 * kLanes);
        factor_ = arena.take<float>(round_up(block_cols_, kLanes));
        col_cell_ = arena.take<std::int32_t>(cols);
        col_share_ = arena.take<float>(cols);
        edges_ = make_bin_edges(plan, arena);
        if (arena.failed()) return;
        for (int c = 0; c < cols; ++c) {
            const double position = (c + 0.5) / plan.cell_cols - 0.5;
            col_cell_[c] = static_cast<int>(std::floor(position));
            col_share_[c] = static_cast<float>(position - std::floor(position));
        }
        for (int i = 0; i < strip_size_; ++i) inside_[i] = i % cols > 0 && i % cols < cols - 1;
        if (!plan.interpolate) set_places();
    }

    template <typename T>
    void run(const T* image, float* out) {
        if (plan_.interpolate) std::memset(hist_, 0, hist_size_ * sizeof(float));
        const int used_rows = cell_rows_ * plan_.cell_rows;
        for (int first = 0; first < used_rows; first += strip_rows_) {
            const int last = first + strip_rows_ < used_rows ? first + strip_rows_ : used_rows;
            load_strip(image, first, last);
            const int size = round_up((last - first) * cols_, kLanes);
            if (plan_.interpolate) {
                gradients(size);
                plan_.is_signed ? soft_bins<true>(size) : soft_bins<false>(size);
                for (int r = first; r < last; ++r) vote_softly(r, (r - first) * cols_);
                continue;
            }
            plan_.is_signed ? hard_bins<true, false>(size) : edges_.symmetric ? hard_bins<false, true>(size)
                                                                              : hard_bins<false, false>(size);
            if (!std::numeric_limits<T>::is_integer && !plan_.is_signed) bin_near_zero(size);
            for (int r = first; r < last; ++r) {
                vote((r - first) * cols_);
                if ((r + 1) % plan_.cell_rows == 0) close_cell_row(r / plan_.cell_rows);
            }
        }
        if (plan_.interpolate) divide_by_area(hist_, hist_size_);
        normalize(out);
    }

  private:
    static constexpr int kStripPixels = 1024, kLoad = 64;

    // Where a strip starts: a row after the start of its buffer.
    std::ptrdiff_t start() const { return kLanes + cols_; }

    template <typename T>
    void load_strip(const T* image, int first, int last) {
        const std::ptrdiff_t length = static_cast<std::ptrdiff_t>(cols_) * channels_;
        const int top = first > 0 ? first - 1 : 0, bottom = last < rows_ ? last + 1 : rows_;
        // Whole vectors, where the image goes on that far.
        const int exact = static_cast<int>((bottom - top) * length), whole = round_up(exact, kLoad);
        const int count = whole <= (rows_ - top) * length ? whole : exact;
        float* row = value_ + start() * channels_;  // the first of the strip
        load_values(image + top * length, count, row + (top - first) * length);
        const int second = rows_ > 1, last_but_one = rows_ > 1 ? rows_ - 2 : 0;
        if (top == first) std::memcpy(row - length, row + second * length, length * sizeof(float));
        if (bottom == last)
            std::memcpy(row + (last - first) * length, row + (last_but_one - first) * length, length * sizeof(float));
    }

    template <typename T>
    void load_values(const T* source, int count, float* values) const {
        const float scale = scale_, reciprocal = 1 / scale;
        if (plan_.transform_sqrt) {
            SKIMGFEAT_INDEPENDENT
            for (int i = 0; i < count; ++i) values[i] = std::sqrt(divide<T>(source[i], scale, reciprocal));
        } else {
            SKIMGFEAT_INDEPENDENT
            for (int i = 0; i < count; ++i) values[i] = divide<T>(source[i], scale, reciprocal);
        }
    }

    // value / scale. Of integers, a product corrected by its remainder: the same number, without the slow division.
    template <typename T>
    static SKIMGFEAT_INLINE float divide(T value, float scale, [[maybe_unused]] float reciprocal) {
        const float dividend = static_cast<float>(value);
#if defined(__FMA__)
        if (std::numeric_limits<T>::is_integer) {
            const float quotient = dividend * reciprocal;
            return std::fma(std::fma(-quotient, scale, dividend), reciprocal, quotient);
        }
#endif
        return dividend / scale;
    }

    // Central differences and their magnitudes.
    void gradients(int size) {
        if (channels_ == 3) return split_channels<3>(size), gradients_of_channels<3>(size);
        if (channels_ > 1) return split_channels<0>(size), gradients_of_channels<0>(size);
        float *gx = gx_, *gy = gy_, *magnitude = magnitude_;
        const float *value = value_ + start(), *inside = inside_;
        const std::ptrdiff_t pitch = cols_;
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            const float dx = (value[i + 1] - value[i - 1]) * inside[i], dy = value[i + pitch] - value[i - pitch];
            gx[i] = dx;
            gy[i] = dy;
            magnitude[i] = std::sqrt(dx * dx + dy * dy);
        }
    }

    template <int Channels>
    void split_channels(int size) {
        const int n = Channels ? Channels : channels_, whole = size + 2 * cols_ + 2 * kLanes;
        const float* value = value_;
        if constexpr (Channels == 3) {
            float *a = plane_[0], *b = plane_[1], *c = plane_[2];
            SKIMGFEAT_INDEPENDENT
            for (int i = 0; i < whole; ++i) {
                a[i] = value[3 * i];
                b[i] = value[3 * i + 1];
                c[i] = value[3 * i + 2];
            }
        } else {
            for (int i = 0; i < whole; ++i)
                for (int k = 0; k < n; ++k) plane_[k][i] = value[static_cast<std::ptrdiff_t>(n) * i + k];
        }
    }

    // The same of several channels: each pixel takes the one of largest magnitude, the first among equals. The squares
    // tell which, but where two nearly agree scikit-image's magnitudes, rounded to float32, decide.
    template <int Channels>
    void gradients_of_channels(int size) {
        constexpr float nearly = 1 - 1e-6f;
        const int n = Channels ? Channels : channels_;
        const float* inside = inside_;
        const std::ptrdiff_t pitch = cols_;
        const float* plane[Channels ? Channels : 1];
        for (int k = 0; k < Channels; ++k) plane[k] = plane_[k] + start();
        const auto channel = [&](int k) { return Channels ? plane[k] : plane_[k] + start(); };
        float *gx = gx_, *gy = gy_, *magnitude = magnitude_;
        std::int32_t *bin = bin_, any = 0;
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            float x = 0, y = 0, best = -1;
            for (int k = 0; k < n; ++k) {
                const float* value = channel(k);
                const float dx = (value[i + 1] - value[i - 1]) * inside[i], dy = value[i + pitch] - value[i - pitch];
                const float square = dx * dx + dy * dy;
                const bool larger = square > best;
                x = larger ? dx : x;
                y = larger ? dy : y;
                best = larger ? square : best;
            }
            int rivals = 0;
            for (int k = 0; k < n; ++k) {
                const float* value = channel(k);
                const float dx = (value[i + 1] - value[i - 1]) * inside[i], dy = value[i + pitch] - value[i - pitch];
                rivals += (dx * dx + dy * dy > best * nearly) & ((dx != x) | (dy != y));
            }
            gx[i] = x;
            gy[i] = y;
            magnitude[i] = std::sqrt(best);
            bin[i] = -rivals;
            any |= rivals;
        }
        if (any) for_each_unclear(size, [&](int i) { choose_channel<Channels>(i); });
    }

    // Pixels whose bin is negative. Groups with any are listed, then the pixels, without a branch: no processor could
    // foresee it.
    template <typename F>
    void for_each_unclear(int size, F f) {
        std::int32_t *group = group_, *list = list_, n_groups = 0, n = 0;
        for (int start = 0; start < size; start += kLanes) {
            std::uint64_t pair[kLanes / 2], any = 0;
            std::memcpy(pair, bin_ + start, sizeof pair);
            for (std::uint64_t signs : pair) any |= signs;
            group[n_groups] = start;
            n_groups += (any & 0x8000000080000000) != 0;
        }
        for (int k = 0; k < n_groups; ++k)
            for (int i = group[k]; i < group[k] + kLanes; ++i) {
                list[n] = i;
                n += bin_[i] < 0;
            }
        for (int i = 0; i < n; ++i) f(list[i]);
    }

    template <int Channels>
    void choose_channel(int i) {
        const int n = Channels ? Channels : channels_;
        float best = -1, best_x = 0, best_y = 0;
        for (int k = 0; k < n; ++k) {
            const float* value = plane_[k] + start() + i;
            const float x = (value[1] - value[-1]) * inside_[i], y = value[cols_] - value[-cols_];
            const double dx = x, dy = y;
            const float size = static_cast<float>(std::sqrt(dx * dx + dy * dy));
            const bool larger = size > best;
            best = larger ? size : best;
            best_x = larger ? x : best_x;
            best_y = larger ? y : best_y;
        }
        gx_[i] = best_x;
        gy_[i] = best_y;
        magnitude_[i] = best;
    }

    // In float32 first, with |gy| once a little smaller and once a little larger than it is; where the two disagree, an
    // edge is near, and the bin is found in double.
    template <bool Signed, bool Symmetric>
    void hard_bins(int size) {
        const bool at_once = channels_ == 1 && edges_.count <= 4;
        if (!at_once) gradients(size);
        for (int k = 4; k < edges_.count; k += 4) pass_edges<Signed, Symmetric>(k, size);
        const bool any = at_once ? choose_bins<Signed, Symmetric, true>(size)
                                 : choose_bins<Signed, Symmetric, false>(size);
        if (any) for_each_unclear(size, [&](int i) { bin_[i] = place_[i] + exact_bin(gx_[i], gy_[i]); });
    }

    static SKIMGFEAT_INLINE bool is_lower(float x, float y) { return (y < 0) | ((y == 0) & (x < 0)); }
    // Signs differ, and neither is 0.
    static SKIMGFEAT_INLINE bool is_mirrored(float x, float y) { return (std::copysign(y, x) != y) & (x != 0); }

    // Four edges, k to k + 3, of each quadrant. Symmetric: those of the second quadrant mirror those of the first.
    struct FourEdges {
        float tangent[4][4];

        // Count which of them an angle has passed for certain, and which perhaps.
        template <bool Signed, bool Symmetric>
        SKIMGFEAT_INLINE void count(float x, float y, std::int32_t& certain, std::int32_t& possible) const {
            constexpr float margin = 4e-7f;
            const bool lower = Signed && is_lower(x, y), mirrored = !Symmetric && is_mirrored(x, y);
            const float ax = std::fabs(x), low = std::fabs(y) * (1 - margin), high = std::fabs(y) * (1 + margin);
            float edge[4];
            for (int j = 0; j < 4; ++j) {
                const float t = lower ? tangent[2][j] : tangent[0][j], mirror = lower ? tangent[3][j] : tangent[1][j];
                edge[j] = ax * (mirrored ? mirror : t);
            }
            for (int j = 0; j < 4; ++j) {
                certain += low >= edge[j];
                possible += high >= edge[j];
            }
        }
    };

    FourEdges four_edges(int k) const {
        FourEdges four;
        for (int quadrant = 0; quadrant < 4; ++quadrant)
            for (int j = 0; j < 4; ++j) four.tangent[quadrant][j] = static_cast<float>(edges_.tangent[quadrant][k + j]);
        return four;
    }

    // All edges but the first four.
    template <bool Signed, bool Symmetric>
    void pass_edges(int k, int size) {
        const FourEdges edges = four_edges(k);
        const float *gx = gx_, *gy = gy_;
        std::int32_t *fewest = fewest_, *most = most_;
        const bool first = k == 4;
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            std::int32_t certain = first ? 0 : fewest[i], possible = first ? 0 : most[i];
            edges.count<Signed, Symmetric>(gx[i], gy[i], certain, possible);
            fewest[i] = certain;
            most[i] = possible;
        }
    }

    // The first four edges, and the bins: negative where unclear. Returns whether any is. AtOnce finds the gradients
    // of gray images, too.
    template <bool Signed, bool Symmetric, bool AtOnce>
    bool choose_bins(int size) {
        const FourEdges edges = four_edges(0);
        const std::int32_t base[4] = {0, edges_.base[1], edges_.base[2], edges_.base[3]};
        float *gx = gx_, *gy = gy_, *magnitude = magnitude_;
        const float *value = value_ + start(), *inside = inside_;
        const std::ptrdiff_t pitch = cols_;
        const std::int32_t *place = place_, *fewest = fewest_, *most = most_;
        std::int32_t *bin = bin_, any = 0;
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            const float x = AtOnce ? (value[i + 1] - value[i - 1]) * inside[i] : gx[i];
            const float y = AtOnce ? value[i + pitch] - value[i - pitch] : gy[i];
            if (AtOnce) {
                gx[i] = x;
                gy[i] = y;
                magnitude[i] = std::sqrt(x * x + y * y);
            }
            std::int32_t certain = AtOnce ? 0 : fewest[i], possible = AtOnce ? 0 : most[i];
            edges.count<Signed, Symmetric>(x, y, certain, possible);
            const bool lower = Signed && is_lower(x, y), mirrored = is_mirrored(x, y);
            const std::int32_t up = (lower ? base[2] : base[0]) + certain, down = (lower ? base[3] : base[1]) - certain;
            const std::int32_t unclear = certain - possible;
            bin[i] = ((mirrored ? down : up) + place[i]) | unclear;
            any |= unclear;
        }
        return any < 0;
    }

    // In a mirrored quadrant an edge itself belongs to the bin on its other side.
    int exact_bin(double x, double y) const {
        const bool lower = plan_.is_signed && (y < 0 || (y == 0 && x < 0)), mirrored = x * y < 0;
        const int quadrant = 2 * lower + mirrored;
        int passed = 0;
        for (int k = 0; k < edges_.count; ++k) {
            const double edge = std::fabs(x) * edges_.tangent[quadrant][k];
            passed += mirrored ? std::fabs(y) > edge : std::fabs(y) >= edge;
        }
        return mirrored ? edges_.base[quadrant] - passed : edges_.base[quadrant] + passed;
    }

    // Angles within rounding of 0 from below, which only floats can have: scikit-image's arithmetic gives 0, or exactly
    // 180, for which there is no bin and the vote is lost.
    void bin_near_zero(int size) {
        for (int i = 0; i < size; ++i) {
            const double x = gx_[i], y = gy_[i];
            if (x * y >= 0 || std::fabs(y) >= std::fabs(x) * 1e-15) continue;
            const double angle = std::fmod(std::atan2(y, x) * (180 / kPi), 180.0);
            if (angle < 0 && angle + 180 == 180) magnitude_[i] = 0;
            if (angle == 0) bin_[i] = place_[i];
        }
    }

    // Where in row_hist_ the first bin of each pixel's cell is. Neighboring columns vote into different copies of the
    // cells, so that no vote waits for the one before.
    void set_places() {
        for (int c = 0; c < used_cols_; ++c) {
            const int cell = c / plan_.cell_cols, within = c % plan_.cell_cols;
            const int copy = within < plan_.cell_cols / 4 * 4 ? within % 4 : 0;
            const std::ptrdiff_t place = copy * hist_pitch_ + (cell + 1) * plan_.orientations;
            for (int r = 0; r < strip_rows_; ++r) place_[r * cols_ + c] = static_cast<std::int32_t>(place);
        }
    }

    void vote(int offset) {
        const float* magnitude = magnitude_ + offset;
        const std::int32_t* bin = bin_ + offset;
        float* hist = row_hist_;
        int c = 0;
        for (; c + 4 <= used_cols_; c += 4)
            for (int i = c; i < c + 4; ++i) hist[bin[i]] += magnitude[i];
        for (; c < used_cols_; ++c) hist[bin[c]] += magnitude[c];
    }

    void close_cell_row(int cell_row) {
        float* cells = hist_ + (cell_row + 1) * hist_pitch_;
        const float *a = row_hist_, *b = a + hist_pitch_, *c = b + hist_pitch_, *d = c + hist_pitch_;
        const float area = static_cast<float>(plan_.cell_rows * plan_.cell_cols);
        SKIMGFEAT_INDEPENDENT
        for (std::ptrdiff_t i = 0; i < hist_pitch_; ++i) cells[i] = ((a[i] + b[i]) + (c[i] + d[i])) / area;
        std::memset(row_hist_, 0, 4 * hist_pitch_ * sizeof(float));
    }

    void divide_by_area(float* cells, std::ptrdiff_t size) const {
        const float area = static_cast<float>(plan_.cell_rows * plan_.cell_cols);
        SKIMGFEAT_INDEPENDENT
        for (std::ptrdiff_t i = 0; i < size; ++i) cells[i] /= area;
    }

    // The lower of the two nearest bins (bin centers at half widths) and the share of the upper one.
    template <bool Signed>
    void soft_bins(int size) {
        const double bins_per_radian = plan_.orientations / (Signed ? 2 * kPi : kPi);
        const double n = plan_.orientations;
        const float *gx = gx_, *gy = gy_;
        double *position = position_, *lower = lower_;
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            const double x = gx[i], y = gy[i], ax = std::fabs(x), ay = std::fabs(y);
            const double large = ax > ay ? ax : ay, small = ax > ay ? ay : ax;
            double angle = arctangent(small / (large > 0 ? large : 1.0));
            angle = ay > ax ? kHalfPi - angle : angle;
            angle = x < 0 ? kPi - angle : angle;
            angle = y < 0 ? (Signed ? 2 * kPi : kPi) - angle : angle;
            const double bins = angle * bins_per_radian + 0.5;  // one bin up, so that truncation is floor
            position[i] = bins <= n + 0.5 ? bins : 0.5;         // not a number where differences overflow
        }
        std::int32_t* bin = bin_;
        float* share = share_;
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            const double upper = std::floor(position[i]);
            position[i] -= upper;
            lower[i] = upper == 0 ? n - 1 : upper - 1;
        }
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            share[i] = static_cast<float>(position[i]);
            bin[i] = static_cast<std::int32_t>(lower[i]);
        }
    }

    // arctan on [0, 1], within 1e-11: its series where |x| <= tan(pi / 8).
    static SKIMGFEAT_INLINE double arctangent(double x) {
        const bool fold = x > 0.41421356237309503;
        const double t = (fold ? x - 1 : x) / (fold ? x + 1 : 1.0);
        const double z = t * t;
        double sum = 1.0 / 25;
        for (int k = 11; k >= 0; --k) sum = 1.0 / (2 * k + 1) - z * sum;
        return t * sum + (fold ? kPi / 4 : 0.0);
    }

    void vote_softly(int r, int offset) {
        const int n = plan_.orientations;
        const float *magnitude = magnitude_ + offset, *share = share_ + offset;
        const std::int32_t* bin = bin_ + offset;
        std::memset(row_hist_, 0, hist_pitch_ * sizeof(float));
        for (int c = 0; c < used_cols_; ++c) {
            float* left = row_hist_ + (col_cell_[c] + 1) * n;
            float* right = left + n;
            const int lower = bin[c], upper = lower + 1 == n ? 0 : lower + 1;
            const float to_right = magnitude[c] * col_share_[c], to_left = magnitude[c] - to_right;
            left[lower] += to_left - to_left * share[c];
            left[upper] += to_left * share[c];
            right[lower] += to_right - to_right * share[c];
            right[upper] += to_right * share[c];
        }
        const double position = (r + 0.5) / plan_.cell_rows - 0.5;
        const int cell_row = static_cast<int>(std::floor(position));
        const float below = static_cast<float>(position - cell_row), above = 1 - below;
        float* upper_cells = hist_ + (cell_row + 1) * hist_pitch_;
        float* lower_cells = upper_cells + hist_pitch_;
        SKIMGFEAT_INDEPENDENT
        for (std::ptrdiff_t i = 0; i < hist_pitch_; ++i) {
            upper_cells[i] += above * row_hist_[i];
            lower_cells[i] += below * row_hist_[i];
        }
    }

    void normalize(float* out) {
        switch (block_length_) {  // lengths known when compiled: the loops are short and many
            case 36: return normalize_blocks<36>(out);
            case 64: return normalize_blocks<64>(out);
            case 81: return normalize_blocks<81>(out);
            default: return normalize_blocks<0>(out);
        }
    }

    // One row of blocks at a time: gather, norm, clip, norm again, write; each step over all blocks of the row.
    template <int Length>
    void normalize_blocks(float* out) {
        constexpr float eps = 1e-5f;
        const int length = Length ? Length : block_length_;
        const int pitch = Length ? (Length + kLanes - 1) / kLanes * kLanes : block_pitch_;
        const bool l1 = plan_.norm == BlockNorm::l1 || plan_.norm == BlockNorm::l1_sqrt;
        float *factor = factor_, *blocks = block_;
        for (int row = 0; row + plan_.block_rows <= cell_rows_; ++row) {
            for (int col = 0; col < block_cols_; ++col) gather(row, col, blocks + col * pitch, length);
            for (int col = 0; col < block_cols_; ++col)
                factor[col] = l1 ? sum(blocks + col * pitch, pitch) : sum_of_squares(blocks + col * pitch, pitch);
            for (int col = 0; col < block_cols_; ++col)
                factor[col] = l1 ? 1 / (factor[col] + eps) : 1 / std::sqrt(factor[col] + eps * eps);
            if (plan_.norm == BlockNorm::l2_hys) {
                for (int col = 0; col < block_cols_; ++col) {
                    float* block = blocks + col * pitch;
                    SKIMGFEAT_INDEPENDENT
                    for (int i = 0; i < pitch; ++i) {
                        const float value = block[i] * factor[col];
                        block[i] = value < 0.2f ? value : 0.2f;
                    }
                    factor[col] = sum_of_squares(block, pitch);
                }
                for (int col = 0; col < block_cols_; ++col) factor[col] = 1 / std::sqrt(factor[col] + eps * eps);
            }
            for (int col = 0; col < block_cols_; ++col, out += length) {
                const float* block = blocks + col * pitch;
                float* target = out;
                SKIMGFEAT_INDEPENDENT
                for (int i = 0; i < length; ++i) target[i] = block[i] * factor[col];
                if (plan_.norm == BlockNorm::l1_sqrt)
                    SKIMGFEAT_INDEPENDENT
                    for (int i = 0; i < length; ++i) target[i] = std::sqrt(target[i]);
            }
        }
    }

    // The cells of a block, in whole lanes: each row writes over the surplus of the row before, zeros over the last.
    SKIMGFEAT_INLINE void gather(int row, int col, float* block, int length) const {
        const int width = plan_.block_cols * plan_.orientations;
        for (int i = 0; i < plan_.block_rows; ++i) {
            const float* source = hist_ + (row + i + 1) * hist_pitch_ + (col + 1) * plan_.orientations;
            float* target = block + i * width;
            for (int k = 0; k < width; k += kLanes) std::memcpy(target + k, source + k, kLanes * sizeof(float));
        }
        std::memset(block + length, 0, kLanes * sizeof(float));
    }

    const HogPlan plan_;
    int rows_, cols_, channels_;
    float scale_;
    int cell_rows_, cell_cols_, used_cols_, strip_rows_, strip_size_, block_length_, block_pitch_, block_cols_;
    std::ptrdiff_t hist_pitch_, hist_size_;
    float *value_, **plane_, *inside_, *gx_, *gy_, *magnitude_, *share_;
    float *hist_, *row_hist_, *block_, *factor_, *col_share_;
    double *position_, *lower_;
    std::int32_t *bin_, *place_, *fewest_, *most_, *list_, *group_, *col_cell_;
    BinEdges edges_;
};

}  // namespace
}  // namespace skimgfeat
