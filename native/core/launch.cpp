#include "core/launch.h"

#include "core/registry.h"

namespace convtape {

void perform(const Launch& work, const Device& device, FailureLog& failures, const std::function<void()>& kernel,
             std::shared_ptr<const Error> error) {
  for (int i = 0; i < work.operands.inputs && !error; ++i)
    if (work.inStatus[i]) error = work.inStatus[i]->error();
  if (!error) {
    try {
      kernel();
    } catch (const Error& e) {
      const std::string where = str(" (on ", device.name(), ")");
      error = std::make_shared<Error>(e.op.empty() ? Error(e.kind, opInfo(work.op).name, e.what()) : e, where);
      failures.add(error);
    } catch (const std::exception& e) {
      error = std::make_shared<Error>(ErrorKind::Device, opInfo(work.op).name, str(e.what(), " (on ", device.name(), ")"));
      failures.add(error);
    }
  }
  if (work.inPlace) return;  // values that were there before stay valid: the failed update did not happen
  for (int i = 0; i < work.operands.outputs; ++i)
    if (work.outStatus[i] && (error || !work.partial)) work.outStatus[i]->set(error);
}

}  // namespace convtape
