#!/usr/bin/env bash
# All checks for a machine with a GPU: kernels alone (convtape_device_check), the same under compute-sanitizer, and the package's selftest.
# Usage: scripts/gpu_check.sh [--quick]      --quick leaves out compute-sanitizer
# Exit status: 0 all right, 1 something wrong, 77 no GPU or no nvcc here.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

quick=0
case "${1:-}" in
  "") ;;
  --quick) quick=1 ;;
  --help)
    sed -n '2,4s/^# //p' "$0"
    exit 0
    ;;
  *)
    echo "gpu_check: unknown option '$1'" >&2
    exit 2
    ;;
esac
if ! command -v nvcc >/dev/null || ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L >/dev/null 2>&1; then
  echo "gpu_check: needs nvcc and a GPU with its driver" >&2
  exit 77
fi
nvidia-smi --query-gpu=name,compute_cap,memory.total,driver_version --format=csv
nvcc --version | tail -2

export CONVTAPE_CUDA=ON
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
failed=0
step() {
  printf '\n━━━ %s\n' "$*"
  "$@" || { echo "FAILED: $*"; failed=1; }
}

capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | sort -u | tr -d . | paste -sd';')
step cmake -S . -B build-gpu -DCMAKE_BUILD_TYPE=Release -DCONVTAPE_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES="$capability" || exit 1
step cmake --build build-gpu --target convtape convtape_device_check
check=build-gpu/convtape_device_check
step "$check"
if [ "$quick" -eq 0 ]; then
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck initcheck synccheck; do
      step compute-sanitizer --tool "$tool" --error-exitcode 1 "$check" --repeat 1 --most 20000
    done
  else
    echo "compute-sanitizer is not installed: NOT run"
    failed=1
  fi
fi

export CONVTAPE_ADDON=$PWD/build-gpu/Release/convtape.node
npm run --silent build:ts || failed=1
devices=$(node -p "require('./dist').devices('cuda').map((d) => d.name).slice(0, 2).join(',')")
step node dist/cli/main.js devices
step node dist/cli/main.js selftest --device "$devices"
CONVTAPE_TEST_KINDS=cuda step npx jest test/conformance
exit "$failed"
