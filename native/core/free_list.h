// The free pieces of a range of addresses, neighbours merged, the smallest that fits taken first.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace convtape {

class FreeList {
 public:
  using ByOffset = std::map<size_t, size_t>;  // offset -> size

  void insert(size_t offset, size_t size) {
    auto next = byOffset_.lower_bound(offset);
    if (next != byOffset_.begin()) {
      auto before = std::prev(next);
      if (before->first + before->second == offset) {
        offset = before->first;
        size += before->second;
        erase(before);
      }
    }
    if (next != byOffset_.end() && offset + size == next->first) {
      size += next->second;
      erase(next);
    }
    byOffset_.emplace(offset, size);
    bySize_.emplace(size, offset);
  }
  void erase(ByOffset::const_iterator piece) {
    bySize_.erase({piece->second, piece->first});
    byOffset_.erase(piece);
  }
  // Takes `size` bytes from the front of the smallest piece that has them; false where none has.
  bool take(size_t size, size_t* offset) {
    const auto fit = bySize_.lower_bound({size, 0});
    if (fit == bySize_.end()) return false;
    const size_t whole = fit->first;
    *offset = fit->second;
    erase(byOffset_.find(*offset));
    if (whole > size) insert(*offset + size, whole - size);
    return true;
  }
  const ByOffset& pieces() const { return byOffset_; }

 private:
  ByOffset byOffset_;
  std::set<std::pair<size_t, size_t>> bySize_;  // (size, offset)
};

}  // namespace convtape
