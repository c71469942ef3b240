// How a device's thread tells a JavaScript environment that work has ended. Shared by both, so that either may go first: once the
// environment closes it, nothing of the environment is touched any more.
#pragma once

#include <node_api.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/device.h"
#include "core/error.h"

namespace convtape::js {

class Mailbox {
 public:
  using Letter = std::pair<uint64_t, std::shared_ptr<const Error>>;

  // `signal` wakes the JavaScript thread; it must stay valid until `close`.
  explicit Mailbox(napi_threadsafe_function signal) : signal_(signal) {}

  // Called on device threads.
  void post(uint64_t number, std::shared_ptr<const Error> error);
  bool beginWriting();  // whether memory of the environment may be written; if so endWriting must follow
  void endWriting();

  // Called on the JavaScript thread.
  std::vector<Letter> collect();
  void close();  // returns when no device thread is writing into the environment's memory

 private:
  std::mutex mutex_;
  std::condition_variable quiet_;
  bool open_ = true;
  int writing_ = 0;
  std::vector<Letter> letters_;
  const napi_threadsafe_function signal_;
};

// A read into memory of the environment.
class MailboxSink : public ReadSink {
 public:
  MailboxSink(std::shared_ptr<Mailbox> mailbox, uint64_t number, void* memory)
      : mailbox_(std::move(mailbox)), number_(number), memory_(memory) {}
  void* begin() override {
    writing_ = mailbox_->beginWriting();
    return writing_ ? memory_ : nullptr;
  }
  void end(std::shared_ptr<const Error> error) override {
    if (writing_) mailbox_->endWriting();
    mailbox_->post(number_, std::move(error));
  }

 private:
  const std::shared_ptr<Mailbox> mailbox_;
  const uint64_t number_;
  void* const memory_;
  bool writing_ = false;
};

}  // namespace convtape::js
