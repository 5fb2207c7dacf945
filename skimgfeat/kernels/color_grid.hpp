// Mean and standard deviation of colors over the cells of a grid. Definition: reference.py.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "arena.hpp"
#include "plan.hpp"

namespace skimgfeat {
namespace {

constexpr int kLevels = 65535;  // what floats are rounded to
constexpr double kTwoPi = 6.28318530717958647693;

// Linear light of every level of sRGB, made once.
inline const float* linear_light() {
    struct Table {
        float of[kLevels + 1];
        Table() {
            for (int i = 0; i <= kLevels; ++i) {
                const double level = static_cast<double>(i) / kLevels;
                of[i] = static_cast<float>(level > 0.04045 ? std::pow((level + 0.055) / 1.055, 2.4) : level / 12.92);
            }
        }
    };
    static const Table table;
    return table.of;
}

// The cube root above scikit-image's bound, its straight line below. Two steps of Halley's method, from an estimate
// that divides the exponent by three: right within a unit in the last place, and without a branch.
inline float lab_curve(float t) {
    const float x = t > 0.008856f ? t : 0.008856f;
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    bits = bits / 3 + 709958130;
    float root;
    std::memcpy(&root, &bits, sizeof root);
    float cube = root * root * root;
    root = root * (x + x + cube) / (x + cube + cube);
    cube = root * root * root;
    root = root + root * ((x - cube) / (x + cube + cube));
    return t > 0.008856f ? root : 7.787f * t + 16.0f / 116.0f;
}

// An image is worked on in strips of whole rows: their colors, a plane for each number of a color, then sums of each
// column and, where a row of cells ends, of each cell. Sums are of differences from the first pixel of a cell, so that
// one pass keeps its digits and the deviation of a single color is 0. A hue counts as its cosine and its sine.
class ColorGrid {
  public:
    ColorGrid(const ColorGridPlan& plan, int rows, int cols, int channels, double scale, Arena& arena)
        : plan_(plan), rows_(rows), cols_(cols), channels_(channels), scale_(static_cast<int>(scale)),
          n_planes_(plan.space == ColorSpace::hsv ? 4 : 3) {
        strip_rows_ = kStripPixels / cols + 1;
        const std::size_t size = static_cast<std::size_t>(strip_rows_) * cols;
        for (float*& plane : plane_) plane = arena.take<float>(size);
        for (int p = 0; p < n_planes_; ++p) {
            pivot_[p] = arena.take<float>(cols);
            sum_[p] = arena.take<double>(cols);
            square_[p] = arena.take<double>(cols);
        }
        if (plan.space != ColorSpace::lab) return;
        linear_ = linear_light();
        few_ = arena.take<float>(256);
        for (int value = 0; few_ && value < 256; ++value)
            few_[value] = linear_[value < scale_ ? value * (kLevels / scale_) : kLevels];
    }

    template <typename T>
    void run(const T* image, float* out) {
        int band = 0;
        for (int first = 0; first < rows_;) {
            const int end = row_bound(band + 1);
            const int last = first + strip_rows_ < end ? first + strip_rows_ : end;
            load(image + static_cast<std::ptrdiff_t>(first) * cols_ * channels_, (last - first) * cols_);
            if (first == row_bound(band)) open_band();
            for (int r = 0; r < last - first; ++r) add_row(static_cast<std::ptrdiff_t>(r) * cols_);
            if (last == end) close_band(end - row_bound(band), out), ++band;
            first = last;
        }
    }

  private:
    static constexpr int kStripPixels = 1024, kMostPlanes = 4;

    int row_bound(int i) const { return static_cast<int>(static_cast<std::int64_t>(i) * rows_ / plan_.rows); }
    int col_bound(int i) const { return static_cast<int>(static_cast<std::int64_t>(i) * cols_ / plan_.cols); }

    template <typename T>
    static std::int32_t level(T value) {
        if constexpr (std::is_floating_point_v<T>) {
            const T clipped = value < 0 ? T(0) : value > 1 ? T(1) : value;
            return static_cast<std::int32_t>(clipped * T(kLevels) + T(0.5));
        } else {
            return value;
        }
    }

    template <typename T>
    void load(const T* image, int size) {
        const int n = channels_, green = n > 1 ? 1 : 0, blue = n > 1 ? 2 : 0;
        float *a = plane_[0], *b = plane_[1], *c = plane_[2];
        if (plan_.space == ColorSpace::lab) {
            const float* linear = sizeof(T) == 1 ? few_ : linear_;
            SKIMGFEAT_INDEPENDENT
            for (int i = 0; i < size; ++i) {
                a[i] = linear[level(image[n * i])];
                b[i] = linear[level(image[n * i + green])];
                c[i] = linear[level(image[n * i + blue])];
            }
            return to_lab(size);
        }
        const float scale = static_cast<float>(std::is_floating_point_v<T> ? kLevels : scale_);
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            a[i] = static_cast<float>(level(image[n * i])) / scale;
            b[i] = static_cast<float>(level(image[n * i + green])) / scale;
            c[i] = static_cast<float>(level(image[n * i + blue])) / scale;
        }
        if (plan_.space == ColorSpace::hsv) to_hsv(size);
    }

    // sRGB to CIE XYZ over the white of D65, and on to CIE Lab, with scikit-image's numbers.
    void to_lab(int size) {
        constexpr float xr = 0.412453 / 0.95047, xg = 0.357580 / 0.95047, xb = 0.180423 / 0.95047;
        constexpr float yr = 0.212671, yg = 0.715160, yb = 0.072169;
        constexpr float zr = 0.019334 / 1.08883, zg = 0.119193 / 1.08883, zb = 0.950227 / 1.08883;
        float *a = plane_[0], *b = plane_[1], *c = plane_[2];
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            const float red = a[i], green = b[i], blue = c[i];
            const float x = lab_curve(xr * red + xg * green + xb * blue);
            const float y = lab_curve(yr * red + yg * green + yb * blue);
            const float z = lab_curve(zr * red + zg * green + zb * blue);
            a[i] = 116.0f * y - 16.0f;
            b[i] = 500.0f * (x - y);
            c[i] = 200.0f * (y - z);
        }
    }

    // Where two channels are largest, the last one decides, as in scikit-image; of gray, the hue is 0.
    void to_hsv(int size) {
        float *a = plane_[0], *b = plane_[1], *c = plane_[2], *d = plane_[3];
        SKIMGFEAT_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            const float red = a[i], green = b[i], blue = c[i];
            const float larger = red > green ? red : green, smaller = red < green ? red : green;
            const float value = larger > blue ? larger : blue, chroma = value - (smaller < blue ? smaller : blue);
            const float part = blue == value ? red - green : green == value ? blue - red : green - blue;
            const float start = blue == value ? 4.0f : green == value ? 2.0f : 0.0f;
            a[i] = chroma > 0 ? start + part / chroma : 0.0f;  // in sixths of the circle
            c[i] = chroma > 0 ? chroma / value : 0.0f;
            d[i] = value;
        }
        for (int i = 0; i < size; ++i) {
            const double angle = a[i] * (kTwoPi / 6);
            a[i] = static_cast<float>(std::cos(angle));
            b[i] = static_cast<float>(std::sin(angle));
        }
    }

    void open_band() {
        for (int p = 0; p < n_planes_; ++p) {
            for (int cell = 0; cell < plan_.cols; ++cell)
                for (int c = col_bound(cell); c < col_bound(cell + 1); ++c)
                    pivot_[p][c] = plane_[p][col_bound(cell)];
            std::memset(sum_[p], 0, cols_ * sizeof(double));
            std::memset(square_[p], 0, cols_ * sizeof(double));
        }
    }

    void add_row(std::ptrdiff_t start) {
        for (int p = 0; p < n_planes_; ++p) {
            const float *value = plane_[p] + start, *pivot = pivot_[p];
            double *sum = sum_[p], *square = square_[p];
            SKIMGFEAT_INDEPENDENT
            for (int c = 0; c < cols_; ++c) {
                const double difference = static_cast<double>(value[c]) - pivot[c];
                sum[c] += difference;
                square[c] += difference * difference;
            }
        }
    }

    // The cells of a row of cells: for each number of a color its mean, then its deviation.
    void close_band(int band_rows, float*& out) const {
        for (int cell = 0; cell < plan_.cols; ++cell) {
            const int from = col_bound(cell), to = col_bound(cell + 1);
            const double n = static_cast<double>(band_rows) * (to - from);
            double mean[kMostPlanes], variance[kMostPlanes];
            for (int p = 0; p < n_planes_; ++p) {
                double sum = 0, square = 0;
                for (int c = from; c < to; ++c) {
                    sum += sum_[p][c];
                    square += square_[p][c];
                }
                sum /= n;
                mean[p] = pivot_[p][from] + sum;
                variance[p] = square / n - sum * sum;
                if (variance[p] < 0) variance[p] = 0;
            }
            int p = 0;
            if (plan_.space == ColorSpace::hsv) {
                *out++ = mean_hue(mean[0], mean[1]);
                *out++ = static_cast<float>(std::sqrt(variance[0] + variance[1]) / kTwoPi);
                p = 2;
            }
            for (; p < n_planes_; ++p) {
                *out++ = static_cast<float>(mean[p]);
                *out++ = static_cast<float>(std::sqrt(variance[p]));
            }
        }
    }

    // In turns; 0 where the hues cancel.
    static float mean_hue(double cosine, double sine) {
        if (std::hypot(cosine, sine) < 1e-6) return 0;
        const double turns = std::atan2(sine, cosine) / kTwoPi;
        const float hue = static_cast<float>(turns < 0 ? turns + 1 : turns);
        return hue < 1 ? hue : 0;
    }

    ColorGridPlan plan_;
    int rows_, cols_, channels_, scale_, n_planes_, strip_rows_;
    const float* linear_ = nullptr;  // of every level
    float* few_ = nullptr;           // of those of uint8, together in the cache
    float *plane_[kMostPlanes], *pivot_[kMostPlanes];
    double *sum_[kMostPlanes], *square_[kMostPlanes];
};

}  // namespace
}  // namespace skimgfeat
