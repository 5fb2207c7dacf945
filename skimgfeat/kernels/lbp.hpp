// Uniform local binary patterns (8 points, radius 1), as skimage.feature.local_binary_pattern. Definition: reference.py.
#pragma once
#include <cstdint>

#include "arena.hpp"

namespace skimgfeat {
namespace {

// Ten counts: fields of six bits in the words that are added, of twelve bits here, until they are full.
class PatternCounts {
  public:
    static constexpr int kBits = 6, kMost = (1 << kBits) - 1;  // a word may hold up to kMost counts

    static std::uint64_t one(int k) { return std::uint64_t(1) << kBits * k; }

    void add(std::uint64_t word) {
        even_ += word & kEven;
        odd_ += word >> kBits & kEven;
        if (++words_ > kMost) flush();
    }

    const std::uint64_t* flush() {
        for (int k = 0; k < 5; ++k) {
            counts_[2 * k] += even_ >> 2 * kBits * k & 0xfff;
            counts_[2 * k + 1] += odd_ >> 2 * kBits * k & 0xfff;
        }
        even_ = odd_ = 0;
        words_ = 0;
        return counts_;
    }

  private:
    static constexpr std::uint64_t kEven = 0x3f03f03f03f03f;
    std::uint64_t even_ = 0, odd_ = 0, counts_[10] = {};
    int words_ = 0;
};

// Whether a diagonal neighbor counts as greater or equal hangs, where the plane through the pixels is flat, on the
// rounding of scikit-image's interpolation at the pixel's position: its double arithmetic is replayed, step by step.
// Bytes need that for few pixels only: integer arithmetic decides all others exactly.
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
        strip_rows_ = kStripPixels / (cols + 2) + 1 < rows ? kStripPixels / (cols + 2) + 1 : rows;
        const std::size_t strip_size = static_cast<std::size_t>(strip_rows_ + 2) * (cols + 2) + 3 * kByteLanes;
        strip_ = arena.take<std::int16_t>(strip_size);
        byte_code_ = arena.take<std::int16_t>(strip_size);
        list_ = arena.take<std::int32_t>(cols + 1);
        if (arena.failed()) return;
        for (int c = 0; c < cols; ++c) {
            east_share_[c] = (c + kDiagonal) - c;
            west_share_[c] = (c - kDiagonal) - (c - 1);
        }
        for (int code = 0; code < 256; ++code) {
            int ones = 0, changes = 0;
            for (int i = 0; i < 8; ++i) ones += code >> i & 1;
            for (int i = 0; i < 7; ++i) changes += (code >> i & 1) != (code >> (i + 1) & 1);
            one_[code] = changes <= 2 ? PatternCounts::one(ones) : 0;
            one_[code + kUnclear] = PatternCounts::one(9);
        }
    }

    template <typename T>
    void run(const T* image, float* out) {
        PatternCounts counts;
        if constexpr (sizeof(T) == 1) count_bytes(image, counts);
        else count_values(image, counts);
        const std::uint64_t* uniform = counts.flush();
        const double pixels = static_cast<double>(rows_) * cols_;
        double others = pixels;
        for (int k = 0; k < 9; ++k) others -= uniform[k];
        for (int k = 0; k < 9; ++k) out[k] = static_cast<float>(uniform[k] / (pixels + 1e-7));
        out[9] = static_cast<float>(others / (pixels + 1e-7));
    }

  private:
    static constexpr double kDiagonal = 0.70711;  // scikit-image rounds sqrt(1/2) to five places
    static constexpr int kUnclear = 256, kByteLanes = 32, kStripPixels = 2048;

    // Bytes: strips of rows, one after another with two zeros between them, one loop over a strip.
    void count_bytes(const std::uint8_t* image, PatternCounts& counts) {
        const int pitch = cols_ + 2;
        for (int first = 0; first < rows_; first += strip_rows_) {
            const int n = first + strip_rows_ < rows_ ? strip_rows_ : rows_ - first;
            std::int16_t* strip = strip_ + kByteLanes + pitch;
            for (int r = -1; r <= n; ++r) load_bytes(image, first + r, strip + r * pitch);
            encode_bytes(strip, n * pitch);
            for (int r = 0; r < n; ++r) {
                if (count_codes(byte_code_ + r * pitch, counts))
                    count_unclear(first + r, strip + r * pitch, byte_code_ + r * pitch, counts);
            }
        }
    }

    void load_bytes(const std::uint8_t* image, int r, std::int16_t* value) const {
        if (r < 0 || r >= rows_) {
            std::memset(value, 0, (cols_ + 2) * sizeof(std::int16_t));
            return;
        }
        // Whole lanes, where the image goes on that far: the surplus is written over by zeros and the next row.
        const int whole = round_up(cols_, kByteLanes);
        const int count = whole <= static_cast<std::ptrdiff_t>(rows_ - r) * cols_ ? whole : cols_;
        const std::uint8_t* source = image + static_cast<std::ptrdiff_t>(r) * cols_;
        SKIMGFEAT_INDEPENDENT
        for (int c = 0; c < count; ++c) value[c] = source[c];
        value[-1] = value[cols_] = 0;
    }

    // With b and c the neighbors beside a diagonal neighbor d, the interpolated value is at least x where
    // 29289 (b + c - 2 x) + 70711 (d - x) >= 0, that is where the whole number b + c + 2 d - 4 x is at least
    // -0.414251... (d - x). It is unclear where both are 0 but b is not x.
    void encode_bytes(const std::int16_t* value, int size) {
        const std::ptrdiff_t pitch = cols_ + 2;
        std::int16_t* code = byte_code_;
        using Short = std::int16_t;
        const auto bits = [](Short d, Short b, Short c, Short x, Short bit) {
            const Short e = static_cast<Short>(d - x);
            const Short q = static_cast<Short>(static_cast<Short>(b + c) + static_cast<Short>(2 * d - 4 * x));
            const Short part = static_cast<Short>(e * 27148 >> 16);  // floor(0.414251... e) for bytes
            const Short set = static_cast<Short>(q + part) >= 0 ? bit : Short(0);
            const bool tie = (q == 0) & (e == 0) & (b != x);
            return static_cast<Short>(set | (tie ? Short(kUnclear) : Short(0)));
        };
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            const Short x = value[i], e = value[i + 1], w = value[i - 1], n = value[i - pitch], s = value[i + pitch];
            Short sum = e >= x ? 1 : 0;
            sum |= n >= x ? 4 : 0;
            sum |= w >= x ? 16 : 0;
            sum |= s >= x ? 64 : 0;
            sum |= bits(value[i - pitch + 1], n, e, x, 2);
            sum |= bits(value[i - pitch - 1], n, w, x, 8);
            sum |= bits(value[i + pitch - 1], s, w, x, 32);
            sum |= bits(value[i + pitch + 1], s, e, x, 128);
            code[i] = sum;
        }
    }

    // Listed without a branch, which no processor could foresee.
    void count_unclear(int r, const std::int16_t* value, const std::int16_t* code, PatternCounts& counts) const {
        std::int32_t* list = list_;
        int n = 0;
        for (int c = 0; c < cols_; ++c) {
            list[n] = c;
            n += code[c] >> 8;
        }
        for (int i = 0; i < n; ++i) {
            const int c = list[i];
            counts.add(one_[exact_code(r, c, value + c, code[c])]);
        }
    }

    // The code of an unclear pixel: its diagonal neighbors again, interpolated as scikit-image does.
    int exact_code(int r, int c, const std::int16_t* x, int code) const {
        const double up = (r - kDiagonal) - (r - 1), down = (r + kDiagonal) - r;
        const double left = west_share_[c], right = east_share_[c];
        const std::ptrdiff_t pitch = cols_ + 2;
        const auto greater = [x, pitch](const std::int16_t* corner, double row_share, double col_share) {
            const double top = (1 - col_share) * corner[0] + col_share * corner[1];
            const double bottom = (1 - col_share) * corner[pitch] + col_share * corner[pitch + 1];
            return (1 - row_share) * top + row_share * bottom >= *x;
        };
        const int axes = code & (1 | 4 | 16 | 64);
        return axes | greater(x - pitch, up, right) << 1 | greater(x - pitch - 1, up, left) << 3 |
               greater(x - 1, down, left) << 5 | greater(x, down, right) << 7;
    }

    template <typename T>
    void count_values(const T* image, PatternCounts& counts) {
        // What is written in one step is read in the next: reading it at once, at a shift, stalls the processor.
        clear_row(kSlots - 1);
        load_row(image, 0);
        load_row(image, 1);
        interpolate_row(0);
        for (int r = 0; r < rows_; ++r) {
            load_row(image, r + 2);
            interpolate_row(r + 1);
            encode_row(r);
            if (r > 0) count_codes(code_[(r - 1) & 1], counts);
        }
        count_codes(code_[(rows_ - 1) & 1], counts);
    }

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

    // Counts side by side in a word stay in a register, where counters in memory would wait for one another; by fours,
    // or compilers would gather, which is slower. Returns whether any code is unclear.
    template <typename Code>
    bool count_codes(const Code* code, PatternCounts& counts) const {
        bool unclear = false;
        for (int first = 0; first < cols_; first += PatternCounts::kMost) {
            const int end = cols_ - first < PatternCounts::kMost ? cols_ : first + PatternCounts::kMost;
            std::uint64_t word = 0;
            int c = first;
            for (; c + 4 <= end; c += 4)
                word += (one_[code[c]] + one_[code[c + 1]]) + (one_[code[c + 2]] + one_[code[c + 3]]);
            for (; c < end; ++c) word += one_[code[c]];
            counts.add(word);
            unclear |= word >= PatternCounts::one(9);
        }
        return unclear;
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
    int strip_rows_;
    std::int16_t *strip_, *byte_code_;
    std::int32_t* list_;
    std::uint64_t one_[2 * kUnclear];
};

}  // namespace
}  // namespace skimgfeat
