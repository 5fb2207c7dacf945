// Histograms of oriented gradients, as skimage.feature.hog computes them on float32 images. Definition: reference.py.
#pragma once
#include <cmath>
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
// where the fold mirrors the angle, edges count downwards from `base`. Doubles, because with transform_sqrt real ratios
// lie on edges: sqrt(3 v) / sqrt(v) = tan 60 degrees.
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
    edges.base[3] = n - 1;
    for (int u : used) edges.count = u > edges.count ? u : edges.count;
    edges.symmetric = used[0] == used[1];
    for (int i = 0; i < used[0] && edges.symmetric; ++i)
        edges.symmetric = edges.tangent[0][i] == edges.tangent[1][used[1] - 1 - i];
    return edges;
}

class Hog {
  public:
    Hog(const HogPlan& plan, int rows, int cols, int channels, double scale, Arena& arena)
        : plan_(plan), rows_(rows), cols_(cols), channels_(channels), scale_(static_cast<float>(scale)) {
        cell_rows_ = rows / plan.cell_rows;
        cell_cols_ = cols / plan.cell_cols;
        used_cols_ = cell_cols_ * plan.cell_cols;
        padded_ = round_up(cols, kLanes);
        pitch_ = padded_ + 2 * kLanes;
        hist_pitch_ = static_cast<std::ptrdiff_t>(cell_cols_ + 2) * plan.orientations;
        hist_size_ = (cell_rows_ + 2) * hist_pitch_;
        block_length_ = plan.block_rows * plan.block_cols * plan.orientations;
        block_pitch_ = round_up(block_length_, kLanes);
        block_cols_ = cell_cols_ - plan.block_cols + 1;
        ring_ = arena.take<float>(static_cast<std::size_t>(4) * channels * pitch_);
        gx_ = arena.take<float>(padded_);
        gy_ = arena.take<float>(padded_);
        magnitude_ = arena.take<float>(padded_);
        strongest_ = arena.take<float>(padded_);
        bin_ = arena.take<std::int32_t>(padded_);
        for (double** buffer : {&ax_, &ay_, &bin_exact_, &direction_, &half_}) *buffer = arena.take<double>(padded_);
        share_ = arena.take<float>(padded_);
        hist_ = arena.take<float>(hist_size_ + kLanes);
        row_hist_ = arena.take<float>(4 * hist_pitch_);
        block_ = arena.take<float>(static_cast<std::size_t>(block_cols_) * block_pitch_ + 2 * kLanes);
        factor_ = arena.take<float>(round_up(block_cols_, kLanes));
        col_cell_ = arena.take<std::int32_t>(padded_);
        col_share_ = arena.take<float>(padded_);
        edges_ = make_bin_edges(plan, arena);
        if (arena.failed()) return;
        for (int v = 0; v < 256; ++v) byte_value_[v] = pixel(static_cast<float>(v));
        for (int c = 0; c < cols; ++c) {
            const double position = (c + 0.5) / plan.cell_cols - 0.5;
            col_cell_[c] = static_cast<int>(std::floor(position));
            col_share_[c] = static_cast<float>(position - std::floor(position));
        }
    }

    template <typename T>
    void run(const T* image, float* out) {
        std::memset(hist_, 0, hist_size_ * sizeof(float));
        const int used_rows = cell_rows_ * plan_.cell_rows;
        for (int r = 0; r < 2 && r < rows_; ++r) load_row(image, r);
        for (int r = 0; r < used_rows; ++r) {
            if (r + 2 < rows_) load_row(image, r + 2);
            const bool flat = !gradients(r);
            if (plan_.interpolate) {
                if (flat) continue;
                plan_.is_signed ? soft_bins<true>() : soft_bins<false>();
                vote_softly(r);
            } else {
                if (!flat) {
                    plan_.is_signed ? hard_bins<true, false>() : edges_.symmetric ? hard_bins<false, true>()
                                                                                 : hard_bins<false, false>();
                    if (std::numeric_limits<T>::is_integer == false && !plan_.is_signed) bin_near_zero();
                    vote();
                }
                if ((r + 1) % plan_.cell_rows == 0) close_cell_row(r / plan_.cell_rows);
            }
        }
        const float area = static_cast<float>(plan_.cell_rows * plan_.cell_cols);
        float* hist = hist_;
        SKIMGFEAT_INDEPENDENT
        for (std::ptrdiff_t i = 0; i < hist_size_; ++i) hist[i] /= area;
        normalize(out);
    }

  private:
    float pixel(float value) const {
        const float scaled = value / scale_;
        return plan_.transform_sqrt ? std::sqrt(scaled) : scaled;
    }

    // Row r of a channel in float32, continued by reflection, so that the difference across a border column is 0. Four
    // rows are held, one more than needed: a row is written well before it is read, because reading wide what was just
    // written narrow stalls the processor.
    float* ring_row(int r, int channel) { return ring_ + ((r & 3) * channels_ + channel) * pitch_ + kLanes; }

    template <typename T>
    void load_row(const T* image, int r) {
        const T* source = image + static_cast<std::ptrdiff_t>(r) * cols_ * channels_;
        for (int channel = 0; channel < channels_; ++channel, ++source) {
            float* row = ring_row(r, channel);
            if constexpr (sizeof(T) == 1)
                for (int c = 0; c < cols_; ++c) row[c] = byte_value_[source[c * channels_]];
            else if (plan_.transform_sqrt)
                for (int c = 0; c < cols_; ++c) row[c] = std::sqrt(static_cast<float>(source[c * channels_]) / scale_);
            else
                for (int c = 0; c < cols_; ++c) row[c] = static_cast<float>(source[c * channels_]) / scale_;
            if (cols_ > 1) {
                row[-1] = row[1];
                row[cols_] = row[cols_ - 2];
            }
        }
    }

    // Central differences of row r, zero on the borders of the image, and their magnitudes; of several channels, at
    // each pixel those of the channel of largest (float32) magnitude, the first among equals. Returns whether there is
    // any gradient. Columns from cols_ on hold nothing of use.
    bool gradients(int r) {
        const bool border = r == 0 || r == rows_ - 1;
        float *gx = gx_, *gy = gy_;
        float *magnitude = magnitude_, *strongest = strongest_;
        for (int channel = 0; channel < channels_; ++channel) {
            const float* here = ring_row(r, channel);
            const float* above = border ? here : ring_row(r - 1, channel);
            const float* below = border ? here : ring_row(r + 1, channel);
            if (channel == 0) {
                SKIMGFEAT_INDEPENDENT
                for (int c = 0; c < padded_; ++c) {
                    const float dx = here[c + 1] - here[c - 1], dy = below[c] - above[c];
                    gx[c] = dx;
                    gy[c] = dy;
                    magnitude[c] = std::sqrt(dx * dx + dy * dy);
                }
                if (channels_ == 1) return sum(magnitude, padded_) > 0;
                SKIMGFEAT_INDEPENDENT
                for (int c = 0; c < padded_; ++c) strongest[c] = rounded_hypot(gx[c], gy[c]);
                continue;
            }
            SKIMGFEAT_INDEPENDENT
            for (int c = 0; c < padded_; ++c) {
                const float dx = here[c + 1] - here[c - 1], dy = below[c] - above[c];
                const float size = rounded_hypot(dx, dy);
                const bool stronger = size > strongest[c];
                gx[c] = stronger ? dx : gx[c];
                gy[c] = stronger ? dy : gy[c];
                strongest[c] = stronger ? size : strongest[c];
            }
        }
        SKIMGFEAT_INDEPENDENT
        for (int c = 0; c < padded_; ++c) magnitude[c] = std::sqrt(gx[c] * gx[c] + gy[c] * gy[c]);
        return sum(magnitude, padded_) > 0;
    }

    static float rounded_hypot(float x, float y) {
        const double dx = x, dy = y;
        return static_cast<float>(std::sqrt(dx * dx + dy * dy));
    }

    // Comparisons are made four edges at a time. In a mirrored quadrant an edge itself belongs to the bin on its other
    // side: there |gy| is taken one step smaller. Symmetric: the second quadrant's edges mirror the first's.
    template <bool Signed, bool Symmetric>
    void hard_bins() {
        constexpr double one_step_smaller = 1 - 1.0 / (1ULL << 53);
        const float *gx = gx_, *gy = gy_;
        double *ax = ax_, *ay = ay_, *bin = bin_exact_;
        double *direction = direction_, *half = half_;
        const double first = edges_.base[0], second = Signed ? edges_.base[1] : plan_.orientations - 1;
        const double third = edges_.base[2], fourth = edges_.base[3];
        const int n = padded_;
        SKIMGFEAT_INDEPENDENT
        for (int c = 0; c < n; ++c) {
            const double x = gx[c], y = gy[c];
            const double lower = y < 0 ? 1.0 : y == 0 && x < 0 ? 1.0 : 0.0;
            const double base = Signed && lower > 0 ? third : first, top = Signed && lower > 0 ? fourth : second;
            const double mirrored = x * y;
            ax[c] = std::fabs(x);
            ay[c] = std::fabs(y) * (mirrored < 0 ? one_step_smaller : 1.0);
            direction[c] = mirrored < 0 ? -1.0 : 1.0;
            bin[c] = mirrored < 0 ? top : base;
            if (Signed) half[c] = lower;
        }
        for (int k = 0; k < edges_.count; k += 4) {
            double t[4][4];
            for (int quadrant = 0; quadrant < 4; ++quadrant)
                for (int i = 0; i < 4; ++i) t[quadrant][i] = edges_.tangent[quadrant][k + i];
            SKIMGFEAT_INDEPENDENT
            for (int c = 0; c < n; ++c) {
                double passed = 0;
                for (int i = 0; i < 4; ++i) {
                    double tangent = t[0][i];
                    if (Signed) tangent = half[c] > 0 ? t[2][i] : tangent;
                    if (!Symmetric) {
                        double mirror = t[1][i];
                        if (Signed) mirror = half[c] > 0 ? t[3][i] : mirror;
                        tangent = direction[c] < 0 ? mirror : tangent;
                    }
                    passed += ay[c] >= ax[c] * tangent ? 1.0 : 0.0;
                }
                bin[c] += direction[c] * passed;
            }
        }
        std::int32_t* result = bin_;
        SKIMGFEAT_INDEPENDENT
        for (int c = 0; c < n; ++c) result[c] = static_cast<std::int32_t>(bin[c]);
    }

    // Angles within rounding of 0 from below, which only floats can have: scikit-image's arithmetic gives 0, or exactly
    // 180, for which there is no bin and the vote is lost.
    void bin_near_zero() {
        for (int c = 0; c < used_cols_; ++c) {
            const double x = gx_[c], y = gy_[c];
            if (x * y >= 0 || std::fabs(y) >= std::fabs(x) * 1e-15) continue;
            const double angle = std::fmod(std::atan2(y, x) * (180 / kPi), 180.0);
            if (angle < 0 && angle + 180 == 180) magnitude_[c] = 0;
            if (angle == 0) bin_[c] = 0;
        }
    }

    // Neighboring columns vote into different copies of the cells, so that no vote waits for the one before.
    void vote() {
        const float* magnitude = magnitude_;
        const std::int32_t* bin = bin_;
        const int n = plan_.orientations, width = plan_.cell_cols;
        float *a = row_hist_, *b = a + hist_pitch_;
        float *c = b + hist_pitch_, *d = c + hist_pitch_;
        std::ptrdiff_t cell = n;
        for (int start = 0; start < used_cols_; start += width, cell += n) {
            int i = start;
            for (; i + 4 <= start + width; i += 4) {
                a[cell + bin[i]] += magnitude[i];
                b[cell + bin[i + 1]] += magnitude[i + 1];
                c[cell + bin[i + 2]] += magnitude[i + 2];
                d[cell + bin[i + 3]] += magnitude[i + 3];
            }
            for (; i < start + width; ++i) a[cell + bin[i]] += magnitude[i];
        }
    }

    void close_cell_row(int cell_row) {
        float* cells = hist_ + (cell_row + 1) * hist_pitch_;
        float* copies = row_hist_;
        SKIMGFEAT_INDEPENDENT
        for (std::ptrdiff_t i = 0; i < hist_pitch_; ++i)
            cells[i] = (copies[i] + copies[i + hist_pitch_]) +
                       (copies[i + 2 * hist_pitch_] + copies[i + 3 * hist_pitch_]);
        std::memset(row_hist_, 0, 4 * hist_pitch_ * sizeof(float));
    }

    // The lower of the two nearest bins (bin centers at half widths) and the share of the upper one.
    template <bool Signed>
    void soft_bins() {
        const double bins_per_radian = plan_.orientations / (Signed ? 2 * kPi : kPi);
        const int n = plan_.orientations;
        SKIMGFEAT_INDEPENDENT
        for (int c = 0; c < padded_; ++c) {
            const double gx = gx_[c], gy = gy_[c];
            const double ax = std::fabs(gx), ay = std::fabs(gy);
            const double large = ax > ay ? ax : ay, small = ax > ay ? ay : ax;
            double angle = arctangent(large > 0 ? small / large : 0);
            angle = ay > ax ? kHalfPi - angle : angle;
            angle = gx < 0 ? kPi - angle : angle;
            angle = gy < 0 ? (Signed ? 2 * kPi : kPi) - angle : angle;
            const double position = angle * bins_per_radian + 0.5;  // one bin up, so that truncation is floor
            const int upper = static_cast<int>(position);
            share_[c] = static_cast<float>(position - upper);
            bin_[c] = upper == 0 ? n - 1 : upper - 1;
        }
    }

    // arctan on [0, 1], within 1e-11: its series where |x| <= tan(pi / 8).
    static double arctangent(double x) {
        const bool fold = x > 0.41421356237309503;
        const double t = fold ? (x - 1) / (x + 1) : x;
        const double z = t * t;
        double sum = 1.0 / 25;
        for (int k = 11; k >= 0; --k) sum = 1.0 / (2 * k + 1) - z * sum;
        return t * sum + (fold ? kPi / 4 : 0);
    }

    void vote_softly(int r) {
        const int n = plan_.orientations;
        std::memset(row_hist_, 0, hist_pitch_ * sizeof(float));
        for (int c = 0; c < used_cols_; ++c) {
            float* left = row_hist_ + (col_cell_[c] + 1) * n;
            float* right = left + n;
            const int lower = bin_[c], upper = lower + 1 == n ? 0 : lower + 1;
            const float to_right = magnitude_[c] * col_share_[c], to_left = magnitude_[c] - to_right;
            left[lower] += to_left - to_left * share_[c];
            left[upper] += to_left * share_[c];
            right[lower] += to_right - to_right * share_[c];
            right[upper] += to_right * share_[c];
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
                }
                for (int col = 0; col < block_cols_; ++col) factor[col] = sum_of_squares(blocks + col * pitch, pitch);
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
    int cell_rows_, cell_cols_, used_cols_, padded_, pitch_, block_length_, block_pitch_, block_cols_;
    std::ptrdiff_t hist_pitch_, hist_size_;
    float *ring_, *gx_, *gy_, *magnitude_, *strongest_, *share_, *hist_, *row_hist_, *block_;
    float *factor_, *col_share_;
    double *ax_, *ay_, *bin_exact_, *direction_, *half_;
    std::int32_t *bin_, *col_cell_;
    BinEdges edges_;
    float byte_value_[256];
};

}  // namespace
}  // namespace skimgfeat
