// Python bindings: checks that a caller inside the package cannot get wrong unnoticed, and the choice of instruction set.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "plan.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace skimgfeat;

namespace {

struct Kernels {
    const char* name;
    HogFunction hog;
    HandcraftedFunction handcrafted;
    ColorGridFunction color_grid;
    PatchFunction patch_features;
};

// The best copy this processor runs, or the one named by SKIMGFEAT_INSTRUCTION_SET (for tests and benchmarks).
Kernels choose_kernels() {
    const char* wanted = std::getenv("SKIMGFEAT_INSTRUCTION_SET");
    const std::string name = wanted ? wanted : "";
#if defined(__GNUC__)
#if defined(SKIMGFEAT_HAS_AVX512)
    const bool avx512 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") &&
                        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vpopcntdq");
    if (avx512 && (name.empty() || name == "avx512"))
        return {"avx512", avx512::hog, avx512::handcrafted, avx512::color_grid, avx512::patch_features};
#endif
#if defined(SKIMGFEAT_HAS_AVX2)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("popcnt");
    if (avx2 && (name.empty() || name == "avx2"))
        return {"avx2", avx2::hog, avx2::handcrafted, avx2::color_grid, avx2::patch_features};
#endif
#endif
    if (!name.empty() && name != "baseline")
        throw std::runtime_error("SKIMGFEAT_INSTRUCTION_SET=" + name + " is not available here");
    return {"baseline", baseline::hog, baseline::handcrafted, baseline::color_grid, baseline::patch_features};
}

const Kernels& kernels() {
    static const Kernels chosen = choose_kernels();
    return chosen;
}

using Batch = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Out = nb::ndarray<float, nb::ndim<2>, nb::device::cpu>;

// Of one image, and of one row of HOG cells: counters and places are 32 bits wide.
constexpr std::size_t kMostValues = std::size_t(1) << 29;

Images as_images(const Batch& batch, double scale) {
    if (batch.ndim() != 3 && batch.ndim() != 4) throw std::invalid_argument("images must be (n, h, w) or (n, h, w, c)");
    Images images{};
    images.data = batch.data();
    if (batch.dtype() == nb::dtype<std::uint8_t>()) images.type = PixelType::u8;
    else if (batch.dtype() == nb::dtype<std::uint16_t>()) images.type = PixelType::u16;
    else if (batch.dtype() == nb::dtype<float>()) images.type = PixelType::f32;
    else if (batch.dtype() == nb::dtype<double>()) images.type = PixelType::f64;
    else throw std::invalid_argument("images must be uint8, uint16, float32 or float64");
    std::size_t values = 1;
    for (std::size_t side = 1; side < batch.ndim(); ++side) {
        if (batch.shape(side) < 1) throw std::invalid_argument("images are empty");
        if (batch.shape(side) > kMostValues / values) throw std::invalid_argument("images hold over 2**29 values");
        values *= batch.shape(side);
    }
    images.count = static_cast<std::ptrdiff_t>(batch.shape(0));
    images.rows = static_cast<int>(batch.shape(1));
    images.cols = static_cast<int>(batch.shape(2));
    images.channels = batch.ndim() == 4 ? static_cast<int>(batch.shape(3)) : 1;
    images.scale = scale;
    return images;
}

Rows as_rows(const Out& out, const Images& images, std::ptrdiff_t needed) {
    if (static_cast<std::ptrdiff_t>(out.shape(0)) != images.count ||
        static_cast<std::ptrdiff_t>(out.shape(1)) != needed || (out.shape(1) > 1 && out.stride(1) != 1))
        throw std::invalid_argument("out must hold one contiguous row of the features' length for each image");
    return {out.data(), static_cast<std::ptrdiff_t>(out.stride(0))};
}

template <typename Function, typename Plan>
void run(Function kernel, const Images& images, const Plan& plan, const Rows& rows) {
    bool done;
    {
        nb::gil_scoped_release release;
        done = kernel(images, plan, rows);
    }
    if (!done) throw std::bad_alloc();
}

BlockNorm as_norm(const std::string& name) {
    if (name == "L1") return BlockNorm::l1;
    if (name == "L1-sqrt") return BlockNorm::l1_sqrt;
    if (name == "L2") return BlockNorm::l2;
    if (name == "L2-Hys") return BlockNorm::l2_hys;
    throw std::invalid_argument("unknown block_norm " + name);
}

HogPlan as_hog_plan(int orientations, std::pair<int, int> cell, std::pair<int, int> block, const std::string& norm,
                    bool transform_sqrt, bool is_signed, bool interpolate) {
    if (orientations < 1 || cell.first < 1 || cell.second < 1 || block.first < 1 || block.second < 1)
        throw std::invalid_argument("HOG parameters must be positive");
    return {orientations, cell.first,     cell.second,    block.first, block.second,
            as_norm(norm), transform_sqrt, is_signed, interpolate};
}

std::ptrdiff_t hog_length(const HogPlan& plan, const Images& images) {
    const std::ptrdiff_t rows = images.rows / plan.cell_rows - plan.block_rows + 1;
    const std::ptrdiff_t cols = images.cols / plan.cell_cols - plan.block_cols + 1;
    if (rows < 1 || cols < 1) throw std::invalid_argument("images are smaller than one HOG block");
    if (images.cols / plan.cell_cols + 2 > static_cast<std::ptrdiff_t>(kMostValues) / plan.orientations)
        throw std::invalid_argument("a row of HOG cells holds over 2**29 bins");
    return rows * cols * plan.block_rows * plan.block_cols * plan.orientations;
}

void hog(const Batch& batch, const Out& out, double scale, int orientations, std::pair<int, int> pixels_per_cell,
         std::pair<int, int> cells_per_block, const std::string& block_norm, bool transform_sqrt, bool is_signed,
         bool interpolate) {
    const Images images = as_images(batch, scale);
    const HogPlan plan = as_hog_plan(orientations, pixels_per_cell, cells_per_block, block_norm, transform_sqrt,
                                     is_signed, interpolate);
    const Rows rows = as_rows(out, images, hog_length(plan, images));
    run(kernels().hog, images, plan, rows);
}

void handcrafted(const Batch& batch, const Out& out, double scale, const nb::dict& columns,
                 std::optional<double> threshold, bool dark, std::optional<nb::dict> hog) {
    const Images images = as_images(batch, scale);
    if (images.channels != 1 && images.channels != 3) throw std::invalid_argument("images must have 1 or 3 channels");
    HandcraftedPlan plan{};
    std::ptrdiff_t needed = 0;
    const auto column = [&](const char* family, std::ptrdiff_t length) {
        if (!columns.contains(family)) return -1;
        const int first = nb::cast<int>(columns[family]);
        if (first < 0) throw std::invalid_argument("columns must not be negative");
        if (first + length > needed) needed = first + length;
        return first;
    };
    if (columns.contains("hog")) {
        if (!hog) throw std::invalid_argument("hog parameters are missing");
        const nb::dict& p = *hog;
        plan.hog = as_hog_plan(nb::cast<int>(p["orientations"]), nb::cast<std::pair<int, int>>(p["pixels_per_cell"]),
                               nb::cast<std::pair<int, int>>(p["cells_per_block"]),
                               nb::cast<std::string>(p["block_norm"]), nb::cast<bool>(p["transform_sqrt"]),
                               nb::cast<bool>(p["signed"]), nb::cast<bool>(p["interpolate"]));
    }
    FamilyColumns& c = plan.columns;
    c.zoning = column("zoning", 16 + images.rows + images.cols);
    c.hog = column("hog", columns.contains("hog") ? hog_length(plan.hog, images) : 0);
    c.hu = column("hu", 7);
    c.lbp = column("lbp", 10);
    c.skeleton = column("skeleton", 4);
    c.contours = column("contours", 6);
    c.run_lengths = column("run_lengths", 6);
    c.connectivity = column("connectivity", 2);
    c.geometry = column("geometry", 7);
    c.projections = column("projections", 24);
    c.density = column("density", 2);
    plan.otsu = !threshold.has_value();
    plan.threshold = threshold.value_or(0.0);
    plan.dark = dark;
    const Rows rows = as_rows(out, images, needed);
    run(kernels().handcrafted, images, plan, rows);
}

void color_grid(const Batch& batch, const Out& out, double scale, const std::string& color_space,
                std::pair<int, int> grid) {
    const Images images = as_images(batch, scale);
    if (images.channels != 1 && images.channels != 3) throw std::invalid_argument("images must have 1 or 3 channels");
    if (grid.first < 1 || grid.second < 1 || grid.first > images.rows || grid.second > images.cols)
        throw std::invalid_argument("a cell of the grid must hold a pixel");
    const bool scaled = images.type == PixelType::u8 ? scale == 255 || scale == 1
                                                     : images.type != PixelType::u16 || scale == 65535;
    if (!scaled) throw std::invalid_argument("scale must be the full scale of the images' type");
    ColorGridPlan plan{ColorSpace::rgb, grid.first, grid.second};
    if (color_space == "lab") plan.space = ColorSpace::lab;
    else if (color_space == "hsv") plan.space = ColorSpace::hsv;
    else if (color_space != "rgb") throw std::invalid_argument("unknown color_space " + color_space);
    const Rows rows = as_rows(out, images, static_cast<std::ptrdiff_t>(6) * plan.rows * plan.cols);
    run(kernels().color_grid, images, plan, rows);
}

using Matrix = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Vector = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void patch_features(const Batch& batch, const Out& out, double scale, const Matrix& weights, const Vector& offsets,
                    std::optional<Vector> norms, double threshold, std::optional<double> contrast,
                    std::pair<int, int> patch_size, int step, std::pair<int, int> pooling) {
    const Images images = as_images(batch, scale);
    if (patch_size.first < 1 || patch_size.second < 1 || patch_size.first > images.rows ||
        patch_size.second > images.cols || step < 1)
        throw std::invalid_argument("patches must fit into the images");
    const int n_rows = (images.rows - patch_size.first) / step + 1;
    const int n_cols = (images.cols - patch_size.second) / step + 1;
    if (pooling.first < 1 || pooling.second < 1 || pooling.first > n_rows || pooling.second > n_cols)
        throw std::invalid_argument("a cell of the pooling must hold a patch");
    const std::size_t size = static_cast<std::size_t>(patch_size.first) * patch_size.second * images.channels;
    const std::size_t n_scores = weights.shape(1), n_atoms = norms ? norms->shape(0) : n_scores;
    if (n_atoms < 1 || n_scores != n_atoms + (norms ? size : 0) || n_scores > kMostValues / size)
        throw std::invalid_argument("weights must have a column for each atom and, with norms, value of a patch");
    if (weights.shape(0) != size || offsets.shape(0) != n_scores)
        throw std::invalid_argument("weights and offsets must have the lengths of patches and scores");
    const PatchPlan plan{patch_size.first,
                         patch_size.second,
                         step,
                         pooling.first,
                         pooling.second,
                         static_cast<int>(n_atoms),
                         static_cast<int>(n_scores),
                         weights.data(),
                         offsets.data(),
                         norms ? norms->data() : nullptr,
                         static_cast<float>(threshold),
                         contrast.has_value(),
                         contrast.value_or(0.0)};
    const std::ptrdiff_t n_cells = static_cast<std::ptrdiff_t>(pooling.first) * pooling.second;
    const std::ptrdiff_t n_columns = static_cast<std::ptrdiff_t>(n_atoms) * (norms ? 1 : 2);
    run(kernels().patch_features, images, plan, as_rows(out, images, n_cells * n_columns));
}

}  // namespace

NB_MODULE(_kernels, m) {
    m.attr("instruction_set") = kernels().name;
    m.def("hog", &hog, "images"_a.noconvert(), "out"_a.noconvert(), nb::kw_only(), "scale"_a, "orientations"_a,
          "pixels_per_cell"_a, "cells_per_block"_a, "block_norm"_a, "transform_sqrt"_a, "signed"_a, "interpolate"_a);
    m.def("handcrafted", &handcrafted, "images"_a.noconvert(), "out"_a.noconvert(), nb::kw_only(), "scale"_a,
          "columns"_a, "threshold"_a.none(), "dark"_a, "hog"_a.none());
    m.def("color_grid", &color_grid, "images"_a.noconvert(), "out"_a.noconvert(), nb::kw_only(), "scale"_a,
          "color_space"_a, "grid"_a);
    m.def("patch_features", &patch_features, "images"_a.noconvert(), "out"_a.noconvert(), nb::kw_only(), "scale"_a,
          "weights"_a.noconvert(), "offsets"_a.noconvert(), "norms"_a.none(), "threshold"_a, "contrast"_a.none(),
          "patch_size"_a, "step"_a, "pooling"_a);
}
