// Eight floats at a time, for sums: compilers do not reorder floating-point additions by themselves, and the order must
// not depend on the instruction set.
#pragma once
#include <cstring>

namespace skimgfeat {
namespace {

#if defined(__GNUC__) || defined(__clang__)
typedef float Lanes __attribute__((vector_size(32)));
typedef float HalfLanes __attribute__((vector_size(16)));
#else
template <int N>
struct LanesOf {
    float v[N];
    friend LanesOf operator+(const LanesOf& a, const LanesOf& b) {
        LanesOf c;
        for (int i = 0; i < N; ++i) c.v[i] = a.v[i] + b.v[i];
        return c;
    }
    friend LanesOf operator*(const LanesOf& a, const LanesOf& b) {
        LanesOf c;
        for (int i = 0; i < N; ++i) c.v[i] = a.v[i] * b.v[i];
        return c;
    }
};
using Lanes = LanesOf<8>;
using HalfLanes = LanesOf<4>;
#endif

// As many floats as a register of the instruction set holds, for what has no sums across lanes.
#if defined(__AVX512F__)
constexpr int kWidest = 16;
typedef float Widest __attribute__((vector_size(64)));
#elif defined(__AVX2__) || !(defined(__GNUC__) || defined(__clang__))
constexpr int kWidest = 8;
using Widest = Lanes;
#else
constexpr int kWidest = 4;
using Widest = HalfLanes;
#endif

inline Widest widest(float value) {
    float v[kWidest];
    for (float& lane : v) lane = value;
    Widest lanes;
    std::memcpy(&lanes, v, sizeof lanes);
    return lanes;
}

inline Lanes load_lanes(const float* p) {
    Lanes lanes;
    std::memcpy(&lanes, p, sizeof lanes);
    return lanes;
}

inline float sum_lanes(const Lanes& lanes) {
    HalfLanes low, high;
    std::memcpy(&low, &lanes, sizeof low);
    std::memcpy(&high, reinterpret_cast<const char*>(&lanes) + sizeof low, sizeof high);
    low = low + high;
    float v[4];
    std::memcpy(v, &low, sizeof v);
    return (v[0] + v[2]) + (v[1] + v[3]);
}

// Of `length` floats, a multiple of sixteen.
inline float sum(const float* v, int length) {
    Lanes even = load_lanes(v), odd = load_lanes(v + 8);
    for (int i = 16; i < length; i += 16) {
        even = even + load_lanes(v + i);
        odd = odd + load_lanes(v + i + 8);
    }
    return sum_lanes(even + odd);
}

inline float sum_of_squares(const float* v, int length) {
    Lanes even = load_lanes(v) * load_lanes(v), odd = load_lanes(v + 8) * load_lanes(v + 8);
    for (int i = 16; i < length; i += 16) {
        const Lanes a = load_lanes(v + i), b = load_lanes(v + i + 8);
        even = even + a * a;
        odd = odd + b * b;
    }
    return sum_lanes(even + odd);
}

}  // namespace
}  // namespace skimgfeat
