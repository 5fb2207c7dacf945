// Patches of an image, compared with the atoms of a dictionary, encoded and pooled. Definition: reference.py.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "arena.hpp"
#include "lanes.hpp"
#include "plan.hpp"

namespace skimgfeat {
namespace {

// No patch is ever copied: a row of a patch is a run of values in a row of the image, wherever the patch begins. Scores
// are a blocked matrix product: a tile of neighboring patches and a panel of atoms stay in registers while their
// products are added up, one value of the patch after the other. Each score is one sum in one order, whatever the tile.
// Some neighbors at a time are then encoded and added to their cells while their scores are in the cache.
class Patches {
  public:
    Patches(const PatchPlan& plan, int rows, int cols, int channels, double scale, Arena& arena)
        : plan_(plan), rows_(rows), scale_(static_cast<float>(scale)), channels_(channels) {
        pitch_ = static_cast<std::ptrdiff_t>(cols) * channels;
        run_ = plan.patch_cols * channels;
        size_ = plan.patch_rows * run_;
        n_rows_ = (rows - plan.patch_rows) / plan.step + 1;
        n_cols_ = (cols - plan.patch_cols) / plan.step + 1;
        n_vectors_ = (plan.n_scores + kWidest - 1) / kWidest;
        width_ = n_vectors_ * kWidest;
        n_columns_ = plan.norms ? plan.n_atoms : 2 * plan.n_atoms;
        n_panels_ = (n_vectors_ + kPanel - 1) / kPanel;
        pixels_ = arena.take<float>(rows * pitch_);
        weights_ = arena.take<float>(static_cast<std::size_t>(size_) * width_);
        scores_ = arena.take<float>(static_cast<std::size_t>(kNeighbors) * width_);
        inverse_ = arena.take<float>(kNeighbors);
        sums_ = arena.take<double>(pitch_);
        squares_ = arena.take<double>(pitch_);
        distances_ = arena.take<float>(round_up(plan.n_atoms, 16));
        whitened_ = arena.take<float>(round_up(size_, 16));
        few_ = arena.take<float>(n_columns_);
        totals_ = arena.take<double>(static_cast<std::size_t>(plan.pool_rows) * plan.pool_cols * n_columns_);
        if (arena.failed()) return;
        for (int j = 0; j < kNeighbors; ++j) inverse_[j] = 1;
        pack_weights();
    }

    template <typename T>
    void run(const T* image, float* out) {
        const std::ptrdiff_t count = rows_ * pitch_;
        SKIMGFEAT_INDEPENDENT
        for (std::ptrdiff_t i = 0; i < count; ++i) pixels_[i] = static_cast<float>(image[i]) / scale_;
        std::memset(totals_, 0, sizeof(double) * plan_.pool_rows * plan_.pool_cols * n_columns_);
        for (int pool_row = 0; pool_row < plan_.pool_rows; ++pool_row)
            for (int r = bound(pool_row, n_rows_, plan_.pool_rows); r < bound(pool_row + 1, n_rows_, plan_.pool_rows);
                 ++r)
                add_row(r, totals_ + static_cast<std::ptrdiff_t>(pool_row) * plan_.pool_cols * n_columns_);
        finish(out);
    }

  private:
    // Twelve to twenty-four sums in registers: with what they are made of, all that an instruction set has.
    static constexpr int kTile = 6, kPanel = kWidest == 16 ? 4 : 2, kNeighbors = 4 * kTile;

    static int bound(int i, int count, int cells) {
        return static_cast<int>(static_cast<std::int64_t>(i) * count / cells);
    }
    int first_vector(int panel) const { return bound(panel, n_vectors_, n_panels_); }

    // The weights panel by panel. Where patches are normalized their mean is taken from the weights instead: the
    // product is the same.
    void pack_weights() {
        for (int score = 0; score < plan_.n_scores; ++score) {
            double mean = 0;
            for (int k = 0; plan_.normalize && k < size_; ++k)
                mean += plan_.weights[static_cast<std::ptrdiff_t>(k) * plan_.n_scores + score];
            mean /= size_;
            int panel = 0;
            while (first_vector(panel + 1) * kWidest <= score) ++panel;
            const int first = first_vector(panel) * kWidest, length = first_vector(panel + 1) * kWidest - first;
            for (int k = 0; k < size_; ++k)
                weights_[static_cast<std::ptrdiff_t>(first) * size_ + static_cast<std::ptrdiff_t>(k) * length + score -
                         first] =
                    static_cast<float>(plan_.weights[static_cast<std::ptrdiff_t>(k) * plan_.n_scores + score] - mean);
        }
    }

    // A row of patches, into the totals of a row of cells.
    void add_row(int row, double* totals) {
        const float* pixels = pixels_ + row * plan_.step * pitch_;
        if (plan_.normalize) sum_columns(pixels);
        for (int cell = 0; cell < plan_.pool_cols; ++cell, totals += n_columns_) {
            const int end = bound(cell + 1, n_cols_, plan_.pool_cols);
            for (int first = bound(cell, n_cols_, plan_.pool_cols); first < end; first += kNeighbors) {
                const int count = end - first < kNeighbors ? end - first : kNeighbors;
                if (plan_.normalize) find_contrasts(first, count);
                score(pixels + static_cast<std::ptrdiff_t>(first) * plan_.step * channels_, count);
                std::memset(few_, 0, n_columns_ * sizeof(float));
                for (int j = 0; j < count; ++j) encode(scores_ + static_cast<std::ptrdiff_t>(j) * width_, inverse_[j]);
                for (int k = 0; k < n_columns_; ++k) totals[k] += few_[k];
            }
        }
    }

    // Sums of each column of values over the rows of a row of patches.
    void sum_columns(const float* pixels) {
        std::memset(sums_, 0, pitch_ * sizeof(double));
        std::memset(squares_, 0, pitch_ * sizeof(double));
        for (int r = 0; r < plan_.patch_rows; ++r, pixels += pitch_) {
            double *sums = sums_, *squares = squares_;
            SKIMGFEAT_INDEPENDENT
            for (std::ptrdiff_t i = 0; i < pitch_; ++i) {
                const double value = pixels[i];
                sums[i] += value;
                squares[i] += value * value;
            }
        }
    }

    void find_contrasts(int first, int count) {
        for (int j = 0; j < count; ++j) {
            const std::ptrdiff_t start = static_cast<std::ptrdiff_t>(first + j) * plan_.step * channels_;
            double sum = 0, square = 0;
            for (int t = 0; t < run_; ++t) {
                sum += sums_[start + t];
                square += squares_[start + t];
            }
            sum /= size_;
            const double variance = square / size_ - sum * sum;
            inverse_[j] = static_cast<float>(1 / std::sqrt((variance > 0 ? variance : 0) + plan_.contrast));
        }
    }

    void score(const float* pixels, int count) {
        for (int panel = 0; panel < n_panels_; ++panel) {
            const int first = first_vector(panel), n = first_vector(panel + 1) - first;
            for (int j = 0; j < count; j += kTile) {
                const float* at = pixels + static_cast<std::ptrdiff_t>(j) * plan_.step * channels_;
                const float* weights = weights_ + static_cast<std::ptrdiff_t>(first) * kWidest * size_;
                float* scores = scores_ + static_cast<std::ptrdiff_t>(j) * width_ + first * kWidest;
                by_vectors(count - j < kTile ? count - j : kTile, n, at, weights, scores);
            }
        }
    }

    void by_vectors(int patches, int vectors, const float* pixels, const float* weights, float* scores) const {
        switch (vectors) {
            case 1: return by_patches<1>(patches, pixels, weights, scores);
            case 2: return by_patches<2>(patches, pixels, weights, scores);
            case 3: return by_patches<(kPanel > 2 ? 3 : 1)>(patches, pixels, weights, scores);
            default: return by_patches<kPanel>(patches, pixels, weights, scores);
        }
    }

    template <int Vectors>
    void by_patches(int patches, const float* pixels, const float* weights, float* scores) const {
        switch (patches) {
            case 1: return tile<1, Vectors>(pixels, weights, scores);
            case 2: return tile<2, Vectors>(pixels, weights, scores);
            case 3: return tile<3, Vectors>(pixels, weights, scores);
            case 4: return tile<4, Vectors>(pixels, weights, scores);
            case 5: return tile<5, Vectors>(pixels, weights, scores);
            default: return tile<kTile, Vectors>(pixels, weights, scores);
        }
    }

    template <int Count, int Vectors>
    void tile(const float* pixels, const float* weights, float* scores) const {
        Widest sum[Count][Vectors];
        for (auto& row : sum)
            for (auto& lanes : row) lanes = widest(0);
        const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(plan_.step) * channels_;
        for (int r = 0; r < plan_.patch_rows; ++r, pixels += pitch_)
            for (int t = 0; t < run_; ++t, weights += Vectors * kWidest) {
                Widest weight[Vectors];
                for (int v = 0; v < Vectors; ++v) std::memcpy(&weight[v], weights + v * kWidest, sizeof(Widest));
                for (int j = 0; j < Count; ++j) {
                    const Widest value = widest(pixels[j * stride + t]);
                    for (int v = 0; v < Vectors; ++v) sum[j][v] = sum[j][v] + weight[v] * value;
                }
            }
        for (int j = 0; j < Count; ++j)
            for (int v = 0; v < Vectors; ++v)
                std::memcpy(scores + static_cast<std::ptrdiff_t>(j) * width_ + v * kWidest, &sum[j][v], sizeof(Widest));
    }

    void encode(const float* raw, float inverse) {
        const int n = plan_.n_atoms;
        const float* offset = plan_.offsets;
        float *above = few_, *below = few_ + n;
        if (!plan_.norms) {
            const float threshold = plan_.threshold;
            SKIMGFEAT_INDEPENDENT
            for (int k = 0; k < n; ++k) {
                const float score = raw[k] * inverse - offset[k];
                const float over = score - threshold, under = -score - threshold;
                above[k] += over > 0 ? over : 0.0f;
                below[k] += under > 0 ? under : 0.0f;
            }
            return;
        }
        // Behind the atoms' scores stand the values of the whitened patch.
        float *distances = distances_, *whitened = whitened_;
        SKIMGFEAT_INDEPENDENT
        for (int k = 0; k < size_; ++k) whitened[k] = raw[n + k] * inverse - offset[n + k];
        const float *norms = plan_.norms, length = sum_of_squares(whitened, round_up(size_, 16));
        SKIMGFEAT_INDEPENDENT
        for (int k = 0; k < n; ++k) {
            const float distance = length - 2 * (raw[k] * inverse - offset[k]) + norms[k];
            distances[k] = std::sqrt(distance > 0 ? distance : 0.0f);
        }
        const float mean = sum(distances, round_up(n, 16)) / static_cast<float>(n);
        SKIMGFEAT_INDEPENDENT
        for (int k = 0; k < n; ++k) above[k] += mean > distances[k] ? mean - distances[k] : 0.0f;
    }

    void finish(float* out) const {
        const double* totals = totals_;
        for (int i = 0; i < plan_.pool_rows; ++i)
            for (int j = 0; j < plan_.pool_cols; ++j, totals += n_columns_) {
                const double rows = bound(i + 1, n_rows_, plan_.pool_rows) - bound(i, n_rows_, plan_.pool_rows);
                const double cols = bound(j + 1, n_cols_, plan_.pool_cols) - bound(j, n_cols_, plan_.pool_cols);
                for (int k = 0; k < n_columns_; ++k) *out++ = static_cast<float>(totals[k] / (rows * cols));
            }
    }

    PatchPlan plan_;
    int rows_;
    float scale_;
    int channels_, run_, size_, n_rows_, n_cols_, n_vectors_, width_, n_columns_, n_panels_;
    std::ptrdiff_t pitch_;
    float *pixels_, *weights_, *scores_, *inverse_, *distances_, *whitened_, *few_;
    double *sums_, *squares_, *totals_;
};

}  // namespace
}  // namespace skimgfeat
