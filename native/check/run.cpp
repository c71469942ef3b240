// Running cases: the CPU's kernel, the GPU's, and what is between their results.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "check/check.h"
#include "check/families.h"
#include "core/error.h"
#include "cpu/device.h"
#include "cuda/kernels.h"
#include "cuda/peak.h"

namespace convtape::device_check {

namespace gpu = convtape::CONVTAPE_GPU;

#ifdef CONVTAPE_SIMULATED
constexpr bool kSimulated = true;
#else
constexpr bool kSimulated = false;
#endif

namespace {

void require(cudaError_t status, const char* call) { gpu::check(status, "", call); }

// A block of device memory. With the simulator, exactly the bytes asked for may be touched, in the order of the stream.
class Block {
 public:
  Block(size_t bytes, cudaStream_t stream) : bytes_(bytes), stream_(stream) {
    require(cudaMalloc(&data_, std::max<size_t>(bytes, 1) + 256), "cudaMalloc");
    annotate(true);
  }
  ~Block() {
    annotate(false);
    cudaFree(data_);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  void renew() {  // as if it had been allocated just now
    annotate(false);
    annotate(true);
  }

 private:
  void annotate(bool allocated) {
#ifdef CONVTAPE_SIMULATED
    allocated ? simt::annotateAllocated(stream_, data_, bytes_) : simt::annotateReleased(stream_, data_, bytes_);
#else
    (void)allocated;
#endif
  }

  void* data_ = nullptr;
  const size_t bytes_;
  const cudaStream_t stream_;
};

class CheckContext : public gpu::Context {
 public:
  explicit CheckContext(const Options& options) {
    require(cudaSetDevice(options.device), "cudaSetDevice");
    require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    cudaDeviceProp properties;
    require(cudaGetDeviceProperties(&properties, options.device), "cudaGetDeviceProperties");
    device = options.device;
    multiprocessors = properties.multiProcessorCount;
    capability = properties.major * 10 + properties.minor;
    if (options.capability) capability = options.capability < capability ? options.capability : capability;
    sharedLimit = properties.sharedMemPerBlockOptin;
    precision = currentPrecision();
    name = properties.name;
    peak = gpu::peakRatesOf(device, properties);
  }

  // Runs the operator and waits. Its scratch memory is kept, so that the next run with these sizes allocates none.
  void queueAndFinish(int op, const char* opName, const void* params, const Operands& operands) {
    this->op = opName;
    describe_ = nullptr;
    taken_ = 0;
    gpu::kernels().kernels[op](params, operands, *this);
    finish();
  }
  // The same, and throws what its kernels reported.
  void run(int op, const char* opName, const void* params, const Operands& operands) {
    queueAndFinish(op, opName, params, operands);
    if (describe_) {
      gpu::Report report = 0;
      require(cudaMemcpyAsync(&report, report_->data(), sizeof report, cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
      finish();
      gpu::throwReport(opName, params_.data(), report, describe_);
    }
  }
  void releaseScratch() {
    pieces_.clear();
    report_.reset();
  }
  void finish() {
    const cudaError_t status = cudaStreamSynchronize(stream);
    if (status != cudaSuccess) cudaGetLastError();  // told here, and not by the next case
#ifdef CONVTAPE_SIMULATED
    const std::string fault = simt::takeFault(device);
    if (!fault.empty()) fail(ErrorKind::Device, op, fault);
#endif
    gpu::check(status, op, "cudaStreamSynchronize");
  }

  std::string name;
  PeakRates peak;

 protected:
  void* scratchBytes(size_t bytes) override {
    const size_t i = taken_++;
    if (i < pieces_.size() && pieces_[i]->bytes() == bytes) {
      pieces_[i]->renew();
    } else {
      pieces_.resize(i);
      pieces_.push_back(std::make_unique<Block>(bytes, stream));
    }
    return pieces_[i]->data();
  }
  gpu::Report* reportTo(const void* params, size_t bytes, gpu::Describe describe) override {
    if (!report_) report_ = std::make_unique<Block>(sizeof(gpu::Report), stream);
    require(cudaMemsetAsync(report_->data(), 0xff, sizeof(gpu::Report), stream), "cudaMemsetAsync");
    const auto* first = static_cast<const unsigned char*>(params);
    params_.assign(first, first + bytes);
    describe_ = describe;
    return static_cast<gpu::Report*>(report_->data());
  }

 private:
  std::vector<std::unique_ptr<Block>> pieces_;
  size_t taken_ = 0;  // of the pieces, in this run
  std::unique_ptr<Block> report_;
  std::vector<unsigned char> params_;
  gpu::Describe describe_ = nullptr;
};

struct Difference {
  double error = 0;      // ‖a − b‖ / ‖b‖
  int64_t unequal = -1;  // first element that differs in its bits where they must agree, or in being NaN or infinite
};

Difference compare(const Buffer& cpu, const std::vector<unsigned char>& gpuBytes, bool exact) {
  Difference d;
  const size_t size = sizeOf(cpu.dtype);
  if (cpu.dtype != DType::F32) {
    for (int64_t i = 0; i < cpu.count && d.unequal < 0; ++i)
      if (std::memcmp(&cpu.bytes[static_cast<size_t>(i) * size], &gpuBytes[static_cast<size_t>(i) * size], size) != 0) d.unequal = i;
    return d;
  }
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < cpu.count; ++i) {
    float a, b;
    std::memcpy(&a, &gpuBytes[static_cast<size_t>(i) * 4], 4);
    std::memcpy(&b, &cpu.bytes[static_cast<size_t>(i) * 4], 4);
    if (exact && std::memcmp(&a, &b, 4) != 0 && !(std::isnan(a) && std::isnan(b)) && d.unequal < 0) d.unequal = i;
    const bool finite = std::isfinite(a) && std::isfinite(b);
    if (!finite) {
      const bool same = std::isnan(b) ? std::isnan(a) : a == b;
      if (!same && d.unequal < 0) d.unequal = i;
      continue;
    }
    difference += (double{a} - b) * (double{a} - b);
    norm += double{b} * b;
  }
  d.error = difference == 0 ? 0 : norm == 0 ? HUGE_VAL : std::sqrt(difference / norm);
  return d;
}

double medianOf(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string valueAt(const Buffer& like, const std::vector<unsigned char>& bytes, int64_t i) {
  if (like.dtype == DType::U8) return std::to_string(bytes[static_cast<size_t>(i)]);
  if (like.dtype == DType::I32) {
    int32_t v;
    std::memcpy(&v, &bytes[static_cast<size_t>(i) * 4], 4);
    return std::to_string(v);
  }
  float v = 0;
  // bf16 is a float's upper half.
  const size_t size = sizeOf(like.dtype);
  std::memcpy(reinterpret_cast<unsigned char*>(&v) + sizeof v - size, &bytes[static_cast<size_t>(i) * size], size);
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", v);
  return text;
}

}  // namespace

class Runner {
 public:
  explicit Runner(const Options& options)
      : options_(options),
        cpu_(*new cpu::CpuDevice(0, 0)),
        cpuContext_(cpu_),
        gpu_(options),
        repeat_(options.repeat ? options.repeat
                : kSimulated   ? 0
                               : 20) {}

  bool run() {
    Cases cases(options_.seed, kSimulated);
#define CONVTAPE_ROW(family)  \
  void family##Cases(Cases&); \
  family##Cases(cases);
    CONVTAPE_FOR_EACH_FAMILY(CONVTAPE_ROW)
#undef CONVTAPE_ROW
    if (!options_.list)
      std::printf("%s, against the CPU's %s kernels, seed %llu\n", gpu_.name.c_str(), cpu::kernels().isa,
                  static_cast<unsigned long long>(options_.seed));
    int right = 0, wrong = 0;
    int64_t number = 0;
    for (auto& c : cases.all_) {
      if (options_.parts > 0 && number++ % options_.parts != options_.part) continue;
      if (!options_.op.empty() && options_.op != c->name_) continue;
      if (options_.failures && !c->failure_) continue;
      if (c->large_ && kSimulated) continue;
      if (options_.most && elementsOf(*c) > options_.most) continue;
      if (c->keepsRange_ && roundingOf() > 0) continue;
      if (options_.list) {
        std::printf("%-24s %s%s\n", c->name_, c->shapes_.c_str(), c->failure_ ? " (fails)" : "");
        continue;
      }
      one(*c) ? ++right : ++wrong;
      std::fflush(stdout);
    }
    if (options_.list) return true;
    std::printf("%d right, %d wrong\n", right, wrong);
    if (right + wrong == 0) std::printf("no case of that name\n");
    return wrong == 0 && right > 0;
  }

 private:
  // The operands as the CPU has them; inputs that other cases give are computed first.
  Operands onCpu(Case& c, std::vector<Buffer>& out) {
    Operands o;
    for (size_t i = 0; i < c.in_.size(); ++i) {
      if (c.sources_[i].first) c.in_[i].bytes = resultOf(*c.sources_[i].first, c.sources_[i].second);
      if (c.in_[i].given) o.in[i] = {address(c.in_[i]), c.in_[i].count, c.in_[i].dtype};
    }
    for (size_t i = 0; i < out.size(); ++i)
      if (out[i].given) o.out[i] = {address(out[i]), out[i].count, out[i].dtype};
    o.inputs = static_cast<int>(c.in_.size());
    o.outputs = static_cast<int>(out.size());
    return o;
  }
  static void* address(Buffer& b) { return b.bytes.empty() ? static_cast<void*>(&b) : b.bytes.data(); }

  const std::vector<unsigned char>& resultOf(Case& c, int output) {
    if (!c.computed_) {
      std::vector<Buffer>& kept = kept_.emplace_back(c.out_);
      where_.emplace_back(&c, &kept);
      const Operands o = onCpu(c, kept);
      cpu::kernels().kernels[c.op_](c.params_, o, cpuContext_);
      c.computed_ = true;
    }
    for (auto& [owner, buffers] : where_)
      if (owner == &c) return (*buffers)[static_cast<size_t>(output)].bytes;
    fail(ErrorKind::Device, "check", "a result is missing");
  }

  bool one(Case& c) {
    std::string cpuError, gpuError;
    std::vector<Buffer> expected = c.out_;
    const Operands operands = onCpu(c, expected);
    try {
      c.check_(c.params_, operands);
      cpu::kernels().kernels[c.op_](c.params_, operands, cpuContext_);
    } catch (const std::exception& e) {
      cpuError = e.what();
    }
    std::vector<std::vector<unsigned char>> results;
    double seconds = 0;
    try {
      results = onGpu(c, seconds);
    } catch (const std::exception& e) {
      gpuError = e.what();
    }
    gpu_.releaseScratch();
    if (c.failure_ || !cpuError.empty() || !gpuError.empty()) {
      const bool ok = c.failure_ && cpuError.find(c.failure_) != std::string::npos && gpuError.find(c.failure_) != std::string::npos;
      if (ok)
        line(c, true, "fails: " + gpuError);
      else
        line(c, false, "CPU: " + (cpuError.empty() ? "no error" : cpuError) + "; GPU: " + (gpuError.empty() ? "no error" : gpuError));
      return ok;
    }
    const double tolerance = c.product_ && c.tolerance_ < roundingOf() ? roundingOf() : c.tolerance_;
    Difference worst;
    std::string where;
    for (size_t i = 0; i < expected.size(); ++i) {
      if (!expected[i].given) continue;
      const Difference d = compare(expected[i], results[i], tolerance == 0);
      worst.error = std::max(worst.error, d.error);
      if (d.unequal >= 0 && worst.unequal < 0) {
        worst.unequal = d.unequal;
        where = str("output ", i, " element ", d.unequal, ": CPU ", valueAt(expected[i], expected[i].bytes, d.unequal), ", GPU ",
                    valueAt(expected[i], results[i], d.unequal));
      }
    }
    const bool ok = worst.unequal < 0 && worst.error <= tolerance;
    char text[160];
    std::snprintf(text, sizeof text, "error %.2e (at most %.0e)%s", worst.error, tolerance, speedOf(c, seconds).c_str());
    line(c, ok, where.empty() ? text : text + ("  " + where));
    return ok;
  }

  std::vector<std::vector<unsigned char>> onGpu(Case& c, double& seconds) {
    Operands o;
    std::vector<std::unique_ptr<Block>> blocks;
    const auto put = [&](const Buffer& b, Operand& operand, bool copies) {
      if (!b.given) return;
      blocks.push_back(std::make_unique<Block>(b.bytes.size(), gpu_.stream));
      operand = {blocks.back()->data(), b.count, b.dtype};
      if (copies && !b.bytes.empty())
        require(cudaMemcpyAsync(operand.data, b.bytes.data(), b.bytes.size(), cudaMemcpyHostToDevice, gpu_.stream), "cudaMemcpyAsync");
    };
    for (size_t i = 0; i < c.in_.size(); ++i) put(c.in_[i], o.in[i], true);
    // With the simulator an element that a kernel leaves out is found as one that nobody wrote.
    for (size_t i = 0; i < c.out_.size(); ++i) put(c.out_[i], o.out[i], !kSimulated || c.keeps_[i]);
    o.inputs = static_cast<int>(c.in_.size());
    o.outputs = static_cast<int>(c.out_.size());
    gpu_.run(c.op_, c.name_, c.params_, o);

    std::vector<std::vector<unsigned char>> results(c.out_.size());
    for (size_t i = 0; i < c.out_.size(); ++i) {
      results[i].resize(c.out_[i].bytes.size());
      if (!results[i].empty())
        require(cudaMemcpyAsync(results[i].data(), o.out[i].data, results[i].size(), cudaMemcpyDeviceToHost, gpu_.stream),
                "cudaMemcpyAsync");
    }
    gpu_.finish();
    std::vector<double> times;
    // The first is not timed: the card has idled while results were copied.
    for (int i = 0; repeat_ > 0 && i <= repeat_; ++i) {
      const auto start = std::chrono::steady_clock::now();
      gpu_.queueAndFinish(c.op_, c.name_, c.params_, o);
      if (i > 0) times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    seconds = medianOf(times);
    return results;
  }

  // The median time, the rate, and what part that is of the peak of the float32 units or of the memory.
  std::string speedOf(const Case& c, double seconds) const {
    if (seconds <= 0) return "";
    const bool computes = c.flops_ > 0;
    const double rate = (computes ? c.flops_ : bytesOf(c)) / seconds, peak = computes ? gpu_.peak.flops : gpu_.peak.bytes;
    char text[96], share[32] = "";
    if (peak > 0) std::snprintf(share, sizeof share, "  %5.1f%% of peak", 100 * rate / peak);
    std::snprintf(text, sizeof text, "  %9.3f ms  %8.1f %s%s", seconds * 1e3, rate / 1e9, computes ? "GFLOP/s" : "GB/s", share);
    return text;
  }

  static int64_t elementsOf(const Case& c) {
    int64_t sum = 0;
    for (const auto& b : c.in_) sum += b.count;
    for (const auto& b : c.out_) sum += b.count;
    return sum;
  }

  // What rounding the operands of a product does to its norm at most: tf32 keeps 11 bits of each, bf16 8.
  double roundingOf() const {
    if (gpu_.capability < 80 || gpu_.precision == Precision::Float32) return 0;
    return gpu_.precision == Precision::Tf32 ? 1e-3 : 8e-3;
  }

  static double bytesOf(const Case& c) {
    double sum = 0;
    for (const auto& b : c.in_) sum += static_cast<double>(b.bytes.size());
    for (size_t i = 0; i < c.out_.size(); ++i) sum += static_cast<double>(c.out_[i].bytes.size()) * (c.keeps_[i] ? 2 : 1);
    return sum;
  }

  static void line(const Case& c, bool ok, const std::string& text) {
    std::printf("%-6s %-24s %-44s %s\n", ok ? "ok" : "NOT OK", c.name_, c.shapes_.c_str(), text.c_str());
  }

  const Options options_;
  cpu::CpuDevice& cpu_;
  cpu::Context cpuContext_;
  CheckContext gpu_;
  const int repeat_;
  std::deque<std::vector<Buffer>> kept_;
  std::vector<std::pair<Case*, std::vector<Buffer>*>> where_;
};

int deviceCount() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

bool runCases(const Options& options) { return Runner(options).run(); }

}  // namespace convtape::device_check
