// Scratch memory for one call: aligned, zeroed, freed together.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <cstring>

// Before a loop: no iteration reads what another writes, but for sums in local variables.
#if defined(__clang__)
#define SKIMGFEAT_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define SKIMGFEAT_INDEPENDENT _Pragma("GCC ivdep")
#elif defined(_MSC_VER)
#define SKIMGFEAT_INDEPENDENT __pragma(loop(ivdep))
#else
#define SKIMGFEAT_INDEPENDENT
#endif

namespace skimgfeat {
namespace {

class Arena {
  public:
    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena() {
        while (head_) {
            Block* next = head_->next;
            std::free(head_);
            head_ = next;
        }
    }

    // A zeroed array of `count` values on a 64-byte boundary; null, and failed() from then on, where memory ran out.
    template <typename T>
    T* take(std::size_t count) {
        const std::size_t bytes = count * sizeof(T) + 2 * kAlign;
        Block* block = static_cast<Block*>(std::calloc(1, bytes));
        if (!block) {
            failed_ = true;
            return nullptr;
        }
        block->next = head_;
        head_ = block;
        const std::size_t address = reinterpret_cast<std::size_t>(block + 1);
        return reinterpret_cast<T*>((address + kAlign - 1) / kAlign * kAlign);
    }

    bool failed() const { return failed_; }

  private:
    static constexpr std::size_t kAlign = 64;
    struct Block {
        Block* next;
    };
    Block* head_ = nullptr;
    bool failed_ = false;
};

inline int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace
}  // namespace skimgfeat
