#include "data/jpeg.h"

#if defined(CONVTAPE_JPEG)

#include <jpeglib.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

namespace convtape::data {
namespace {

// The library's own messages. Its jpeg_std_error is not used: it refers to stderr in a way that a static library which is not meant for
// shared objects (Debian's) cannot be linked with, and it prints.
const char* const kMessages[] = {
#define JMESSAGE(code, text) text,
#define JCOPYRIGHT_SHORT ""
#define JVERSION ""
#include <jerror.h>
#undef JMESSAGE
    nullptr};

struct Failure {
  jpeg_error_mgr manager;  // first: the library hands back a pointer to it
  jmp_buf back;
  char text[JMSG_LENGTH_MAX];
};

void format(j_common_ptr info, char* to) {
  const jpeg_error_mgr& e = *info->err;
  const char* text = kMessages[e.msg_code > 0 && e.msg_code <= e.last_jpeg_message ? e.msg_code : 0];
  const auto& i = e.msg_parm.i;
  if (std::strstr(text, "%s"))
    std::snprintf(to, JMSG_LENGTH_MAX, text, e.msg_parm.s);
  else
    std::snprintf(to, JMSG_LENGTH_MAX, text, i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7]);
}

void leave(j_common_ptr info) {
  Failure* failure = reinterpret_cast<Failure*>(info->err);
  format(info, failure->text);
  longjmp(failure->back, 1);
}

// A warning means bytes that are no sound JPEG; a record has a checksum, so it was written so.
void warn(j_common_ptr info, int level) {
  if (level < 0) leave(info);
}

// No object with a destructor may live here: an error leaves by longjmp.
bool decode(Failure& failure, jpeg_decompress_struct& info, const uint8_t* bytes, size_t count, int64_t height, int64_t width,
            uint8_t* planes, uint8_t* row) {
  if (setjmp(failure.back)) return false;
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, const_cast<unsigned char*>(bytes), static_cast<unsigned long>(count));
  jpeg_read_header(&info, TRUE);
  if (info.image_height != height || info.image_width != width) {
    std::snprintf(failure.text, sizeof failure.text, "the image has %u×%u pixels, expected %lld×%lld", info.image_height, info.image_width,
                  static_cast<long long>(height), static_cast<long long>(width));
    return false;
  }
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  uint8_t *red = planes, *green = planes + height * width, *blue = green + height * width;
  while (info.output_scanline < info.output_height) {
    JSAMPROW to = row;
    jpeg_read_scanlines(&info, &to, 1);
    for (int64_t x = 0; x < width; ++x) {
      red[x] = row[3 * x];
      green[x] = row[3 * x + 1];
      blue[x] = row[3 * x + 2];
    }
    red += width, green += width, blue += width;
  }
  jpeg_finish_decompress(&info);
  return true;
}

}  // namespace

std::string decodeJpeg(const uint8_t* bytes, size_t count, int64_t height, int64_t width, uint8_t* planes, std::vector<uint8_t>& row) {
  row.resize(static_cast<size_t>(3 * width));
  Failure failure;
  failure.text[0] = 0;
  jpeg_decompress_struct info{};
  failure.manager = {};
  failure.manager.error_exit = leave;
  failure.manager.emit_message = warn;
  failure.manager.output_message = [](j_common_ptr) {};
  failure.manager.format_message = format;
  failure.manager.reset_error_mgr = [](j_common_ptr common) { common->err->num_warnings = common->err->msg_code = 0; };
  failure.manager.jpeg_message_table = kMessages;
  failure.manager.last_jpeg_message = sizeof kMessages / sizeof *kMessages - 2;
  info.err = &failure.manager;
  const bool done = decode(failure, info, bytes, count, height, width, planes, row.data());
  jpeg_destroy_decompress(&info);
  return done ? std::string() : failure.text;
}

}  // namespace convtape::data

#else

namespace convtape::data {

std::string decodeJpeg(const uint8_t*, size_t, int64_t, int64_t, uint8_t*, std::vector<uint8_t>&) {
  return "this build has no JPEG decoder";
}

}  // namespace convtape::data

#endif
