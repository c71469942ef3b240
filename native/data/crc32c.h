// CRC-32C (Castagnoli, RFC 3720 B.4): the checksum of records in shards. By the processor's instruction where there is one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace convtape::data {

// The checksum of `bytes` that follow those `before` is the checksum of; 0 for the first ones.
uint32_t crc32c(const uint8_t* bytes, size_t count, uint32_t before = 0);

}  // namespace convtape::data
