// s^−beta and s^−(beta+1), what both response normalisations divide by.
#pragma once

#include "cuda/index.cuh"

namespace convtape::CONVTAPE_GPU {

// beta = ¾, the text's: s^−¾ = 1/√s · √(1/√s), both roots rounded correctly.
struct ThreeQuarters {
  __device__ __forceinline__ float power(float s) const {
    const float r = 1.0f / sqrtf(s);
    return r * sqrtf(r);
  }
  // Gives s^−beta, and s^−(beta+1) in *next.
  __device__ __forceinline__ float powers(float s, float* next) const {
    const float r = 1.0f / sqrtf(s), y = r * sqrtf(r);
    *next = y * (r * r);
    return y;
  }
};

struct AnyBeta {
  float minusBeta;
  __device__ __forceinline__ float power(float s) const { return powf(s, minusBeta); }
  __device__ __forceinline__ float powers(float s, float* next) const {
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
