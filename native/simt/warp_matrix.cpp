#include "simt/warp_matrix.h"

#include <cmath>
#include <cstring>

#include "simt/executor.h"

namespace simt {

namespace {

uint32_t bitsOf(float x) {
  uint32_t u;
  std::memcpy(&u, &x, sizeof u);
  return u;
}
float floatOf(uint32_t u) {
  float x;
  std::memcpy(&x, &u, sizeof x);
  return x;
}

// A lane's deposit: a in words 0 and 1, b in word 2, d in words 3 and 4.
struct Fragments {
  uint32_t a[4], b[2];
  float d[4];
};

constexpr int kM = 16, kN = 8, kMostK = 16;

// Products are exact in double; the order of the additions on the card is not known, so they are added in double and rounded once.
template <int kK, class Place>
void multiply(Thread* const* lanes, Place place) {
  double a[kM][kMostK], b[kMostK][kN];
  Fragments f[32];
  for (int lane = 0; lane < 32; ++lane) {
    std::memcpy(&f[lane], lanes[lane]->deposit, sizeof(Fragments));
    place(lane / 4, lane % 4, f[lane], a, b);
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int e = 0; e < 4; ++e) {
      const int row = lane / 4 + (e / 2) * 8, column = lane % 4 * 2 + e % 2;
      double sum = f[lane].d[e];
      for (int k = 0; k < kK; ++k) sum += a[row][k] * b[k][column];
      f[lane].d[e] = static_cast<float>(sum);
    }
    std::memcpy(lanes[lane]->deposit, &f[lane], sizeof(Fragments));
  }
}

void collective(const char* site, float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                void (*last)(Thread* const* lanes, uint32_t mask)) {
  static_assert(sizeof(Fragments) <= sizeof(Thread::deposit), "a lane's fragments must fit its deposit");
  Thread* t = currentThread;
  Fragments f;
  std::memcpy(f.a, a, sizeof f.a);
  std::memcpy(f.b, b, sizeof f.b);
  std::memcpy(f.d, d, sizeof f.d);
  std::memcpy(t->deposit, &f, sizeof f);
  if (t->warp * 32u + 32 > currentBlockDim.count()) faultAt(site, "mma in a warp of fewer than 32 threads");
  warpCollective(site, 0xffffffffu, last, false);
  std::memcpy(&f, t->deposit, sizeof f);
  std::memcpy(d, f.d, sizeof f.d);
}

void requireTf32(const char* site, uint32_t u) {
  const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
  if (!nan && (u & 0x1fffu)) faultAt(site, "an operand of mma is no tf32 number: its conversion is missing");
}

}  // namespace

uint32_t toTf32(float x) {
  if (std::isnan(x)) return 0x7fffffffu;
  if (std::isinf(x)) return bitsOf(x);
  return (bitsOf(x) + 0x1000u) & ~0x1fffu;  // the carry may go up to infinity, as it should
}

uint32_t packBf16(float low, float high) {
  auto one = [](float x) -> uint32_t {
    if (std::isnan(x)) return 0x7fffu;
    const uint32_t u = bitsOf(x);
    return (u + 0x7fffu + (u >> 16 & 1)) >> 16;
  };
  return one(high) << 16 | one(low);
}

void mmaTf32(const char* site, float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  for (const uint32_t u : a) requireTf32(site, u);
  for (const uint32_t u : b) requireTf32(site, u);
  collective(site, d, a, b, [](Thread* const* lanes, uint32_t) {
    multiply<8>(lanes, [](int g, int q, const Fragments& f, double (*a)[kMostK], double (*b)[kN]) {
      a[g][q] = floatOf(f.a[0]);
      a[g + 8][q] = floatOf(f.a[1]);
      a[g][q + 4] = floatOf(f.a[2]);
      a[g + 8][q + 4] = floatOf(f.a[3]);
      b[q][g] = floatOf(f.b[0]);
      b[q + 4][g] = floatOf(f.b[1]);
    });
  });
}

void mmaBf16(const char* site, float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  collective(site, d, a, b, [](Thread* const* lanes, uint32_t) {
    multiply<16>(lanes, [](int g, int q, const Fragments& f, double (*a)[kMostK], double (*b)[kN]) {
      for (int half = 0; half < 2; ++half) {
        auto value = [&](uint32_t u) -> double { return floatOf(half ? u & 0xffff0000u : u << 16); };
        a[g][2 * q + half] = value(f.a[0]);
        a[g + 8][2 * q + half] = value(f.a[1]);
        a[g][2 * q + 8 + half] = value(f.a[2]);
        a[g + 8][2 * q + 8 + half] = value(f.a[3]);
        b[2 * q + half][g] = value(f.b[0]);
        b[2 * q + 8 + half][g] = value(f.b[1]);
      }
    });
  });
}

}  // namespace simt
