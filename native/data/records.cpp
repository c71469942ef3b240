#include "data/records.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "core/cores.h"
#include "data/crc32c.h"
#include "data/jpeg.h"

namespace convtape::data {
namespace {

struct Scratch {
  std::vector<uint8_t> stored, row;
};

// What is wrong with the read of one record, or nothing.
std::string readAll(const Record& record, uint8_t* to) {
  for (int64_t at = 0; at < record.bytes;) {
    const ssize_t n = pread(record.file, to + at, static_cast<size_t>(record.bytes - at), static_cast<off_t>(record.offset + at));
    if (n > 0) {
      at += n;
    } else if (n == 0) {
      return "the file ends within the record: it has been cut short";
    } else if (errno != EINTR) {
      return std::string("it cannot be read: ") + std::strerror(errno);
    }
  }
  return {};
}

std::string readOne(const RecordBatch& batch, const Record& record, uint8_t* image, Scratch& scratch) {
  uint8_t* stored = image;
  if (batch.encoding == Encoding::Jpeg) {
    scratch.stored.resize(static_cast<size_t>(record.bytes));
    stored = scratch.stored.data();
  } else if (record.bytes != batch.imageBytes()) {
    return "it has " + std::to_string(record.bytes) + " bytes, expected " + std::to_string(batch.imageBytes());
  }
  if (std::string fault = readAll(record, stored); !fault.empty()) return fault;
  if (crc32c(stored, static_cast<size_t>(record.bytes)) != record.checksum) return "its checksum is wrong: the file is damaged";
  if (batch.encoding == Encoding::Raw) return {};
  return decodeJpeg(stored, static_cast<size_t>(record.bytes), batch.height, batch.width, image, scratch.row);
}

}  // namespace

// Never destroyed: its threads run until the process ends.
RecordThreads& RecordThreads::instance() {
  static RecordThreads* threads = new RecordThreads();
  return *threads;
}

RecordThreads::RecordThreads() {
  for (int i = std::max(2, availableCores()); i > 0; --i) std::thread([this] { work(); }).detach();
}

void RecordThreads::submit(std::shared_ptr<RecordBatch> batch) {
  std::lock_guard<std::mutex> lock(mutex_);
  queue_.push_back(std::move(batch));
  wake_.notify_all();
}

void RecordThreads::work() {
  Scratch scratch;
  for (;;) {
    std::shared_ptr<RecordBatch> batch;
    size_t at;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return !queue_.empty(); });
      batch = queue_.front();
      at = batch->next++;
      // Batches in the order they came: the first one is the one that is waited for.
      if (at + 1 >= batch->records.size()) queue_.pop_front();
    }
    std::string fault;
    try {
      if (uint8_t* images = batch->memory()) {
        fault = readOne(*batch, batch->records[at], images + static_cast<int64_t>(at) * batch->imageBytes(), scratch);
        batch->release();
      }
    } catch (const std::bad_alloc&) {
      batch->release();
      fault = "out of memory";
    }
    if (!fault.empty()) {
      std::lock_guard<std::mutex> lock(batch->mutex);
      if (batch->failedAt < 0 || static_cast<int64_t>(at) < batch->failedAt) {
        batch->failedAt = static_cast<int64_t>(at);
        batch->failure = fault;
      }
    }
    if (++batch->ended == batch->records.size()) batch->done(batch->failedAt, batch->failure);
  }
}

}  // namespace convtape::data
