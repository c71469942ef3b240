// What stands between stored images and a network.
#include "check/check.h"
#include "core/error.h"

namespace convtape::device_check {

void dataCases(Cases& cases) {
  // A window a view: inside, at each edge, over the edges (black there), far outside; mirrored by turns.
  const std::vector<int32_t> views = {0, 0, 0, 3, 2, 1, 2, -1, 0, -2, 4, 1, 100, -100, 0, -2147483647, 2147483647, 1};
  for (const auto mean : {ImageMean::None, ImageMean::Channel, ImageMean::Image})
    for (const bool shift : {false, true}) {
      CropImages::Params p{2, 3, 11, 9, 3, 7, 6, mean, 1 / 1.1};
      Case& c =
          cases.add<CropImages>(p, str("2×3×11×9, 3 views of 7×6, mean ", kImageMeans[static_cast<int>(mean)], shift ? ", shifted" : ""));
      c.bytes(2 * 3 * 11 * 9).values(views);
      mean == ImageMean::None ? c.none() : c.uniform(mean == ImageMean::Image ? 3 * 11 * 9 : 3, 0, 255);
      shift ? c.normal(6, 0, 20) : c.none();
      c.output(2 * 3 * 3 * 7 * 6);
    }
  const std::vector<int32_t> one = {0, 0, 0};
  cases.add<CropImages>({1, 1, 1, 1, 1, 1, 1, ImageMean::None, 1}, "1×1×1×1").bytes(1).values(one).none().none().output(1);
  cases.add<CropImages>({1, 1, 1, 1, 1, 0, 5, ImageMean::None, 1}, "nothing").bytes(1).values(one).none().none().output(0);
  std::vector<int32_t> windows;
  for (int i = 0; i < 128; ++i) windows.insert(windows.end(), {i % 30, i % 29, i & 1});
  cases.add<CropImages>({128, 3, 256, 256, 1, 227, 227, ImageMean::Image, 1}, "128×3×256×256 to 227")
      .large()
      .bytes(128 * 3 * 65536)
      .values(windows)
      .uniform(3 * 65536, 0, 255)
      .normal(384)
      .output(int64_t{128} * 3 * 227 * 227);
}

}  // namespace convtape::device_check
