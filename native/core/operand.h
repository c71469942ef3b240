// What a kernel is given besides its parameters: typed views of the storages, checked against the parameters before it is queued.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "core/dtype.h"

namespace convtape {

struct Operand {
  void* data = nullptr;  // null where an optional operand was not given
  int64_t count = 0;
  DType dtype = DType::F32;

  explicit operator bool() const { return data != nullptr; }
  float* f32() const { return static_cast<float*>(data); }
  int32_t* i32() const { return static_cast<int32_t*>(data); }
  uint8_t* u8() const { return static_cast<uint8_t*>(data); }
  Bf16* bf16() const { return static_cast<Bf16*>(data); }
};

struct Operands {
  static constexpr int kMax = 6;
  Operand in[kMax];
  Operand out[kMax];
  int inputs = 0;
  int outputs = 0;
};

// Dimensions or strides: at most six.
constexpr int kMaxRank = 6;
struct Dims {
  int64_t rank = 0;
  int64_t d[kMaxRank] = {};
  int64_t operator[](int i) const { return d[i]; }
};

// Product of dimensions; refuses a negative one and a product that does not fit 53 bits.
int64_t product(const char* op, std::initializer_list<int64_t> dims);
int64_t product(const char* op, const Dims& dims);

// Refuses operands that do not have the element type and count that an operator's parameters imply, naming the operand.
class OperandChecker {
 public:
  OperandChecker(const char* op, const Operands& operands) : op_(op), operands_(operands) {}
  void input(int i, const char* name, DType dtype, int64_t count) const {
    one("input", name, operands_.inputs, operands_.in, i, dtype, count, false);
  }
  void optionalInput(int i, const char* name, DType dtype, int64_t count) const {
    one("input", name, operands_.inputs, operands_.in, i, dtype, count, true);
  }
  void output(int i, const char* name, DType dtype, int64_t count) const {
    one("output", name, operands_.outputs, operands_.out, i, dtype, count, false);
  }
  void optionalOutput(int i, const char* name, DType dtype, int64_t count) const {
    one("output", name, operands_.outputs, operands_.out, i, dtype, count, true);
  }
  // An operand walked over `shape` with element strides (0 along a broadcast axis) from element `offset`: every element it touches
  // must exist.
  void strided(int i, const char* name, DType dtype, const Dims& shape, const Dims& strides, int64_t offset = 0) const;
  void stridedOutput(int i, const char* name, DType dtype, const Dims& shape, const Dims& strides, int64_t offset = 0) const;
  // Refuses another number of operands than the operator takes.
  void arity(int inputs, int outputs) const;
  // Refuses a parameter outside [low, high].
  void range(const char* name, double value, double low, double high) const;

 private:
  void walk(const char* name, const Operand& operand, DType dtype, const Dims& shape, const Dims& strides, int64_t offset) const;
  void one(const char* role, const char* name, int given, const Operand* list, int i, DType dtype, int64_t count, bool optional) const;
  const char* op_;
  const Operands& operands_;
};

}  // namespace convtape
