#include "core/error.h"

#include <cstdarg>
#include <cstdio>

namespace convtape {

void failf(ErrorKind kind, const char* op, const char* format, ...) {
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  throw Error(kind, op, message);
}

}  // namespace convtape
