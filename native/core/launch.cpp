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
      // A device that is lost has said it already.
      const bool said = std::string(e.what()).find(str("(on ", device.name(), ",")) != std::string::npos;
      const std::string where = said ? "" : str(" (on ", device.name(), ")");
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
