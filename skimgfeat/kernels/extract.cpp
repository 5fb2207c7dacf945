// Every kernel, compiled once for each instruction set into the namespace SKIMGFEAT_SET. All code here has internal
// linkage, so that the linker cannot mix copies.
#include <cmath>
#include <cstdint>
#include <limits>

#include "arena.hpp"
#include "binary.hpp"
#include "color_grid.hpp"
#include "hog.hpp"
#include "lbp.hpp"
#include "otsu.hpp"
#include "patches.hpp"
#include "plan.hpp"

namespace skimgfeat {
namespace {

// Images one by one, by a kernel that takes any type of pixel.
template <typename Kernel, typename T, typename Plan>
bool batch_of(const Images& images, const Plan& plan, const Rows& out) {
    Arena arena;
    Kernel kernel(plan, images.rows, images.cols, images.channels, images.scale, arena);
    if (arena.failed()) return false;
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(images.rows) * images.cols * images.channels;
    for (std::ptrdiff_t i = 0; i < images.count; ++i)
        kernel.run(static_cast<const T*>(images.data) + i * size, out.data + i * out.stride);
    return true;
}

template <typename Kernel, typename Plan>
bool batch(const Images& images, const Plan& plan, const Rows& out) {
    switch (images.type) {
        case PixelType::u8: return batch_of<Kernel, std::uint8_t>(images, plan, out);
        case PixelType::u16: return batch_of<Kernel, std::uint16_t>(images, plan, out);
        case PixelType::f32: return batch_of<Kernel, float>(images, plan, out);
        case PixelType::f64: return batch_of<Kernel, double>(images, plan, out);
    }
    return false;
}

// Pillow's L: ITU-R 601 luma in 16-bit fixed point; floats keep the same weights.
template <typename T, typename Gray>
void to_gray(const T* rgb, std::ptrdiff_t size, Gray* gray) {
    for (std::ptrdiff_t i = 0; i < size; ++i, rgb += 3) {
        if constexpr (std::numeric_limits<Gray>::is_integer)
            gray[i] = static_cast<Gray>((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
        else
            gray[i] = (19595.0 * rgb[0] + 38470.0 * rgb[1] + 7471.0 * rgb[2]) / 65536.0;
    }
}

// The largest value of type T that is not above the threshold: comparing with it is exact.
template <typename T>
T as_limit(double threshold) {
    if (std::numeric_limits<T>::is_integer) {
        const double floor = std::floor(threshold);
        const double top = static_cast<double>(std::numeric_limits<T>::max());
        return static_cast<T>(floor > top ? top : floor);
    }
    const T limit = static_cast<T>(threshold);
    return static_cast<double>(limit) > threshold ? std::nextafter(limit, -std::numeric_limits<T>::infinity()) : limit;
}

template <typename T, typename Binary>
void mask_batch_image(const T* gray, const HandcraftedPlan& plan, double scale, std::ptrdiff_t size, Otsu* otsu,
                      Binary& binary) {
    double threshold = plan.threshold * scale;
    if (otsu && !otsu->find(gray, size, threshold)) {
        binary.set_blank();
    } else if (threshold < 0 && std::numeric_limits<T>::is_integer) {
        binary.set_mask(gray, -1, plan.dark);
    } else {
        binary.set_mask(gray, as_limit<T>(threshold), plan.dark);
    }
}

template <typename Source, typename Gray, typename Word, bool Wide>
bool handcrafted_batch(const Images& images, const HandcraftedPlan& plan, const Rows& out) {
    const FamilyColumns& c = plan.columns;
    const bool masked = c.zoning >= 0 || c.hu >= 0 || c.skeleton >= 0 || c.contours >= 0 || c.run_lengths >= 0 ||
                        c.connectivity >= 0 || c.geometry >= 0 || c.projections >= 0 || c.density >= 0;
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(images.rows) * images.cols;
    constexpr bool is_float = !std::numeric_limits<Gray>::is_integer;
    const int largest = is_float ? 0 : static_cast<int>(std::numeric_limits<Gray>::max());
    HogPlan hog_plan = plan.hog;
    if (c.hog < 0) hog_plan = {1, images.rows, images.cols, 1, 1, BlockNorm::l2, false, false, false};  // unused, small
    Arena arena;
    Hog hog(hog_plan, images.rows, images.cols, 1, images.scale, arena);
    Lbp lbp(images.rows, images.cols, arena);
    Otsu otsu(is_float, largest, arena);
    Binary<Word, Wide> binary(c, images.rows, images.cols, arena);
    Gray* gray_buffer = images.channels == 3 ? arena.take<Gray>(size) : nullptr;
    if (arena.failed()) return false;
    for (std::ptrdiff_t i = 0; i < images.count; ++i) {
        const Source* source = static_cast<const Source*>(images.data) + i * size * images.channels;
        const Gray* gray = gray_buffer;
        if (gray_buffer) to_gray(source, size, gray_buffer);
        else gray = reinterpret_cast<const Gray*>(source);  // one channel: Gray is Source
        float* row = out.data + i * out.stride;
        if (masked) {
            mask_batch_image(gray, plan, images.scale, size, plan.otsu ? &otsu : nullptr, binary);
            binary.run(row);
        }
        if (c.lbp >= 0) lbp.run(gray, row + c.lbp);
        if (c.hog >= 0) hog.run(gray, row + c.hog);
    }
    return true;
}

// A word always keeps a bit free to the right of the last column.
template <typename Source, typename Gray>
bool handcrafted_width(const Images& images, const HandcraftedPlan& plan, const Rows& out) {
    if (images.cols < 32) return handcrafted_batch<Source, Gray, std::uint32_t, false>(images, plan, out);
    if (images.cols < 64) return handcrafted_batch<Source, Gray, std::uint64_t, false>(images, plan, out);
    return handcrafted_batch<Source, Gray, std::uint64_t, true>(images, plan, out);
}

}  // namespace
}  // namespace skimgfeat

namespace skimgfeat {
namespace SKIMGFEAT_SET {

bool hog(const Images& images, const HogPlan& plan, const Rows& out) { return batch<Hog>(images, plan, out); }

bool color_grid(const Images& images, const ColorGridPlan& plan, const Rows& out) {
    return batch<ColorGrid>(images, plan, out);
}

bool patch_features(const Images& images, const PatchPlan& plan, const Rows& out) {
    return batch<Patches>(images, plan, out);
}

bool handcrafted(const Images& images, const HandcraftedPlan& plan, const Rows& out) {
    switch (images.type) {
        case PixelType::u8: return handcrafted_width<std::uint8_t, std::uint8_t>(images, plan, out);
        case PixelType::u16: return handcrafted_width<std::uint16_t, std::uint16_t>(images, plan, out);
        case PixelType::f32:
            if (images.channels == 3) return handcrafted_width<float, double>(images, plan, out);
            return handcrafted_width<float, float>(images, plan, out);
        case PixelType::f64: return handcrafted_width<double, double>(images, plan, out);
    }
    return false;
}

}  // namespace SKIMGFEAT_SET
}  // namespace skimgfeat
