// Reads records of shards, checks and decodes them, in threads of its own: beside the devices', so that a network and its data do not
// wait for each other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace convtape::data {

struct Record {
  int file;  // descriptor, open until the batch has ended
  int64_t offset;
  int64_t bytes;
  uint32_t checksum;  // CRC-32C of the stored bytes
};

enum class Encoding { Raw, Jpeg };

// Records to be read into one piece of memory, channels × height × width bytes each.
struct RecordBatch {
  std::vector<Record> records;
  Encoding encoding = Encoding::Raw;
  int64_t channels = 0, height = 0, width = 0;
  // Where the images go; null where their owner has gone. Every call that gave memory is followed by one of `release`.
  std::function<uint8_t*()> memory;
  std::function<void()> release;
  // Called once, when the last record has ended: place and text of the first failure by place, or −1.
  std::function<void(int64_t, const std::string&)> done;

  int64_t imageBytes() const { return channels * height * width; }

 private:
  friend class RecordThreads;
  std::atomic<size_t> next{0}, ended{0};
  std::mutex mutex;
  int64_t failedAt = -1;
  std::string failure;
};

class RecordThreads {
 public:
  static RecordThreads& instance();
  void submit(std::shared_ptr<RecordBatch> batch);

 private:
  RecordThreads();
  void work();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<RecordBatch>> queue_;
};

}  // namespace convtape::data
