// The families that look at the mask: zoning, Hu moments, skeleton, contours, run lengths, connectivity, geometry,
// projections and density. One pass over an image shares mask, runs, components and moments. Definitions: reference.py.
#pragma once
#include <cmath>
#include <cstdint>

#include "arena.hpp"
#include "bits.hpp"
#include "plan.hpp"

namespace skimgfeat {
namespace {

struct Run {
    std::int32_t row, start, end, parent;  // columns [start, end); parent in the forest of components
};

// Sums of row^i * col^j over pixels.
struct Moments {
    double m00 = 0, m10 = 0, m01 = 0, m20 = 0, m11 = 0, m02 = 0, m30 = 0, m21 = 0, m12 = 0, m03 = 0;
};

struct Component {
    int count = 0;  // components in the image
    int area = 0, top = 0, left = 0, bottom = 0, right = 0;
    double row = 0, col = 0;  // centroid
    double sum_row = 0, sum_col = 0;
    std::int32_t root = -1;
};

template <typename Word, bool Wide>
class Binary {
    using Image = BitImage<Word, Wide>;

  public:
    Binary(const FamilyColumns& columns, int rows, int cols, Arena& arena)
        : columns_(columns), rows_(rows), cols_(cols), mask_(rows, cols, arena), scratch_(rows, cols, arena),
          scratch2_(rows, cols, arena) {
        const int longest = rows > cols ? rows : cols;
        byte_ = arena.take<std::uint8_t>(static_cast<std::size_t>(rows) * cols + 8);
        eight_sums_ = arena.take<std::uint64_t>(cols / 8 + 1);
        row_sum_ = arena.take<std::int32_t>(mask_.padded);
        col_sum_ = arena.take<std::int32_t>(cols);
        runs_ = arena.take<Run>(static_cast<std::size_t>(rows) * ((cols + 1) / 2));
        area_ = arena.take<std::int32_t>(static_cast<std::size_t>(rows) * ((cols + 1) / 2));
        first_power_ = arena.take<double>(longest + 1);
        second_power_ = arena.take<double>(longest + 1);
        third_power_ = arena.take<double>(longest + 1);
        row_bin_ = arena.take<std::int32_t>(cols + 1);
        col_bin_ = arena.take<std::int32_t>(rows + 1);
        first_col_ = arena.take<std::int32_t>(rows);
        last_col_ = arena.take<std::int32_t>(rows);
        hull_ = arena.take<std::int32_t>(rows);
        if (arena.failed()) return;
        for (int c = 0; c < longest; ++c) {
            const double x = c;
            first_power_[c + 1] = first_power_[c] + x;
            second_power_[c + 1] = second_power_[c] + x * x;
            third_power_[c + 1] = third_power_[c] + x * x * x;
        }
        set_bins(row_bin_, cols);
        set_bins(col_bin_, rows);
    }

    // The mask of one image: pixels above `limit`, or the others if dark.
    template <typename T, typename Limit>
    void set_mask(const T* image, Limit limit, bool dark) {
        const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(rows_) * cols_;
        std::uint8_t* byte = byte_;
        SKIMGFEAT_INDEPENDENT
        for (std::ptrdiff_t i = 0; i < size; ++i) byte[i] = (image[i] > limit) ^ dark;
        std::memset(col_sum_, 0, cols_ * sizeof(std::int32_t));
        total_ = 0;
        for (int r = 0; r < rows_; ++r) {
            pack(r);
            if (r % 255 == 254 || r + 1 == rows_) close_col_sums();
        }
    }

    void set_blank() {
        mask_.clear();
        std::memset(col_sum_, 0, cols_ * sizeof(std::int32_t));
        std::memset(row_sum_, 0, rows_ * sizeof(std::int32_t));
        total_ = 0;
    }

    void run(float* out) {
        const bool components = columns_.contours >= 0 || columns_.connectivity >= 0 || columns_.geometry >= 0;
        if (components || columns_.hu >= 0) find_runs();
        if (components) find_components();
        if (columns_.hu >= 0 || columns_.geometry >= 0) sum_moments();
        if (columns_.zoning >= 0) zoning(out + columns_.zoning);
        if (columns_.hu >= 0) hu(out + columns_.hu);
        if (columns_.skeleton >= 0) skeleton(out + columns_.skeleton);
        if (columns_.contours >= 0) contours(out + columns_.contours);
        if (columns_.run_lengths >= 0) run_lengths(out + columns_.run_lengths);
        if (columns_.connectivity >= 0) connectivity(out + columns_.connectivity);
        if (columns_.geometry >= 0) geometry(out + columns_.geometry);
        if (columns_.projections >= 0) projections(out + columns_.projections);
        if (columns_.density >= 0) density(out + columns_.density);
    }

  private:
    // Which of ten equal bins over [0, longest] a sum falls into, as np.histogram decides it.
    static void set_bins(std::int32_t* bin, int longest) {
        const double step = longest / 10.0;
        for (int v = 0; v <= longest; ++v) {
            int k = 0;
            while (k < 9 && v >= (k + 1) * step) ++k;
            bin[v] = k;
        }
    }

    // Eight bytes of 0 or 1 become eight bits by one multiplication, and add up in bytes for the column sums. Words are
    // read in little-endian order. The last eight bytes of a row may reach into the next row; those bits are cut off.
    void pack(int r) {
        const std::uint8_t* row = byte_ + static_cast<std::ptrdiff_t>(r) * cols_;
        int sum = 0;
        for (int k = 0; k < mask_.words; ++k) {
            const int first = k * Image::kBits;
            Word word = 0;
            for (int b = 0; b < Image::kBits && first + b < cols_; b += 8) {
                std::uint64_t eight;
                std::memcpy(&eight, row + first + b, 8);
                word |= static_cast<Word>((eight * 0x0102040810204080ULL) >> 56) << b;
                eight_sums_[(first + b) / 8] += eight;
            }
            word &= Image::range(k, 0, cols_);
            mask_.at(k)[r] = word;
            sum += popcount(word);
        }
        row_sum_[r] = sum;
        total_ += sum;
    }

    void close_col_sums() {
        std::uint8_t eight[8];
        for (int first = 0; first < cols_; first += 8) {
            std::memcpy(eight, eight_sums_ + first / 8, 8);
            for (int i = 0; i < 8 && first + i < cols_; ++i) col_sum_[first + i] += eight[i];
            eight_sums_[first / 8] = 0;
        }
    }

    void find_runs() {
        n_runs_ = 0;
        for (int r = 0; r < rows_; ++r) {
            const int first = n_runs_;
            for (int k = 0; k < mask_.words; ++k) {
                std::uint64_t word = mask_.at(k)[r];
                const int base = k * Image::kBits;
                while (word) {
                    const int start = lowest_bit(word);
                    const std::uint64_t rest = ~(word >> start);
                    const int length = rest ? lowest_bit(rest) : 64;
                    const int end = start + length < Image::kBits ? start + length : Image::kBits;
                    if (Wide && start == 0 && n_runs_ > first && runs_[n_runs_ - 1].end == base)
                        runs_[n_runs_ - 1].end = base + end;
                    else
                        runs_[n_runs_] = {r, base + start, base + end, n_runs_}, ++n_runs_;
                    word = end < 64 ? word >> end << end : 0;
                }
            }
        }
    }

    std::int32_t root(std::int32_t i) {
        while (runs_[i].parent != i) {
            runs_[i].parent = runs_[runs_[i].parent].parent;
            i = runs_[i].parent;
        }
        return i;
    }

    // 8-connected components of runs; the root is the first run in raster order.
    void find_components() {
        int previous = 0, current = 0;  // runs of the row above: [previous, current)
        for (int i = 0; i < n_runs_;) {
            const int row = runs_[i].row;
            int end = i;
            while (end < n_runs_ && runs_[end].row == row) ++end;
            if (current > previous && runs_[previous].row == row - 1) {
                int j = previous;
                for (int run = i; run < end; ++run) {
                    while (j < current && runs_[j].end < runs_[run].start) ++j;
                    for (int other = j; other < current && runs_[other].start <= runs_[run].end; ++other) {
                        const std::int32_t a = root(other), b = root(run);
                        if (a < b) runs_[b].parent = a;
                        else runs_[a].parent = b;
                    }
                }
            }
            previous = i;
            current = i = end;
        }
        main_ = Component();
        for (int i = 0; i < n_runs_; ++i) area_[i] = 0;
        for (int i = 0; i < n_runs_; ++i) {
            runs_[i].parent = root(i);
            main_.count += runs_[i].parent == i;
            area_[runs_[i].parent] += runs_[i].end - runs_[i].start;
        }
        for (int i = 0; i < n_runs_; ++i)
            if (area_[i] > main_.area) {
                main_.area = area_[i];
                main_.root = i;
            }
        measure_main();
    }

    void measure_main() {
        if (main_.area == 0) return;
        main_.left = cols_;
        main_.top = -1;
        for (int i = 0; i < n_runs_; ++i) {
            const Run& run = runs_[i];
            if (run.parent != main_.root) continue;
            if (main_.top < 0) main_.top = run.row;
            if (run.row >= main_.bottom) first_col_[run.row] = run.start;  // the first run of its row
            last_col_[run.row] = run.end - 1;
            main_.bottom = run.row + 1;
            if (run.start < main_.left) main_.left = run.start;
            if (run.end > main_.right) main_.right = run.end;
            main_.sum_row += static_cast<double>(run.row) * (run.end - run.start);
            main_.sum_col += first_power_[run.end] - first_power_[run.start];
        }
        main_.row = main_.sum_row / main_.area;
        main_.col = main_.sum_col / main_.area;
    }

    void sum_moments() {
        moments_ = Moments();
        for (int i = 0; i < n_runs_; ++i) {
            const Run& run = runs_[i];
            const double y = run.row, n = run.end - run.start;
            const double x1 = first_power_[run.end] - first_power_[run.start];
            const double x2 = second_power_[run.end] - second_power_[run.start];
            const double x3 = third_power_[run.end] - third_power_[run.start];
            moments_.m00 += n;
            moments_.m10 += y * n;
            moments_.m01 += x1;
            moments_.m20 += y * y * n;
            moments_.m11 += y * x1;
            moments_.m02 += x2;
            moments_.m30 += y * y * y * n;
            moments_.m21 += y * y * x1;
            moments_.m12 += y * x2;
            moments_.m03 += x3;
        }
    }

    // Foreground pixels in rows [top, bottom) and columns [left, right), as far as they are in the image.
    int count_box(int top, int bottom, int left, int right) const {
        int sum = 0;
        if (left < 0) left = 0;
        if (right > cols_) right = cols_;
        for (int k = left / Image::kBits; k * Image::kBits < right && left < right; ++k) {
            const Word columns = Image::range(k, left, right);
            const Word* row = mask_.at(k);
            for (int r = top; r < bottom; ++r) sum += popcount(static_cast<Word>(row[r] & columns));
        }
        return sum;
    }

    int count_before(int r, int end) const {
        if (Wide) return end > 0 ? count_box(r, r + 1, 0, end) : 0;
        return popcount(static_cast<Word>(mask_.at(0)[r] & Image::range(0, 0, end)));
    }

    void zoning(float* out) {
        const auto bound = [](int i, int side) { return static_cast<int>(static_cast<std::int64_t>(i) * side / 4); };
        for (int i = 0; i < 4; ++i) {
            const int top = bound(i, rows_), bottom = bound(i + 1, rows_);
            for (int j = 0; j < 4; ++j) {
                const int left = bound(j, cols_), right = bound(j + 1, cols_);
                const int sum = count_box(top, bottom, left, right);
                const double size = static_cast<double>(bottom - top) * (right - left);
                out[4 * i + j] = size > 0 ? static_cast<float>(sum / size) : 0.0f;
            }
        }
        const float divisor = static_cast<float>(total_ + 1e-7);
        for (int r = 0; r < rows_; ++r) out[16 + r] = static_cast<float>(row_sum_[r]) / divisor;
        for (int c = 0; c < cols_; ++c) out[16 + rows_ + c] = static_cast<float>(col_sum_[c]) / divisor;
    }

    // Hu's seven invariants on a log scale, in the order of operations of skimage.measure, from exact raw moments.
    void hu(float* out) {
        if (total_ == 0) {
            for (int i = 0; i < 7; ++i) out[i] = 0;
            return;
        }
        const Moments& m = moments_;
        const double cx = m.m10 / m.m00, cy = m.m01 / m.m00;
        const double two = m.m00 * m.m00, three = std::pow(m.m00, 2.5);
        const double n11 = (m.m11 - cx * m.m01) / two;
        const double n20 = (m.m20 - cx * m.m10) / two;
        const double n02 = (m.m02 - cy * m.m01) / two;
        const double n21 = (m.m21 - 2 * cx * m.m11 - cy * m.m20 + cx * cx * m.m01 + cy * cx * m.m10) / three;
        const double n12 = (m.m12 - 2 * cy * m.m11 - cx * m.m02 + 2 * cy * cx * m.m01) / three;
        const double n30 = (m.m30 - 3 * cx * m.m20 + 2 * (cx * cx) * m.m10) / three;
        const double n03 = (m.m03 - 3 * cy * m.m02 + 2 * (cy * cy) * m.m01) / three;
        double t0 = n30 + n12, t1 = n21 + n03;
        double q0 = t0 * t0, q1 = t1 * t1;
        const double n4 = 4 * n11, s = n20 + n02, d = n20 - n02;
        double h[7];
        h[0] = s;
        h[1] = d * d + n4 * n11;
        h[3] = q0 + q1;
        h[5] = d * (q0 - q1) + n4 * t0 * t1;
        t0 *= q0 - 3 * q1;
        t1 *= 3 * q0 - q1;
        q0 = n30 - 3 * n12;
        q1 = 3 * n21 - n03;
        h[2] = q0 * q0 + q1 * q1;
        h[4] = q0 * t0 + q1 * t1;
        h[6] = q1 * t0 - q0 * t1;
        for (int i = 0; i < 7; ++i) {
            const double sign = (h[i] > 0) - (h[i] < 0);
            out[i] = static_cast<float>(-sign * std::log10(std::fabs(h[i]) + 1e-10));
        }
    }

    void skeleton(float* out) {
        scratch_.copy_from(mask_);
        thin(scratch_, scratch2_);
        int length = 0, ends = 0, branches = 0;
        scratch_.each([&](const Word* p) {
            BitCounter<Word> neighbors;
            for (int above = -1; above <= 1; ++above) {
                neighbors.add(scratch_.left(p + above));
                neighbors.add(scratch_.right(p + above));
                if (above != 0) neighbors.add(p[above]);
            }
            length += popcount(*p);
            ends += popcount(static_cast<Word>(*p & neighbors.exactly(1)));
            branches += popcount(static_cast<Word>(*p & neighbors.at_least_three()));
        });
        out[0] = static_cast<float>(length);
        out[1] = static_cast<float>(ends);
        out[2] = static_cast<float>(branches);
        out[3] = static_cast<float>(length / (total_ + 1e-7));
    }

    void contours(float* out) {
        if (main_.area == 0) {
            for (int i = 0; i < 6; ++i) out[i] = 0;
            return;
        }
        const double height = main_.bottom - main_.top, width = main_.right - main_.left;
        out[0] = static_cast<float>(main_.area);
        out[1] = static_cast<float>(eccentricity());
        out[2] = static_cast<float>(main_.area / (height * width));
        out[3] = static_cast<float>(main_.area / convex_area());
        out[4] = static_cast<float>(width / (height + 1e-7));
        out[5] = static_cast<float>(perimeter());
    }

    // From the eigenvalues of the main component's covariance. Moments are taken about the nearest pixel to the
    // centroid, in exact integers, so that a symmetric shape has exactly equal axes.
    double eccentricity() const {
        const double near_row = std::floor(main_.row + 0.5), near_col = std::floor(main_.col + 0.5);
        double rr = 0, rc = 0, cc = 0;
        for (int i = 0; i < n_runs_; ++i) {
            const Run& run = runs_[i];
            if (run.parent != main_.root) continue;
            const double n = run.end - run.start, y = run.row - near_row;
            const double x1 = first_power_[run.end] - first_power_[run.start];
            const double x2 = second_power_[run.end] - second_power_[run.start];
            const double dx = x1 - near_col * n;
            rr += y * y * n;
            rc += y * dx;
            cc += x2 - 2 * near_col * x1 + near_col * near_col * n;
        }
        const double n = main_.area;
        const double sr = main_.sum_row - near_row * n, sc = main_.sum_col - near_col * n;
        const double a = n * rr - sr * sr, b = n * rc - sr * sc, c = n * cc - sc * sc;
        const double half = std::sqrt((a - c) * (a - c) + 4 * b * b) / 2, middle = (a + c) / 2;
        const double large = middle + half, small = middle - half > 0 ? middle - half : 0;
        return large == 0 ? 0 : std::sqrt(1 - small / large);
    }

    // Pixels inside the convex hull of the component, each pixel a diamond of its four edge midpoints.
    double convex_area() {
        const int n = main_.bottom - main_.top;
        return n - sum_of_outline(n, first_col_ + main_.top, 1) - sum_of_outline(n, last_col_ + main_.top, -1);
    }

    // The first column inside the hull, added up over the rows, for extreme columns sign * col[r]. With L the lower
    // convex envelope of the extremes, it is the ceiling of min(L(r) - 1/2, L(r - 1/2), L(r + 1/2)). Every L is one
    // division of integers, which is exact where it should be a whole number and far from one elsewhere: the ceiling is
    // exact.
    double sum_of_outline(int n, const std::int32_t* col, int sign) {
        int size = 0;
        for (int r = 0; r < n; ++r) {
            while (size >= 2) {
                const int a = hull_[size - 2], b = hull_[size - 1];
                const std::int64_t turn = static_cast<std::int64_t>(b - a) * (sign * (col[r] - col[a])) -
                                          static_cast<std::int64_t>(r - a) * (sign * (col[b] - col[a]));
                if (turn > 0) break;
                --size;
            }
            hull_[size++] = r;
        }
        double sum = 0, before = HUGE_VAL;  // before: of L between this row and the one above
        for (int i = 0; i + 1 < size; ++i) {
            const int a = hull_[i], b = hull_[i + 1];
            const double rise = sign * (col[b] - col[a]), base = sign * col[a], steps = b - a;
            for (int r = 0; r < b - a; ++r) {
                const double here = base + std::ceil((2 * rise * r - steps) / (2 * steps));
                const double after = base + std::ceil(rise * (2 * r + 1) / (2 * steps));
                const double between = before < after ? before : after;
                sum += here < between ? here : between;
                before = after;
            }
        }
        const double last = sign * col[n - 1];
        return sum + (last < before ? last : before);
    }

    // Benkrid and Crookes' estimate on the component's border pixels.
    double perimeter() {
        Image& main = main_image();
        Image& border = scratch2_;
        main.map_to(border, [&](const Word* p) {
            return *p & ~(*(p - 1) & *(p + 1) & main.left(p) & main.right(p));
        });
        int ones = 0, diagonals = 0, halves = 0;
        border.each([&](const Word* p) {
            BitCounter<Word> beside, corner;
            beside.add(*(p - 1));
            beside.add(*(p + 1));
            beside.add(border.left(p));
            beside.add(border.right(p));
            corner.add(border.left(p - 1));
            corner.add(border.right(p - 1));
            corner.add(border.left(p + 1));
            corner.add(border.right(p + 1));
            const Word few = corner.exactly(0) | corner.exactly(1) | corner.exactly(2);
            const Word one = (beside.exactly(2) | beside.exactly(3)) & few;
            const Word root = (beside.exactly(0) & corner.exactly(2)) | (beside.exactly(1) & corner.exactly(3));
            const Word half = beside.exactly(1) & (corner.exactly(1) | corner.exactly(2));
            ones += popcount(static_cast<Word>(*p & one));
            diagonals += popcount(static_cast<Word>(*p & root));
            halves += popcount(static_cast<Word>(*p & half));
        });
        const double root2 = std::sqrt(2.0);
        return ones + diagonals * root2 + halves * ((1 + root2) / 2);
    }

    Image& main_image() {
        if (main_.count == 1) return mask_;
        scratch_.clear();
        for (int i = 0; i < n_runs_; ++i)
            if (runs_[i].parent == main_.root) scratch_.fill(runs_[i].row, runs_[i].start, runs_[i].end);
        return scratch_;
    }

    // Mean, standard deviation and maximum of run lengths. Erosion by one pixel along the runs, repeated, leaves
    // length - i pixels of a run after i steps; their sum over i is length * (length + 1) / 2.
    void run_lengths(float* out) {
        std::int32_t empty_rows = 0, empty_cols = 0;
        for (int r = 0; r < rows_; ++r) empty_rows += row_sum_[r] == 0;
        for (int c = 0; c < cols_; ++c) empty_cols += col_sum_[c] == 0;
        run_statistics<true>(empty_rows, out);
        run_statistics<false>(empty_cols, out + 3);
    }

    template <bool AlongRows>
    void run_statistics(int empty, float* out) {
        int runs = 0;
        mask_.each([&](const Word* p) {
            runs += popcount(static_cast<Word>(*p & ~(AlongRows ? mask_.left(p) : *(p - 1))));
        });
        double remaining = 0;  // sum over all erosions
        int longest = 0;
        Image *from = &mask_, *to = &scratch_, *next = &scratch2_;
        for (int left = total_; left > 0; ++longest) {
            remaining += left;
            int kept_pixels = 0;
            from->map_to(*to, [&](const Word* p) {
                const Word kept = *p & (AlongRows ? from->left(p) : *(p - 1));
                kept_pixels += popcount(kept);
                return kept;
            });
            left = kept_pixels;
            from = to;
            to = next;
            next = from;
        }
        const double n = runs + empty, sum = total_, squares = 2 * remaining - total_;
        const double mean = sum / n;
        const double variance = (n * squares - sum * sum) / (n * n);
        out[0] = static_cast<float>(mean);
        out[1] = static_cast<float>(std::sqrt(variance > 0 ? variance : 0));
        out[2] = static_cast<float>(longest);
    }

    // Components, and the Euler number for 8-connectivity from 2x2 quads: (Q1 - Q3 - 2 QD) / 4.
    void connectivity(float* out) {
        int one = 0, three = 0, crossed = 0;
        mask_.each([&](const Word* p) {
            const Word a = mask_.left(p - 1), b = *(p - 1), c = mask_.left(p), d = *p;
            const Word odd = a ^ b ^ c ^ d, pair = (a & b) | (c & d);
            three += popcount(static_cast<Word>(odd & pair));
            one += popcount(static_cast<Word>(odd & ~pair));
            crossed += popcount(static_cast<Word>((a & d & ~b & ~c) | (b & c & ~a & ~d)));
        });
        out[0] = static_cast<float>(main_.count);
        out[1] = static_cast<float>((one - three - 2 * crossed) / 4);
    }

    void geometry(float* out) {
        if (main_.area == 0) {
            for (int i = 0; i < 7; ++i) out[i] = 0;
            return;
        }
        const Moments& m = moments_;
        const double cy = main_.row, cx = main_.col;
        const double spread = (m.m20 - 2 * cy * m.m10 + cy * cy * m.m00) + (m.m02 - 2 * cx * m.m01 + cx * cx * m.m00);
        const double values[7] = {double(main_.top), double(main_.left), double(main_.bottom), double(main_.right),
                                  cy, cx, spread / (m.m00 + 1e-7)};
        for (int i = 0; i < 7; ++i) out[i] = static_cast<float>(values[i]);
    }

    void projections(float* out) {
        std::int32_t rows[10] = {}, cols[10] = {};
        std::int64_t up_to[3] = {};  // foreground before the end of each group
        for (int r = 0; r < rows_; ++r) ++rows[row_bin_[row_sum_[r]]];
        for (int c = 0; c < cols_; ++c) ++cols[col_bin_[col_sum_[c]]];
        const int group = (rows_ + cols_ - 1) / 4;  // diagonals a group; the last group takes the remainder
        for (int r = 0; r < rows_; ++r) {
            const int first = r - (rows_ - 1);  // column of diagonal 0
            for (int i = 0; i < 3; ++i) up_to[i] += count_before(r, first + (i + 1) * group);
        }
        const std::int64_t diagonal[4] = {up_to[0], up_to[1] - up_to[0], up_to[2] - up_to[1], total_ - up_to[2]};
        const float n_rows = static_cast<float>(rows_ + 1e-7), n_cols = static_cast<float>(cols_ + 1e-7);
        for (int i = 0; i < 10; ++i) {
            out[i] = static_cast<float>(rows[i]) / n_rows;
            out[10 + i] = static_cast<float>(cols[i]) / n_cols;
        }
        const float divisor = static_cast<float>(total_ + 1e-7);
        for (int i = 0; i < 4; ++i) out[20 + i] = total_ ? static_cast<float>(diagonal[i]) / divisor : 0.0f;
    }

    void density(float* out) {
        int left = 0;
        for (int c = 0; c < cols_ / 2; ++c) left += col_sum_[c];
        out[0] = static_cast<float>(left / (total_ + 1e-7));
        out[1] = static_cast<float>((total_ - left) / (total_ + 1e-7));
    }

    const FamilyColumns columns_;
    int rows_, cols_;
    Image mask_, scratch_, scratch2_;
    std::uint8_t* byte_;
    std::uint64_t* eight_sums_;
    std::int32_t *row_sum_, *col_sum_, *area_, *row_bin_, *col_bin_, *first_col_, *last_col_, *hull_;
    double *first_power_, *second_power_, *third_power_;
    Run* runs_;
    int n_runs_ = 0, total_ = 0;
    Component main_;
    Moments moments_;
};

}  // namespace
}  // namespace skimgfeat
