// Response normalisation over windows of five channels, the text's: four channels at a time, whose windows share their squares, so that
// two rows are read for each that is written.
#pragma once

#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/response.h"
#include "cpu/response_tiles.h"
#include "cpu/vec.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

// A row of an output, written from its start to its end: at its place, or (kStream) in a buffer that the first-level cache holds, from
// where whole lines are streamed.
template <bool kStream>
class OutputRow {
 public:
  // Floats from buffer to buffer of several rows: with anything but a multiple of 1 KiB, all of it takes up to a third longer.
  static constexpr int64_t kBuffer = 256;
  static constexpr int64_t kPiece = kBuffer - 2 * kLine;  // floats between two flushes

  // out: null (kStream) for a row that nobody wants
  OutputRow(float* out, float* buffer) : buffer_(buffer), past_(pastLine(out)), line_(out - past_) {}
  // The row's float 0, were it still there: floats from the last flush on may be written.
  float* start() const { return kStream ? buffer_ + past_ - from_ : line_ + past_; }
  // All floats before `end` are written.
  void flush(int64_t end) {
    if (!kStream) return;
    const int64_t whole = (end + past_) / kLine * kLine;
    if (whole == from_) return;
    if (!line_) {
      from_ = whole;
      return;
    }
    int64_t i = from_;
    if (i < past_) {
      put(past_, kLine);
      i = kLine;
    }
    for (; i < whole; i += kLanes) stream(line_ + i, load(buffer_ + i - from_));
    std::copy_n(buffer_ + whole - from_, kLine, buffer_);
    from_ = whole;
  }
  // The row ends at `end`.
  void finish(int64_t end) {
    if (!kStream || !line_) return;
    flush(end);
    put(from_ < past_ ? past_ : from_, end + past_);
  }

 private:
  // A part of a line.
  void put(int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) line_[i] = buffer_[i - from_];
  }

  float* buffer_;
  int64_t past_;  // floats between the start of a line and the start of the row
  float* line_;
  int64_t from_ = 0;  // float of line_ that buffer_ begins with
};

// Channels c to c + 3 of a tile.
template <bool kStream>
class Quads {
 public:
  static constexpr int64_t kOut = 4;
  static constexpr int64_t kMost = kOut + 2;  // rows written at a time: the last two go with those before them
  static constexpr int64_t kTile = 4096;      // pixels
  // From row to row of a ring: not the same places of the first-level cache.
  static constexpr int64_t kRingPitch = kTile + 3 * kLanes;

  // Scratch memory of one worker, with a ring of so many rows.
  static int64_t bytes(int64_t rows) {
    const int64_t floats = 2 * kTile + kMost * OutputRow<kStream>::kBuffer + rows * kRingPitch;
    return (floats * static_cast<int64_t>(sizeof(float)) + 255) / 256 * 256;
  }
  Quads(const ResponseTiles& tiles, int64_t tile, int worker, void* memory)
      : tiles_(tiles),
        offset_(tiles.offset(tile)),
        following_(tiles.offset(Pool::following(tile, worker)) - tiles.channels * tiles.pitch),
        pixels_(tiles.pixels(tile)),
        zeros_(static_cast<float*>(memory)),
        spare_(zeros_ + kTile),
        buffers_(spare_ + kTile),
        ring_(buffers_ + kMost * OutputRow<kStream>::kBuffer) {
    std::fill_n(zeros_, pixels_, 0.0f);
  }
  float* ring() const { return ring_; }
  // The rows of channels from `first` on; zeros for those that do not exist.
  template <int64_t kRows>
  void rows(const float* x, int64_t first, const float* (&row)[kRows]) const {
    for (int64_t j = 0; j < kRows; ++j) row[j] = exists(first + j) ? place(x, first + j) : zeros_;
  }
  // What to ask the memory for, at a vector's place in four rows, while others are at work: channels `first` to first + 3, or, past the
  // last channel, those of the tile that probably comes next. Where there is none, that is nobody's, which is no fault. They go to the
  // second-level cache: until their turn comes, they would only be in the way in the first.
  class Ahead {
   public:
    Ahead(const float* row, int64_t pitch) : row_(row), pitch_(pitch) {}
    void operator()(int64_t v) const {
#pragma GCC unroll 8
      for (int j = 0; j < kOut; ++j) __builtin_prefetch(row_ + j * pitch_ + v, 0, 2);
    }

   private:
    const float* row_;
    int64_t pitch_;
  };
  Ahead ahead(const float* x, int64_t first) const {
    return {x + (first < tiles_.channels ? offset_ : following_) + first * tiles_.pitch, tiles_.pitch};
  }
  bool exists(int64_t c) const { return c >= 0 && c < tiles_.channels; }

  // body(v, lanes, out) for all vectors of pixels; what it stores to out[j] + v goes to channel first + j, or nowhere if there is no such
  // channel or j ≥ count.
  template <class Body>
  void write(float* y, int64_t first, int64_t count, Body&& body) const {
    const auto row = [&](int64_t j) {
      float* const to = j < count && exists(first + j) ? place(y, first + j) : kStream ? nullptr : spare_;
      return OutputRow<kStream>(to, buffers_ + j * OutputRow<kStream>::kBuffer);
    };
    OutputRow<kStream> rows[kMost] = {row(0), row(1), row(2), row(3), row(4), row(5)};
    for (int64_t begin = 0; begin < pixels_; begin += OutputRow<kStream>::kPiece) {
      const int64_t end = begin + OutputRow<kStream>::kPiece < pixels_ ? begin + OutputRow<kStream>::kPiece : pixels_;
      float* out[kMost];
      for (int64_t j = 0; j < kMost; ++j) out[j] = rows[j].start();
      forVectors(begin, end, [&](int64_t v, auto lanes) { body(v, lanes, out); });
      for (auto& r : rows) r.flush(end);
    }
    for (auto& r : rows) r.finish(pixels_);
  }

 private:
  template <class T>
  T* place(T* x, int64_t c) const {
    return x + offset_ + c * tiles_.pitch;
  }
  const ResponseTiles& tiles_;
  int64_t offset_, following_, pixels_;
  float *zeros_, *spare_, *buffers_, *ring_;
};

// Of eight values in a row, the sums of the four times five neighbours.
static inline void sumsOfFive(const Vec (&a)[8], Vec (&sum)[4]) {
  const Vec common = a[3] + a[4], left = a[2] + common, right = common + a[5];
  sum[0] = (a[0] + a[1]) + left;
  sum[1] = (a[1] + a[5]) + left;
  sum[2] = (a[2] + a[6]) + right;
  sum[3] = (a[6] + a[7]) + right;
}

// The sums of squares of the windows of row[2] to row[5], at v; `x` gets these four rows' and, before them, two others' values.
template <class Lanes>
static inline void squares(const float* const (&row)[8], int64_t v, Lanes lanes, Vec (&x)[6], Vec (&sum)[4]) {
  Vec square[8];
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) {
    const Vec a = lanes.load(row[j] + v);
    if (j < 6) x[j] = a;
    square[j] = a * a;
  }
  sumsOfFive(square, sum);
}

template <bool kStream, class Beta>
void forwardQuads(const LocalResponseNorm::Params& p, const float* x, float* y, Context& context, Beta beta) {
  using Four = Quads<kStream>;
  const ResponseTiles tiles(p, Four::kTile);
  const int64_t bytes = Four::bytes(0);
  const int workers = Pool::instance().workers();
  char* memory = static_cast<char*>(context.scratch(static_cast<size_t>(workers * bytes)));
  const Vec alpha = splat(p.alpha), k = splat(p.k);
  auto task = [&](int64_t tile, int worker) {
    const Four quads(tiles, tile, worker, memory + worker * bytes);
    for (int64_t c = 0; c < tiles.channels; c += Four::kOut) {
      const float* row[8];
      quads.rows(x, c - 2, row);
      const auto ahead = quads.ahead(x, c + Four::kOut + 2);
      quads.write(y, c, Four::kOut, [&, alpha, k, beta, ahead](int64_t v, auto lanes, float* const* out) {
        ahead(v);
        Vec own[6], sum[4];
        squares(row, v, lanes, own, sum);
#pragma GCC unroll 8
        for (int j = 0; j < 4; ++j) lanes.store(out[j] + v, own[j + 2] * beta.power(fma(alpha, sum[j], k)));
      });
    }
    if (kStream) streamFence();
  };
  parallelForWorkers(tiles.count, workers, task);
}

// dx[c] = share[c] − 2·alpha·beta·x[c]·Σ term over c's window, with share = dy·s^−beta and term = dy·x·s^−(beta+1). Terms and shares of
// channels c to c + 3 are made together with dx of c − 2 to c + 1; a ring keeps the last four terms and two shares.
template <bool kStream, class Beta>
void backwardQuads(const LocalResponseNorm::Params& p, const float* dy, const float* x, float* dx, Context& context, Beta beta) {
  using Four = Quads<kStream>;
  constexpr int kTerms = 4, kShares = 2;
  const ResponseTiles tiles(p, Four::kTile);
  const int64_t bytes = Four::bytes(kTerms + kShares);
  const int workers = Pool::instance().workers();
  char* memory = static_cast<char*>(context.scratch(static_cast<size_t>(workers * bytes)));
  const Vec alpha = splat(p.alpha), k = splat(p.k), factor = splat(-2.0f * p.alpha * p.beta);
  auto task = [&](int64_t tile, int worker) {
    const Four quads(tiles, tile, worker, memory + worker * bytes);
    float* const terms = quads.ring();
    float* const shares = terms + kTerms * Four::kRingPitch;
    for (int64_t c = 0; c < tiles.channels; c += Four::kOut) {
      const float *row[8], *given[4];
      quads.rows(x, c - 2, row);
      quads.rows(dy, c, given);
      const int64_t real = tiles.channels - c;  // of the four channels from c on, those that exist
      const bool last = real <= Four::kOut;
      const auto xAhead = quads.ahead(x, c + Four::kOut + 2), dyAhead = quads.ahead(dy, c + Four::kOut);
      const auto body = [&, alpha, k, factor, beta, xAhead, dyAhead, terms, shares, c](int64_t v, auto lanes, float* const* out) {
        xAhead(v);
        dyAhead(v);
        Vec own[6], sum[4], term[8]{}, share[6]{};
        squares(row, v, lanes, own, sum);
        if (c > 0) {
#pragma GCC unroll 8
          for (int j = 0; j < kTerms; ++j) term[j] = lanes.load(terms + j * Four::kRingPitch + v);
#pragma GCC unroll 8
          for (int j = 0; j < kShares; ++j) share[j] = lanes.load(shares + j * Four::kRingPitch + v);
        }
#pragma GCC unroll 8
        for (int j = 0; j < 4; ++j) {
          if (j >= real) {  // where k is 0, s^−beta of a window of nothing would be infinite
            term[4 + j] = share[2 + j] = Vec{};
            continue;
          }
          Vec power;
          const Vec d = lanes.load(given[j] + v);
          const Vec less = beta.powers(fma(alpha, sum[j], k), &power);
          share[2 + j] = d * less;
          term[4 + j] = d * own[2 + j] * power;
        }
        const auto put = [&](int j, Vec terms) { lanes.store(out[j] + v, fma(own[j] * factor, terms, share[j])); };
        sumsOfFive(term, sum);
#pragma GCC unroll 8
        for (int j = 0; j < 4; ++j) put(j, sum[j]);
        if (last) {  // the two behind: no term follows
          const Vec both = term[6] + term[7];
          put(4, (term[4] + term[5]) + both);
          put(5, term[5] + both);
          return;
        }
#pragma GCC unroll 8
        for (int j = 0; j < kTerms; ++j) lanes.store(terms + j * Four::kRingPitch + v, term[4 + j]);
#pragma GCC unroll 8
        for (int j = 0; j < kShares; ++j) lanes.store(shares + j * Four::kRingPitch + v, share[4 + j]);
      };
      quads.write(dx, c - 2, last ? Four::kMost : Four::kOut, body);
    }
    if (kStream) streamFence();
  };
  parallelForWorkers(tiles.count, workers, task);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
