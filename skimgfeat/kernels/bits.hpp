// Binary images as machine words, one bit a pixel. Every operation is and / or / shift / popcount over rows, and the
// inner loop always runs over rows, so that the compiler puts 8 or 16 of them in a register.
#pragma once
#include <cstdint>
#include <cstring>

#include "arena.hpp"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define SKIMGFEAT_INLINE __forceinline
#else
#define SKIMGFEAT_INLINE inline __attribute__((always_inline))
#endif

namespace skimgfeat {
namespace {

#if defined(_MSC_VER) && !defined(__clang__)
SKIMGFEAT_INLINE int popcount(std::uint32_t x) { return static_cast<int>(__popcnt(x)); }
SKIMGFEAT_INLINE int popcount(std::uint64_t x) { return static_cast<int>(__popcnt64(x)); }
SKIMGFEAT_INLINE int lowest_bit(std::uint64_t x) {
    unsigned long index;
    _BitScanForward64(&index, x);
    return static_cast<int>(index);
}
#else
SKIMGFEAT_INLINE int popcount(std::uint32_t x) { return __builtin_popcount(x); }
SKIMGFEAT_INLINE int popcount(std::uint64_t x) { return __builtin_popcountll(x); }
SKIMGFEAT_INLINE int lowest_bit(std::uint64_t x) { return __builtin_ctzll(x); }
#endif

// Word k of row r is at(k)[r]. The last column always leaves at least one bit of its word free, rows -1 and from `rows`
// on are blank, and so are the words before the first and after the last: neighbors never need a special case.
// With Wide = false there is one word a row and no carry between words is compiled.
template <typename Word, bool Wide>
class BitImage {
  public:
    static constexpr int kBits = 8 * sizeof(Word);

    BitImage(int rows, int cols, Arena& arena)
        : words(Wide ? cols / kBits + 1 : 1), padded(round_up(rows + 1, 16)) {
        plane_ = padded + 16;
        first_ = arena.take<Word>(plane_ * (words + 2) + 16);
        if (first_) first_ += plane_ + 16;
    }

    Word* at(int k) { return first_ + k * plane_; }
    const Word* at(int k) const { return first_ + k * plane_; }

    // Call f for a pointer to every word. What f adds up must be local variables of the caller.
    template <typename F>
    SKIMGFEAT_INLINE void each(F f) const {
        const int n = padded;
        for (int k = 0; k < words; ++k) {
            const Word* p = at(k);
            SKIMGFEAT_INDEPENDENT
            for (int r = 0; r < n; ++r) f(p + r);
        }
    }

    // Every word of `target` becomes f of a pointer to the word in its place here.
    template <typename F>
    SKIMGFEAT_INLINE void map_to(BitImage& target, F f) const {
        const int n = padded;
        for (int k = 0; k < words; ++k) {
            const Word* p = at(k);
            Word* result = target.at(k);
            SKIMGFEAT_INDEPENDENT
            for (int r = 0; r < n; ++r) result[r] = f(p + r);
        }
    }

    // The pixel to the left, or to the right, of each pixel of the word at p.
    SKIMGFEAT_INLINE Word left(const Word* p) const {
        Word word = *p << 1;
        if (Wide) word |= p[-plane_] >> (kBits - 1);
        return word;
    }
    SKIMGFEAT_INLINE Word right(const Word* p) const {
        Word word = *p >> 1;
        if (Wide) word |= p[plane_] << (kBits - 1);
        return word;
    }

    void copy_from(const BitImage& other) {
        for (int k = 0; k < words; ++k) std::memcpy(at(k), other.at(k), padded * sizeof(Word));
    }

    void clear() {
        for (int k = 0; k < words; ++k) std::memset(at(k), 0, padded * sizeof(Word));
    }

    // Set columns [start, end) of row r.
    void fill(int r, int start, int end) {
        for (int k = start / kBits; k * kBits < end; ++k) at(k)[r] |= range(k, start, end);
    }

    // The bits of word k that stand for columns [start, end).
    static SKIMGFEAT_INLINE Word range(int k, int start, int end) {
        const int low = start - k * kBits, high = end - k * kBits;
        return below(high) & ~below(low);
    }

    int words, padded;

  private:
    static SKIMGFEAT_INLINE Word below(int bit) {
        return bit <= 0 ? Word(0) : bit >= kBits ? ~Word(0) : (Word(1) << bit) - 1;
    }

    std::ptrdiff_t plane_;
    Word* first_;
};

// Counts 0, 1, 2, ... of set bits at each position, up to three and "four or more".
template <typename Word>
struct BitCounter {
    Word ones = 0, twos = 0, more = 0;
    SKIMGFEAT_INLINE void add(Word bits) {
        const Word carry = ones & bits;
        ones ^= bits;
        more |= twos & carry;
        twos ^= carry;
    }
    SKIMGFEAT_INLINE Word exactly(int n) const {
        return (n & 1 ? ones : ~ones) & (n & 2 ? twos : ~twos) & ~more;
    }
    SKIMGFEAT_INLINE Word at_least_three() const { return more | (ones & twos); }
};

// Which neighborhoods thinning removes: 1 in the first half of a pass, 2 in the second, 3 in both. The place in the
// table has a bit for each neighbor set: NW 1, N 2, NE 4, E 8, SE 16, S 32, SW 64, W 128. This is how scikit-image's
// skeletonize behaves, probed on all 256 neighborhoods; 25 of them differ from Zhang and Suen's paper.
constexpr char kThinning[] =
    "0001001300311013000000002020303300000000300000000000000020003022"
    "0000000000000000000000000000000020000000200020003000000030003020"
    "0031001300000001000000000000000131000000000000002000000000000000"
    "2313001300000001000000000000000023010001000000003301000022002000";

template <int Half, int Start, int Count>
constexpr bool constant_is(bool value) {
    for (int i = Start; i < Start + Count; ++i)
        if (((kThinning[i] - '0') & Half) / Half != value) return false;
    return true;
}

// The table as boolean logic on whole words: a tree of selections over the neighbors, folded where it is constant.
template <int Half, int Start, int Count, typename Word>
SKIMGFEAT_INLINE Word thinned(const Word (&neighbor)[8]) {
    if constexpr (constant_is<Half, Start, Count>(false)) {
        return 0;
    } else if constexpr (constant_is<Half, Start, Count>(true)) {
        return ~Word(0);
    } else {
        constexpr int half = Count / 2;
        constexpr int index = Count == 256 ? 7 : Count == 128 ? 6 : Count == 64 ? 5 : Count == 32 ? 4
                              : Count == 16 ? 3 : Count == 8 ? 2 : Count == 4 ? 1 : 0;
        const Word absent = thinned<Half, Start, half>(neighbor);
        const Word present = thinned<Half, Start + half, half>(neighbor);
        return (absent & ~neighbor[index]) | (present & neighbor[index]);
    }
}

// Half a pass of thinning from `source` to `target`; returns whether anything was removed.
template <int Half, typename Word, bool Wide>
bool thin_half(const BitImage<Word, Wide>& source, BitImage<Word, Wide>& target) {
    Word removed = 0;
    source.map_to(target, [&](const Word* p) {
        const Word neighbor[8] = {source.left(p - 1),  *(p - 1),  source.right(p - 1), source.right(p),
                                  source.right(p + 1), *(p + 1), source.left(p + 1),  source.left(p)};
        const Word gone = *p & thinned<Half, 0, 256>(neighbor);
        removed |= gone;
        return *p & ~gone;
    });
    return removed != 0;
}

// Thin `image` in place until nothing changes; `other` is scratch.
template <typename Word, bool Wide>
void thin(BitImage<Word, Wide>& image, BitImage<Word, Wide>& other) {
    bool changed = true;
    while (changed) {
        changed = thin_half<1>(image, other);
        changed = thin_half<2>(other, image) || changed;
    }
}

}  // namespace
}  // namespace skimgfeat
