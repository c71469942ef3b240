// JPEG to planes of red, green and blue, by libjpeg-turbo where the build found it (CONVTAPE_JPEG).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace convtape::data {

constexpr bool haveJpeg() {
#if defined(CONVTAPE_JPEG)
  return true;
#else
  return false;
#endif
}

// Decodes an image of height × width pixels to 3 × height × width bytes. Returns what is wrong, or nothing. `row` is scratch memory.
std::string decodeJpeg(const uint8_t* bytes, size_t count, int64_t height, int64_t width, uint8_t* planes, std::vector<uint8_t>& row);

}  // namespace convtape::data
