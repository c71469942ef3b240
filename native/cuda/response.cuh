// s^−beta and s^−(beta+1), what both response normalisations divide by.
#pragma once

#include "cuda/index.cuh"

namespace convtape::CONVTAPE_GPU {

// beta = ¾, the text's. q = s^−¼ from the card's estimates of 1/√s, then one step of Newton's method for q^−4 = s: without a division or a
// root that is rounded correctly, which are subroutines of many registers.
struct ThreeQuarters {
  __device__ __forceinline__ float power(float s) const {
    const float q = fourthRoot(s);
    return q * q * q;
  }
  // Gives s^−beta, and s^−(beta+1) in *next.
  __device__ __forceinline__ float powers(float s, float* next /* (1) */) const {
    const float q = fourthRoot(s), q2 = q * q, y = q2 * q;
    *next = q2 * q2 * y;
    return y;
  }

 private:
  __device__ __forceinline__ static float fourthRoot(float s) {
    s = s > 3.4e38f ? 3.4e38f : s;  // at infinity the estimates' product would be NaN
    const float r = rsqrtf(s), q = r * rsqrtf(r), q2 = q * q;
    return fmaf(q, fmaf(s * q2, -0.25f * q2, 0.25f), q);
  }
};

struct AnyBeta {
  float minusBeta;
  __device__ __forceinline__ float power(float s) const { return powf(s, minusBeta); }
  __device__ __forceinline__ float powers(float s, float* next /* (1) */) const {
    const float y = powf(s, minusBeta);
    *next = y / s;
    return y;
  }
};

// body(power) with the cheaper of the two.
template <class Body>
void withBeta(float beta, Body&& body) {
  if (beta == 0.75f)
    body(ThreeQuarters{});
  else
    body(AnyBeta{-beta});
}

}  // namespace convtape::CONVTAPE_GPU
