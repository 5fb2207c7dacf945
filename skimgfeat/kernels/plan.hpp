// What the kernels take and where they put it: shared by module.cpp and by every copy of extract.cpp.
// Plain data only, so that no inline code is compiled twice for different instruction sets.
#pragma once
#include <cstddef>
#include <cstdint>

namespace skimgfeat {

enum class PixelType { u8, u16, f32, f64 };

// A C-contiguous batch of images, channels last.
struct Images {
    const void* data;
    PixelType type;
    std::ptrdiff_t count;
    int rows, cols, channels;
    double scale;  // the value that counts as 1
};

// A batch of float32 rows; `stride` floats from one to the next.
struct Rows {
    float* data;
    std::ptrdiff_t stride;
};

enum class BlockNorm { l1, l1_sqrt, l2, l2_hys };

struct HogPlan {
    int orientations, cell_rows, cell_cols, block_rows, block_cols;
    BlockNorm norm;
    bool transform_sqrt, is_signed, interpolate;
};

// First column of each family in a row; negative where it is not wanted.
struct FamilyColumns {
    int zoning, hog, hu, lbp, skeleton, contours, run_lengths, connectivity, geometry, projections, density;
};

struct HandcraftedPlan {
    FamilyColumns columns;
    double threshold;  // in scaled units
    bool otsu, dark;
    HogPlan hog;
};

enum class ColorSpace { rgb, hsv, lab };

struct ColorGridPlan {
    ColorSpace space;
    int rows, cols;  // of cells
};

struct PatchPlan {
    int patch_rows, patch_cols, step, pool_rows, pool_cols;
    int n_atoms, n_scores;
    const float* weights;  // (values of a patch, n_scores)
    const float* offsets;  // n_scores
    const float* norms;    // n_atoms; null for soft thresholds
    float threshold;
    bool normalize;
    double contrast;
};

// All return false where memory ran out.
using HogFunction = bool (*)(const Images&, const HogPlan&, const Rows&);
using HandcraftedFunction = bool (*)(const Images&, const HandcraftedPlan&, const Rows&);
using ColorGridFunction = bool (*)(const Images&, const ColorGridPlan&, const Rows&);
using PatchFunction = bool (*)(const Images&, const PatchPlan&, const Rows&);

#define SKIMGFEAT_DECLARE(set)                                            \
    namespace set {                                                       \
    bool hog(const Images&, const HogPlan&, const Rows&);                 \
    bool handcrafted(const Images&, const HandcraftedPlan&, const Rows&); \
    bool color_grid(const Images&, const ColorGridPlan&, const Rows&);    \
    bool patch_features(const Images&, const PatchPlan&, const Rows&);    \
    }
SKIMGFEAT_DECLARE(baseline)
SKIMGFEAT_DECLARE(avx2)
SKIMGFEAT_DECLARE(avx512)
#undef SKIMGFEAT_DECLARE

}  // namespace skimgfeat
