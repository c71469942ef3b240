// Making cases: the operands and their random values.
#include <cmath>

#include "check/check.h"
#include "core/error.h"
#include "core/philox.h"
#include "core/registry.h"

namespace convtape::device_check {
namespace {

int numberOf(const char* name) {
  for (int i = 0; i < opCount(); ++i)
    if (std::strcmp(opInfo(i).name, name) == 0) return i;
  return -1;
}

template <class T>
T* dataOf(Buffer& b) {
  return reinterpret_cast<T*>(b.bytes.data());
}

}  // namespace

double sums(int64_t depth, int64_t count) {
  const auto root = [](int64_t n) { return std::sqrt(static_cast<double>(n)); };
  return 1e-7 * (2 + root(depth) / 4 + (count > 0 ? 1 / root(count) : 0));
}

Case& Cases::make(const char* name, std::string shapes) {
  // By its name (FNV-1a), so that a new case gives no other one other values.
  uint32_t hash = 2166136261u;
  for (const char c : str(name, " ", shapes)) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  all_.emplace_back(new Case(numberOf(name), name, std::move(shapes), seed_ + (uint64_t{hash} << 32)));
  all_.back()->skipsLarge_ = skipsLarge_;
  return *all_.back();
}

// Adds a buffer to operands or results; those of a case that is skipped have no memory.
Buffer& Case::add(std::vector<Buffer>& to, DType dtype, int64_t count) {
  Buffer b;
  b.dtype = dtype;
  b.count = skipped_ ? 0 : count;
  b.given = true;
  b.bytes.resize(static_cast<size_t>(b.count) * sizeOf(dtype));
  seed_ += 0x10001;  // other values for every operand
  to.push_back(std::move(b));
  return to.back();
}

Buffer& Case::input(DType dtype, int64_t count) {
  sources_.emplace_back(nullptr, 0);
  return add(in_, dtype, count);
}

Buffer& Case::result(DType dtype, int64_t count) {
  keeps_.push_back(false);
  return add(out_, dtype, count);
}

static void fillNormal(Buffer& b, uint64_t seed, float mean, float deviation) {
  float* x = dataOf<float>(b);
  for (int64_t i = 0; i < b.count; i += 2) {
    const Philox4 words = philox(static_cast<uint64_t>(i), seed);
    float first, second;
    normalPair(words.v[0], words.v[1], &first, &second);
    x[i] = mean + deviation * first;
    if (i + 1 < b.count) x[i + 1] = mean + deviation * second;
  }
}

Case& Case::normal(int64_t count, float mean, float deviation) {
  fillNormal(input(DType::F32, count), seed_, mean, deviation);
  return *this;
}

Case& Case::uniform(int64_t count, float low, float high) {
  Buffer& b = input(DType::F32, count);
  float* x = dataOf<float>(b);
  for (int64_t i = 0; i < b.count; ++i) x[i] = low + (high - low) * unitFloat(philox(static_cast<uint64_t>(i), seed_).v[0]);
  return *this;
}

Case& Case::integers(int64_t count, int32_t below) {
  Buffer& b = input(DType::I32, count);
  int32_t* x = dataOf<int32_t>(b);
  for (int64_t i = 0; i < b.count; ++i)
    x[i] = static_cast<int32_t>(philox(static_cast<uint64_t>(i), seed_).v[0] % static_cast<uint32_t>(below));
  return *this;
}

Case& Case::bytes(int64_t count) {
  Buffer& b = input(DType::U8, count);
  uint8_t* x = dataOf<uint8_t>(b);
  for (int64_t i = 0; i < b.count; ++i) x[i] = static_cast<uint8_t>(philox(static_cast<uint64_t>(i), seed_).v[0]);
  return *this;
}

Case& Case::halves(int64_t count) {
  const int64_t made = skipped_ ? 0 : count;
  Buffer wide;
  wide.count = made;
  wide.bytes.resize(static_cast<size_t>(made) * sizeof(float));
  Buffer& b = input(DType::BF16, count);
  fillNormal(wide, seed_, 0, 1);
  for (size_t i = 0; i < static_cast<size_t>(made); ++i) std::memcpy(&b.bytes[2 * i], &wide.bytes[4 * i + 2], 2);
  return *this;
}

Case& Case::values(const std::vector<float>& list) {
  Buffer& b = input(DType::F32, static_cast<int64_t>(list.size()));
  std::memcpy(b.bytes.data(), list.data(), b.bytes.size());
  return *this;
}

Case& Case::values(const std::vector<int32_t>& list) {
  Buffer& b = input(DType::I32, static_cast<int64_t>(list.size()));
  std::memcpy(b.bytes.data(), list.data(), b.bytes.size());
  return *this;
}

Case& Case::from(Case& forward, int output) {
  const Buffer& source = forward.out_.at(static_cast<size_t>(output));
  input(source.dtype, source.count);
  sources_.back() = {&forward, output};
  return *this;
}

Case& Case::none() {
  in_.emplace_back();
  sources_.emplace_back(nullptr, 0);
  return *this;
}

Case& Case::output(int64_t count, DType dtype) {
  // Not zero: an element that a kernel leaves out must show.
  Buffer& b = result(dtype, count);
  std::memset(b.bytes.data(), 0xff, b.bytes.size());
  return *this;
}

Case& Case::updated(int64_t count, DType dtype) {
  Buffer& b = result(dtype, count);
  keeps_.back() = true;
  if (dtype == DType::F32)
    fillNormal(b, seed_, 0, 1);
  else
    for (size_t i = 0; i < b.bytes.size(); ++i) b.bytes[i] = static_cast<unsigned char>(philox(i, seed_).v[0] & 0x3f);
  return *this;
}

Case& Case::noOutput() {
  out_.emplace_back();
  keeps_.push_back(false);
  return *this;
}

}  // namespace convtape::device_check
