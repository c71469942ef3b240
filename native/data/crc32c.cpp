#include "data/crc32c.h"

#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace convtape::data {
namespace {

struct Table {
  uint32_t of[8][256];  // of[k][b]: byte b, k bytes before the end of eight
  constexpr Table() : of() {
    for (uint32_t b = 0; b < 256; ++b) {
      uint32_t c = b;
      for (int bit = 0; bit < 8; ++bit) c = c & 1 ? c >> 1 ^ 0x82F63B78u : c >> 1;
      of[0][b] = c;
    }
    for (uint32_t b = 0; b < 256; ++b)
      for (int k = 1; k < 8; ++k) of[k][b] = of[k - 1][b] >> 8 ^ of[0][of[k - 1][b] & 255];
  }
};
constexpr Table kTable;

uint32_t portable(const uint8_t* bytes, size_t count, uint32_t c) {
  for (; count >= 8; bytes += 8, count -= 8) {
    c ^= static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 | static_cast<uint32_t>(bytes[2]) << 16 |
         static_cast<uint32_t>(bytes[3]) << 24;
    c = kTable.of[7][c & 255] ^ kTable.of[6][c >> 8 & 255] ^ kTable.of[5][c >> 16 & 255] ^ kTable.of[4][c >> 24] ^ kTable.of[3][bytes[4]] ^
        kTable.of[2][bytes[5]] ^ kTable.of[1][bytes[6]] ^ kTable.of[0][bytes[7]];
  }
  for (; count > 0; ++bytes, --count) c = c >> 8 ^ kTable.of[0][(c ^ *bytes) & 255];
  return c;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t byInstruction(const uint8_t* bytes, size_t count, uint32_t c) {
  uint64_t wide = c;
  for (; count >= 8; bytes += 8, count -= 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  c = static_cast<uint32_t>(wide);
  for (; count > 0; ++bytes, --count) c = _mm_crc32_u8(c, *bytes);
  return c;
}
#endif

}  // namespace

uint32_t crc32c(const uint8_t* bytes, size_t count, uint32_t before) {
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("sse4.2");
  if (fast) return ~byInstruction(bytes, count, ~before);
#endif
  return ~portable(bytes, count, ~before);
}

}  // namespace convtape::data
