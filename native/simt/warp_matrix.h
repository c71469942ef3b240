// Tensor cores, lane by lane: what mma.sync and the conversions of its operands mean, in the layouts of the PTX ISA ("Warp Level
// Matrix Multiply-Accumulate Instructions"). A lane's g is lane / 4 and its q is lane % 4.
#pragma once

#include <cstdint>

namespace simt {

// cvt.rna.tf32.f32: to 10 bits of mantissa, ties away from zero.
uint32_t toTf32(float x);
// cvt.rn.bf16x2.f32: two numbers to 7 bits of mantissa, ties to even; `low` goes to the lower half.
uint32_t packBf16(float low, float high);

// mma.m16n8k8, tf32: d (16×8) += a (16×8) · b (8×8).
//   a: (g, q), (g+8, q), (g, q+4), (g+8, q+4)   b: (q, g), (q+4, g)   d: (g, 2q), (g, 2q+1), (g+8, 2q), (g+8, 2q+1)
// An operand with bits below tf32's is a fault: the card would drop them.
void mmaTf32(const char* site, float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

// mma.m16n8k16, bf16: d (16×8) += a (16×16) · b (16×8); a register holds the depths 2q and 2q+1 (or 2q+8 and 2q+9), the first one in
// its lower half.
//   a: (g, 2q), (g+8, 2q), (g, 2q+8), (g+8, 2q+8)   b: (2q, g), (2q+8, g)   d: as above
void mmaBf16(const char* site, float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

}  // namespace simt
