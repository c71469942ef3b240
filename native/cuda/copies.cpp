// Copies to a GPU from itself, from a GPU of its kind, and from any other device.
#include <cstring>
#include <future>

#include "core/error.h"
#include "core/host_read.h"
#include "cuda/device.h"
#include "cuda/peers.h"

namespace convtape::CONVTAPE_GPU {

const char* GpuDevice::peerAccess(const Device& other) const {
  if (&other == this) return "same";
  return other.kind == kind && canCopyDirectly(index, other.index) ? "direct" : "staged";
}

void GpuDevice::copyFrom(const std::shared_ptr<Storage>& to, const std::shared_ptr<Storage>& from) {
  awaitReaders(*to);
  if (&from->device == this) return copyInside(to, from);
  if (auto* peer = dynamic_cast<GpuDevice*>(&from->device)) return copyFromPeer(to, from, *peer);
  copyThroughHost(to, from);
}

void GpuDevice::copyInside(const std::shared_ptr<Storage>& to, const std::shared_ptr<Storage>& from) {
  submit([this, from, to = to->data, status = to->status] {
    auto error = from->status->error();
    if (!error)
      error = attempt("copyTo", [&] {
        awaitArrival(from->data);
        awaitArrival(to);
        if (from->bytes()) check(cudaMemcpyAsync(to, from->data, from->bytes(), cudaMemcpyDeviceToDevice, compute_), "", "cudaMemcpyAsync");
      });
    status->set(error);
    if (!error) imports_.computed(&from->status, 1, &status, 1);
  });
}

// The source's thread marks where its values are ready, and where access is missing brings them to the host; this device's thread copies
// behind that mark. Neither waits for a GPU. `from` is held until it has been read.
void GpuDevice::copyFromPeer(const std::shared_ptr<Storage>& to, const std::shared_ptr<Storage>& from, GpuDevice& peer) {
  const size_t bytes = from->bytes();
  const bool direct = canCopyDirectly(peer.index, index);
  auto ready = std::make_shared<GpuEvent>(peer.events_);
  std::shared_ptr<void> staging = direct ? nullptr : peer.takePinned(bytes);
  auto sourceError = std::make_shared<Status>();
  // What the source learns later: where it computed from values that a third device was to send, whether they came.
  auto learnt = std::make_shared<std::promise<std::shared_ptr<const Error>>>();
  peer.submit([&peer, from, ready, staging, bytes, sourceError, learnt] {
    // Asked before the status is: an import that ends in between has left its error there.
    const bool waits = peer.imports_.anyUnderWay();
    auto error = from->status->error();
    if (!error)
      error = peer.attempt("copyTo", [&] {
        peer.awaitArrival(from->data);
        if (!staging) return;
        peer.openToCopies(from->data);
        if (bytes) check(cudaMemcpyAsync(staging.get(), from->data, bytes, cudaMemcpyDeviceToHost, peer.copies_), "", "cudaMemcpyAsync");
      });
    sourceError->set(error);
    // Behind the ends of those imports on the completion thread, and there before the destination waits for it: no circle of waits.
    if (waits)
      peer.completions_.submit([from, learnt] { learnt->set_value(from->status->error()); });
    else
      learnt->set_value(nullptr);
    ready->record(error ? nullptr : staging ? peer.copies_ : peer.compute_);
    if (staging) peer.afterwards(ready, [from](std::shared_ptr<const Error>) {});
  });
  auto read = staging ? ready : std::make_shared<GpuEvent>(events_);
  submit([this, &peer, from, to = to->data, status = to->status, ready, read, staging, bytes, sourceError, learnt] {
    ready->recorded();  // the source's thread has been here
    auto error = sourceError->error();
    if (!error)
      error = attempt("copyTo", [&] {
        if (staging) return toBlock(to, staging.get(), bytes, ready);
        openToCopies(to);
        if (cudaEvent_t event = ready->recorded()) check(cudaStreamWaitEvent(copies_, event, 0), "", "cudaStreamWaitEvent");
        if (bytes) check(cudaMemcpyPeerAsync(to, index, from->data, peer.index, bytes, copies_), "", "cudaMemcpyPeerAsync");
        arrivals_[to] = mark(copies_);
      });
    status->set(error);
    if (!staging) read->record(error ? nullptr : copies_);
    if (error) return;
    imports_.begin(status);
    afterwards(mark(copies_), [this, &peer, from, ready, staging, learnt](std::shared_ptr<const Error>) {
      const cudaError_t sent = ready->synchronize();
      auto upstream = learnt->get_future().get();
      if (!upstream) upstream = sent == cudaSuccess ? peer.lost() : peer.lose(sent, "a copy to another device");
      imports_.end(upstream);
    });
  });
  from->addReader(read);
}

// The source reads into pinned memory as for JavaScript; this device's thread waits for that, and its later work with it.
void GpuDevice::copyThroughHost(const std::shared_ptr<Storage>& to, const std::shared_ptr<Storage>& from) {
  const size_t bytes = from->bytes();
  std::shared_ptr<void> staging = takePinned(bytes);
  auto values = std::make_shared<HostRead>(staging);
  from->device.read(from, values);
  submit([this, to = to->data, status = to->status, values, staging, bytes] {
    auto error = values->wait();
    if (!error) error = attempt("copyTo", [&] { toBlock(to, staging.get(), bytes, nullptr); });
    status->set(std::move(error));
    afterwards(mark(copies_), [staging](std::shared_ptr<const Error>) {});
  });
}

}  // namespace convtape::CONVTAPE_GPU
