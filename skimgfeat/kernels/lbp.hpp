// Uniform local binary patterns (8 points, radius 1), as skimage.feature.local_binary_pattern. Definition: reference.py.
#pragma once
#include <cmath>

#include "arena.hpp"

namespace skimgfeat {
namespace {

// Whether a diagonal neighbor counts as greater or equal hangs, where the plane through the pixels is flat, on the
// rounding of scikit-image's interpolation at the pixel's position: its double arithmetic is replayed, step by step.
class Lbp {
  public:
    Lbp(int rows, int cols, Arena& arena) : rows_(rows), cols_(cols) {
        padded_ = round_up(cols, 8);  // columns from cols on hold nothing of use
        pitch_ = padded_ + 16;
        for (int i = 0; i < kSlots; ++i) {
            value_[i] = arena.take<double>(pitch_);
            east_[i] = arena.take<double>(pitch_);
            west_[i] = arena.take<double>(pitch_);
        }
        east_share_ = arena.take<double>(pitch_);
        west_share_ = arena.take<double>(pitch_);
        for (std::int64_t*& code : code_) code = arena.take<std::int64_t>(pitch_);
        if (arena.failed()) return;
        for (int c = 0; c < cols; ++c) {
            east_share_[c] = (c + kDiagonal) - c;
            west_share_[c] = (c - kDiagonal) - (c - 1);
        }
        for (int code = 0; code < 256; ++code) {
            int ones = 0, changes = 0;
            for (int i = 0; i < 8; ++i) ones += code >> i & 1;
            for (int i = 0; i < 7; ++i) changes += (code >> i & 1) != (code >> (i + 1) & 1);
            pattern_[code] = static_cast<std::uint8_t>(changes <= 2 ? ones : 9);
        }
    }

    template <typename T>
    void run(const T* image, float* out) {
        // What is written in one step is read in the next: reading it at once, at a shift, stalls the processor.
        std::uint32_t counts[4][16] = {};
        clear_row(kSlots - 1);
        load_row(image, 0);
        load_row(image, 1);
        interpolate_row(0);
        for (int r = 0; r < rows_; ++r) {
            load_row(image, r + 2);
            interpolate_row(r + 1);
            encode_row(r);
            if (r > 0) count_codes(r - 1, counts);
        }
        count_codes(rows_ - 1, counts);
        const double pixels = static_cast<double>(rows_) * cols_ + 1e-7;
        for (int k = 0; k < 10; ++k)
            out[k] = static_cast<float>((counts[0][k] + counts[1][k] + counts[2][k] + counts[3][k]) / pixels);
    }

  private:
    static constexpr double kDiagonal = 0.70711;  // scikit-image rounds sqrt(1/2) to five places

    static constexpr int kSlots = 4;  // rows held at a time

    double* slot(double* const* rows, int r) const { return rows[(r + kSlots) % kSlots] + 8; }

    void clear_row(int r) {
        std::memset(value_[r % kSlots], 0, pitch_ * sizeof(double));
        std::memset(east_[r % kSlots], 0, pitch_ * sizeof(double));
        std::memset(west_[r % kSlots], 0, pitch_ * sizeof(double));
    }

    // Values of row r between zeros; below the image, zeros.
    template <typename T>
    void load_row(const T* image, int r) {
        if (r >= rows_) return clear_row(r);
        const T* source = image + static_cast<std::ptrdiff_t>(r) * cols_;
        double* value = slot(value_, r);
        SKIMGFEAT_INDEPENDENT
        for (int c = 0; c < cols_; ++c) value[c] = static_cast<double>(source[c]);
    }

    // Row r between its pixels, towards either side.
    void interpolate_row(int r) {
        const double* value = slot(value_, r);
        double *east = slot(east_, r), *west = slot(west_, r);
        SKIMGFEAT_INDEPENDENT
        for (int c = 0; c < padded_; ++c) {
            east[c] = (1 - east_share_[c]) * value[c] + east_share_[c] * value[c + 1];
            west[c] = (1 - west_share_[c]) * value[c - 1] + west_share_[c] * value[c];
        }
    }

    // Four counters in turn, so that no count waits for the one before.
    void count_codes(int r, std::uint32_t (&counts)[4][16]) const {
        const std::int64_t* code = code_[r & 1];
        int c = 0;
        for (; c + 4 <= cols_; c += 4)
            for (int i = 0; i < 4; ++i) ++counts[i][pattern_[code[c + i]]];
        for (; c < cols_; ++c) ++counts[0][pattern_[code[c]]];
    }

    void encode_row(int r) {
        const double up = (r - kDiagonal) - (r - 1), down = (r + kDiagonal) - r;
        const double *x = slot(value_, r), *n = slot(value_, r - 1), *s = slot(value_, r + 1);
        const double *e_up = slot(east_, r - 1), *e_mid = slot(east_, r), *e_down = slot(east_, r + 1);
        const double *w_up = slot(west_, r - 1), *w_mid = slot(west_, r), *w_down = slot(west_, r + 1);
        std::int64_t* code = code_[r & 1];
        SKIMGFEAT_INDEPENDENT
        for (int c = 0; c < padded_; ++c) {
            const double here_value = x[c];
            const double ne = (1 - up) * e_up[c] + up * e_mid[c], nw = (1 - up) * w_up[c] + up * w_mid[c];
            const double se = (1 - down) * e_mid[c] + down * e_down[c], sw = (1 - down) * w_mid[c] + down * w_down[c];
            std::int64_t bits = x[c + 1] >= here_value ? 1 : 0;
            bits |= ne >= here_value ? 2 : 0;
            bits |= n[c] >= here_value ? 4 : 0;
            bits |= nw >= here_value ? 8 : 0;
            bits |= x[c - 1] >= here_value ? 16 : 0;
            bits |= sw >= here_value ? 32 : 0;
            bits |= s[c] >= here_value ? 64 : 0;
            bits |= se >= here_value ? 128 : 0;
            code[c] = bits;
        }
    }

    int rows_, cols_, padded_, pitch_;
    double *value_[kSlots], *east_[kSlots], *west_[kSlots], *east_share_, *west_share_;
    std::int64_t* code_[2];
    std::uint8_t pattern_[256];
};

}  // namespace
}  // namespace skimgfeat
