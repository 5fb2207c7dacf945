// Otsu's threshold as skimage.filters.threshold_otsu finds it: every integer a bin, or 256 bins over the range of floats,
// counts and weights in float32. Definition: reference.py.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>

#include "arena.hpp"

namespace skimgfeat {
namespace {

class Otsu {
  public:
    Otsu(bool is_float, int largest_value, Arena& arena)
        : bins_(is_float ? 256 : largest_value + 1), count_(arena.take<std::uint32_t>(bins_)),
          edge_(arena.take<double>(bins_ + 1)), weight_above_(arena.take<float>(bins_)),
          mean_above_(arena.take<double>(bins_)) {}

    // The threshold in `limit`, or false where the image is constant.
    template <typename T>
    bool find(const T* image, std::ptrdiff_t size, double& limit) {
        T low = image[0], high = image[0];
        for (std::ptrdiff_t i = 1; i < size; ++i) {
            low = image[i] < low ? image[i] : low;
            high = image[i] > high ? image[i] : high;
        }
        if (is_constant(low, high)) return false;
        std::memset(count_, 0, bins_ * sizeof(std::uint32_t));
        count(image, size, low, high);
        limit = separate();
        return true;
    }

  private:
    // Floats too near each other for 256 bins count as constant, and so do floats too far apart.
    template <typename T>
    static bool is_constant(T low, T high) {
        if (std::numeric_limits<T>::is_integer) return low == high;
        const double a = std::fabs(static_cast<double>(low)), b = std::fabs(static_cast<double>(high));
        const double least = 1e-12 * (a > b ? a : b), range = static_cast<double>(high) - static_cast<double>(low);
        return !(range > (least > 1e-300 ? least : 1e-300) && range < HUGE_VAL);
    }

    // Integers: bins low ... high, centered on them.
    template <typename T>
    void count(const T* image, std::ptrdiff_t size, T low, T high) {
        used_ = high - low + 1;
        for (std::ptrdiff_t i = 0; i < size; ++i) ++count_[image[i] - low];
        centered_ = true;
        first_ = low;
    }

    void count(const float* image, std::ptrdiff_t size, float low, float high) { histogram(image, size, low, high); }
    void count(const double* image, std::ptrdiff_t size, double low, double high) { histogram(image, size, low, high); }

    // Floats: np.histogram's equal bins, with its correction of indices by comparison with the edges.
    template <typename T>
    void histogram(const T* image, std::ptrdiff_t size, double low, double high) {
        used_ = bins_;
        centered_ = false;
        const double step = (high - low) / bins_;
        for (int k = 0; k < bins_; ++k) edge_[k] = k * step + low;
        edge_[bins_] = high;
        for (std::ptrdiff_t i = 0; i < size; ++i) {
            const double value = image[i];
            int k = static_cast<int>((value - low) / (high - low) * bins_);
            if (k == bins_) --k;
            if (value < edge_[k]) --k;
            else if (k != bins_ - 1 && value >= edge_[k + 1]) ++k;
            ++count_[k];
        }
    }

    double center(int k) const { return centered_ ? first_ + k : (edge_[k] + edge_[k + 1]) / 2; }

    double separate() {
        float weight = 0;
        double sum = 0;
        for (int k = used_ - 1; k >= 0; --k) {
            weight += static_cast<float>(count_[k]);
            sum += static_cast<float>(count_[k]) * center(k);
            weight_above_[k] = weight;
            mean_above_[k] = sum / weight;
        }
        weight = 0;
        sum = 0;
        double best = -1;
        int chosen = 0;
        for (int k = 0; k + 1 < used_; ++k) {
            weight += static_cast<float>(count_[k]);
            sum += static_cast<float>(count_[k]) * center(k);
            const float weights = weight * weight_above_[k + 1];
            const double distance = sum / weight - mean_above_[k + 1];
            const double variance = weights * (distance * distance);
            if (variance > best) {
                best = variance;
                chosen = k;
            }
        }
        return center(chosen);
    }

    int bins_, used_ = 0;
    bool centered_ = false;
    double first_ = 0;
    std::uint32_t* count_;
    double* edge_;
    float* weight_above_;
    double* mean_above_;
};

}  // namespace
}  // namespace skimgfeat
