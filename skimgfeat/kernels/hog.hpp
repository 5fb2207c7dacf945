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

// An image is worked on in strips of rows, laid out one after another with two columns between them, channels last, so
// that every step is one loop over a strip, however narrow the image. Images are continued by reflection, which makes
// the differences across their borders 0.
class Hog {
  public:
    Hog(const HogPlan& plan, int rows, int cols, int channels, double scale, Arena& arena)
        : plan_(plan), rows_(rows), cols_(cols), channels_(channels),
          scale_(static_cast<float>(scale)) {
        cell_rows_ = rows / plan.cell_rows;
        cell_cols_ = cols / plan.cell_cols;
        pitch_ = cols + 2;
        strip_rows_ = kStripPixels / pitch_ + 1 < rows ? kStripPixels / pitch_ + 1 : rows;
        strip_size_ = round_up(strip_rows_ * pitch_, kLanes);
        hist_pitch_ = static_cast<std::ptrdiff_t>(cell_cols_ + 2) * plan.orientations;
        hist_size_ = (cell_rows_ + 2) * hist_pitch_;
        block_length_ = plan.block_rows * plan.block_cols * plan.orientations;
        block_pitch_ = round_up(block_length_, kLanes);
        block_cols_ = cell_cols_ - plan.block_cols + 1;
        value_ = arena.take<float>(static_cast<std::size_t>(strip_size_ + 2 * pitch_ + 4 * kLanes) * channels);
        if (channels > 1)
            for (float** buffer : {&dx_, &dy_})
                *buffer = arena.take<float>(static_cast<std::size_t>(strip_size_) * channels);
        for (float** buffer : {&gx_, &gy_, &magnitude_, &share_, &fewest_, &most_})
            *buffer = arena.take<float>(strip_size_);
        for (double** buffer : {&position_, &lower_}) *buffer = arena.take<double>(strip_size_);
        bin_ = arena.take<std::int32_t>(strip_size_);
        unclear_ = arena.take<std::int32_t>(strip_size_);
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
    }

    template <typename T>
    void run(const T* image, float* out) {
        if (plan_.interpolate) std::memset(hist_, 0, hist_size_ * sizeof(float));
        const int used_rows = cell_rows_ * plan_.cell_rows;
        for (int first = 0; first < used_rows; first += strip_rows_) {
            const int last = first + strip_rows_ < used_rows ? first + strip_rows_ : used_rows;
            load_strip(image, first, last);
            const int size = (last - first) * pitch_;
            if (channels_ == 1) gradients(size);
            else if (channels_ == 3) gradients_of_channels<3>(size);
            else gradients_of_channels<0>(size);
            if (plan_.interpolate) {
                plan_.is_signed ? soft_bins<true>(size) : soft_bins<false>(size);
                for (int r = first; r < last; ++r) vote_softly(r, (r - first) * pitch_);
                continue;
            }
            plan_.is_signed ? hard_bins<true, false>(size) : edges_.symmetric ? hard_bins<false, true>(size)
                                                                              : hard_bins<false, false>(size);
            if (!std::numeric_limits<T>::is_integer && !plan_.is_signed) bin_near_zero(size);
            for (int r = first; r < last; ++r) {
                vote((r - first) * pitch_);
                if ((r + 1) % plan_.cell_rows == 0) close_cell_row(r / plan_.cell_rows);
            }
        }
        if (plan_.interpolate) divide_by_area(hist_, hist_size_);
        normalize(out);
    }

  private:
    static constexpr int kStripPixels = 1024;

    // The first pixel of a strip; the row above it starts `pitch_` pixels before.
    float* strip() { return value_ + (kLanes + pitch_) * channels_; }

    template <typename T>
    void load_strip(const T* image, int first, int last) {
        const std::ptrdiff_t row_length = static_cast<std::ptrdiff_t>(cols_) * channels_;
        const int whole = round_up(cols_ * channels_, kLanes);
        for (int r = first - 1; r <= last; ++r) {
            const int source = rows_ == 1 ? 0 : r < 0 ? 1 : r == rows_ ? rows_ - 2 : r;
            // Whole lanes, where the image goes on that far: the surplus is written over by the next row.
            const bool enough = whole <= (rows_ - source) * row_length;
            float* row = strip() + static_cast<std::ptrdiff_t>(r - first) * pitch_ * channels_;
            load_values(image + source * row_length, enough ? whole : cols_ * channels_, row);
            const int second = cols_ > 1 ? channels_ : 0, last_but_one = cols_ > 1 ? cols_ - 2 : 0;
            for (int channel = 0; channel < channels_; ++channel) {
                row[channel - channels_] = row[channel + second];
                row[channel + cols_ * channels_] = row[channel + last_but_one * channels_];
            }
        }
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
        float *gx = gx_, *gy = gy_, *magnitude = magnitude_;
        const float* value = strip();
        const std::ptrdiff_t pitch = pitch_;
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            const float dx = value[i + 1] - value[i - 1], dy = value[i + pitch] - value[i - pitch];
            gx[i] = dx;
            gy[i] = dy;
            magnitude[i] = std::sqrt(dx * dx + dy * dy);
        }
    }

    // The same of several channels: each pixel takes the one of largest magnitude, the first among equals. The squares
    // tell which, but where two nearly agree scikit-image's magnitudes, rounded to float32, decide.
    template <int Channels>
    void gradients_of_channels(int size) {
        constexpr float nearly = 1 - 1e-6f;
        const int n = Channels ? Channels : channels_;
        float *dx = dx_, *dy = dy_;
        const float* value = strip();
        const std::ptrdiff_t pitch = pitch_ * n;
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size * n; ++i) {
            dx[i] = value[i + n] - value[i - n];
            dy[i] = value[i + pitch] - value[i - pitch];
        }
        float *gx = gx_, *gy = gy_, *magnitude = magnitude_;
        std::int32_t* unclear = unclear_;
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            float x = dx[i * n], y = dy[i * n], best = x * x + y * y;
            for (int k = 1; k < n; ++k) {
                const float other_x = dx[i * n + k], other_y = dy[i * n + k];
                const float square = other_x * other_x + other_y * other_y;
                const bool larger = square > best;
                x = larger ? other_x : x;
                y = larger ? other_y : y;
                best = larger ? square : best;
            }
            int rivals = 0;
            for (int k = 0; k < n; ++k) {
                const float other_x = dx[i * n + k], other_y = dy[i * n + k];
                const float square = other_x * other_x + other_y * other_y;
                rivals += (square > best * nearly) & ((other_x != x) | (other_y != y));
            }
            gx[i] = x;
            gy[i] = y;
            magnitude[i] = std::sqrt(best);
            unclear[i] = rivals;
        }
        for_each_unclear(size, [&](int i) { choose_channel(i, n); });
    }

    void choose_channel(int i, int channels) {
        float best = -1;
        for (int k = i * channels; k < (i + 1) * channels; ++k) {
            const double dx = dx_[k], dy = dy_[k];
            const float size = static_cast<float>(std::sqrt(dx * dx + dy * dy));
            if (size <= best) continue;
            best = size;
            gx_[i] = dx_[k];
            gy_[i] = dy_[k];
        }
        magnitude_[i] = best;
    }

    // In float32 first, with |gy| once a little smaller and once a little larger than it is; where the two disagree, an
    // edge is near, and the bin is found in double.
    template <bool Signed, bool Symmetric>
    void hard_bins(int size) {
        pass_edges<Signed, Symmetric, true>(0, size);
        for (int k = 4; k < edges_.count; k += 4) pass_edges<Signed, Symmetric, false>(k, size);
        float base[4];
        for (int quadrant = 0; quadrant < 4; ++quadrant) base[quadrant] = static_cast<float>(edges_.base[quadrant]);
        const float *gx = gx_, *gy = gy_, *fewest = fewest_, *most = most_;
        std::int32_t *bin = bin_, *unclear = unclear_;
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            const float x = gx[i], y = gy[i];
            const bool lower = Signed && is_lower(x, y), mirrored = is_mirrored(x, y);
            const float up = (lower ? base[2] : base[0]) + fewest[i], down = (lower ? base[3] : base[1]) - fewest[i];
            bin[i] = static_cast<std::int32_t>(mirrored ? down : up);
            unclear[i] = fewest[i] != most[i];
        }
        for_each_unclear(size, [&](int i) { bin[i] = exact_bin(gx[i], gy[i]); });
    }

    template <typename F>
    void for_each_unclear(int size, F f) const {
        for (int start = 0; start < size; start += kLanes) {
            std::int32_t any = 0;
            for (int i = start; i < start + kLanes; ++i) any |= unclear_[i];
            for (int i = start; any && i < start + kLanes && i < size; ++i)
                if (unclear_[i]) f(i);
        }
    }

    static SKIMGFEAT_INLINE bool is_lower(float x, float y) { return (y < 0) | ((y == 0) & (x < 0)); }
    static SKIMGFEAT_INLINE bool is_mirrored(float x, float y) {
        return ((x < 0) & (y > 0)) | ((x > 0) & (y < 0));
    }

    // Count which of four edges, k to k + 3, each angle has passed for certain, and which perhaps. Symmetric: the edges
    // of the second quadrant mirror those of the first.
    template <bool Signed, bool Symmetric, bool First>
    void pass_edges(int k, int size) {
        constexpr float margin = 4e-7f;
        float t[4][4];
        for (int quadrant = 0; quadrant < 4; ++quadrant)
            for (int j = 0; j < 4; ++j) t[quadrant][j] = static_cast<float>(edges_.tangent[quadrant][k + j]);
        const float *gx = gx_, *gy = gy_;
        float *fewest = fewest_, *most = most_;
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            const float x = gx[i], y = gy[i];
            const bool lower = Signed && is_lower(x, y), mirrored = !Symmetric && is_mirrored(x, y);
            const float ax = std::fabs(x), low = std::fabs(y) * (1 - margin), high = std::fabs(y) * (1 + margin);
            float certain = 0, possible = 0;
            for (int j = 0; j < 4; ++j) {
                float tangent = lower ? t[2][j] : t[0][j];
                const float mirror = lower ? t[3][j] : t[1][j];
                tangent = mirrored ? mirror : tangent;
                const float edge = ax * tangent;
                certain += low >= edge ? 1.0f : 0.0f;
                possible += high >= edge ? 1.0f : 0.0f;
            }
            fewest[i] = (First ? 0 : fewest[i]) + certain;
            most[i] = (First ? 0 : most[i]) + possible;
        }
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
            if (angle == 0) bin_[i] = 0;
        }
    }

    // Neighboring columns vote into different copies of the cells, so that no vote waits for the one before.
    void vote(int offset) {
        const float* magnitude = magnitude_ + offset;
        const std::int32_t* bin = bin_ + offset;
        const int width = plan_.cell_cols;
        float* a = row_hist_ + plan_.orientations;
        for (int cell = 0; cell < cell_cols_; ++cell, a += plan_.orientations, magnitude += width, bin += width) {
            float *b = a + hist_pitch_, *c = b + hist_pitch_, *d = c + hist_pitch_;
            int i = 0;
            for (; i + 4 <= width; i += 4) {
                a[bin[i]] += magnitude[i];
                b[bin[i + 1]] += magnitude[i + 1];
                c[bin[i + 2]] += magnitude[i + 2];
                d[bin[i + 3]] += magnitude[i + 3];
            }
            for (; i < width; ++i) a[bin[i]] += magnitude[i];
        }
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
        for (int c = 0; c < cell_cols_ * plan_.cell_cols; ++c) {
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
    int cell_rows_, cell_cols_, pitch_, strip_rows_, strip_size_, block_length_, block_pitch_, block_cols_;
    std::ptrdiff_t hist_pitch_, hist_size_;
    float *value_, *dx_, *dy_, *gx_, *gy_, *magnitude_, *share_, *fewest_, *most_;
    float *hist_, *row_hist_, *block_, *factor_, *col_share_;
    double *position_, *lower_;
    std::int32_t *bin_, *unclear_, *col_cell_;
    BinEdges edges_;
};

}  // namespace
}  // namespace skimgfeat
