#include "core/operand.h"

#include "core/error.h"

namespace convtape {

int64_t product(const char* op, std::initializer_list<int64_t> dims) {
  int64_t total = 1;
  for (int64_t d : dims) {
    if (d < 0) fail(ErrorKind::Range, op, "a dimension is negative: ", d);
    if (__builtin_mul_overflow(total, d, &total) || total > (int64_t{1} << 53)) fail(ErrorKind::Range, op, "more than 2^53 elements");
  }
  return total;
}

int64_t product(const char* op, const Dims& dims) {
  int64_t total = 1;
  for (int i = 0; i < dims.rank; ++i) total = product(op, {total, dims[i]});
  return total;
}

void OperandChecker::strided(int i, const char* name, DType dtype, const Dims& shape, const Dims& strides, int64_t offset) const {
  if (i >= operands_.inputs || !operands_.in[i]) fail(ErrorKind::Type, op_, "input ", i, " (", name, ") is missing");
  walk(name, operands_.in[i], dtype, shape, strides, offset);
}

void OperandChecker::stridedOutput(int i, const char* name, DType dtype, const Dims& shape, const Dims& strides, int64_t offset) const {
  if (i >= operands_.outputs || !operands_.out[i]) fail(ErrorKind::Type, op_, "output ", i, " (", name, ") is missing");
  walk(name, operands_.out[i], dtype, shape, strides, offset);
}

void OperandChecker::walk(const char* name, const Operand& operand, DType dtype, const Dims& shape, const Dims& strides,
                          int64_t offset) const {
  if (operand.dtype != dtype) fail(ErrorKind::Type, op_, name, " must be ", nameOf(dtype), ", got ", nameOf(operand.dtype));
  if (shape.rank != strides.rank) fail(ErrorKind::Range, op_, name, " has ", strides.rank, " strides for a shape of rank ", shape.rank);
  int64_t last = offset;
  if (offset < 0 || offset > operand.count) fail(ErrorKind::Range, op_, name, " has no element ", offset);
  for (int d = 0; d < shape.rank; ++d) {
    if (strides[d] < 0) fail(ErrorKind::Range, op_, name, " has a negative stride");
    int64_t span = 0;
    if (shape[d] == 0) return;
    if (__builtin_mul_overflow(shape[d] - 1, strides[d], &span) || __builtin_add_overflow(last, span, &last))
      fail(ErrorKind::Range, op_, "strides of ", name, " are too large");
  }
  if (last >= operand.count) fail(ErrorKind::Range, op_, name, " has ", operand.count, " elements, its strides reach element ", last);
}

void OperandChecker::one(const char* role, const char* name, int given, const Operand* list, int i, DType dtype, int64_t count,
                         bool optional) const {
  const bool present = i < given && list[i];
  if (!present) {
    if (optional) return;
    fail(ErrorKind::Type, op_, role, " ", i, " (", name, ") is missing");
  }
  if (list[i].dtype != dtype) fail(ErrorKind::Type, op_, name, " must be ", nameOf(dtype), ", got ", nameOf(list[i].dtype));
  if (list[i].count != count) fail(ErrorKind::Range, op_, name, " must have ", count, " elements, got ", list[i].count);
}

void OperandChecker::arity(int inputs, int outputs) const {
  if (operands_.inputs > inputs || operands_.outputs > outputs)
    fail(ErrorKind::Type, op_, "takes ", inputs, " inputs and ", outputs, " outputs, got ", operands_.inputs, " and ", operands_.outputs);
}

void OperandChecker::range(const char* name, double value, double low, double high) const {
  if (!(value >= low && value <= high)) fail(ErrorKind::Range, op_, name, " must be between ", low, " and ", high, ", got ", value);
}

}  // namespace convtape
