// The one exception type of the native code. native/napi turns it into a JavaScript error.
#pragma once

#include <atomic>
#include <exception>
#include <sstream>
#include <string>
#include <utility>

namespace convtape {

enum class ErrorKind { Type, Range, OutOfMemory, Device };

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string op, const std::string& message)
      : kind(kind), op(std::move(op)), message_(this->op.empty() ? message : this->op + ": " + message) {}
  // The same error with more at the end of its message.
  Error(const Error& other, const std::string& more) : kind(other.kind), op(other.op), message_(other.message_ + more) {}
  Error(const Error& other) : Error(other, std::string()) {}
  const char* what() const noexcept override { return message_.c_str(); }

  const ErrorKind kind;
  const std::string op;                   // operator the error belongs to; empty where none is involved
  mutable std::atomic<bool> told{false};  // whether JavaScript has been given it, by a read or by synchronize()

 private:
  std::string message_;
};

// str(1, " and ", 2) -> "1 and 2"
template <class... Parts>
std::string str(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <class... Parts>
[[noreturn]] void fail(ErrorKind kind, const std::string& op, const Parts&... parts) {
  throw Error(kind, op, str(parts...));
}

// The same for kernels, whose files must not instantiate std:: templates (CMakeLists.txt says why); `format` as for printf.
[[noreturn]] void failf(ErrorKind kind, const char* op, const char* format, ...) __attribute__((format(printf, 3, 4)));

}  // namespace convtape
