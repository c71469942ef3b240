#!/usr/bin/env bash
# All checks for a machine with a GPU: kernels alone (convtape_device_check), the same under compute-sanitizer, the package's selftest, and
# the conformance tests on the card. Builds into build-gpu, for the cards that are here. Everything it prints is in build-gpu/gpu_check.log too.
# Usage: scripts/gpu_check.sh [--quick]      --quick leaves out compute-sanitizer
# Exit status: 0 all right, 1 something wrong, 2 wrong usage, 77 no GPU, no nvcc, or a card below compute capability 7.5.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

quick=0
case "${1:-}" in
  "") ;;
  --quick) quick=1 ;;
  --help)
    sed -n '2,5s/^# //p' "$0"
    exit 0
    ;;
  *)
    echo "gpu_check: unknown option '$1'" >&2
    exit 2
    ;;
esac

cannot() {
  local status=$1
  shift
  printf 'gpu_check: %s\n' "$@" >&2
  exit "$status"
}

# Where CUDA's installer puts them, which is on nobody's PATH.
export PATH=$PATH:/usr/local/cuda/bin
nvcc=${CUDACXX:-nvcc}
command -v nvidia-smi >/dev/null || cannot 77 "nvidia-smi is not here: needs a GPU with NVIDIA's driver"
nvidia-smi -L >/dev/null 2>&1 || cannot 77 "nvidia-smi finds no GPU: $(nvidia-smi -L 2>&1 | tail -1)"
"$nvcc" --version >/dev/null 2>&1 || cannot 77 "nvcc is neither on PATH nor in /usr/local/cuda/bin: install the CUDA toolkit, or set CUDACXX to its nvcc"
for tool in node npm cmake c++; do
  command -v "$tool" >/dev/null || cannot 1 "$tool is not here: needs Node 20 or newer, CMake 3.18 or newer and a C++17 compiler"
done
# As nvidia-smi and cmake write it: 8.6 and 86.
capabilities=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | tr -d '. ' | sort -un)
[[ $capabilities =~ ^[0-9]+($'\n'[0-9]+)*$ ]] || cannot 1 "nvidia-smi does not tell the cards' compute capability: is the driver older than 510?"
[ "${capabilities%%$'\n'*}" -ge 75 ] || cannot 77 "the kernels are for compute capability 7.5 and newer; here is $capabilities (CUDA_VISIBLE_DEVICES chooses cards)"
for capability in $capabilities; do
  "$nvcc" --list-gpu-code 2>/dev/null | grep -qx "sm_$capability" ||
    cannot 1 "this nvcc does not compile for sm_$capability, which is here; it knows $("$nvcc" --list-gpu-code | paste -sd' '). Another CUDA toolkit is needed"
done

failed=()
step() {
  printf '\n━━━ %s\n' "$*"
  "$@" && return 0
  echo "FAILED: $*"
  failed+=("$*")
  return 1
}

checks() {
  nvidia-smi --query-gpu=name,compute_cap,memory.total,driver_version --format=csv
  "$nvcc" --version | tail -2
  export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
  command -v make >/dev/null || export CMAKE_GENERATOR=Ninja
  [ -d node_modules ] || step npm ci --no-audit --no-fund || return 1
  step cmake -S . -B build-gpu -DCMAKE_BUILD_TYPE=Release -DCONVTAPE_CUDA=ON -DCONVTAPE_ISAS=NATIVE \
    "-DCMAKE_CUDA_ARCHITECTURES=${capabilities//$'\n'/;}" || return 1
  step cmake --build build-gpu --target convtape convtape_device_check || return 1

  local check=build-gpu/convtape_device_check tool devices
  step "$check"
  if [ "$quick" -eq 0 ]; then
    if command -v compute-sanitizer >/dev/null; then
      for tool in memcheck racecheck initcheck synccheck; do
        step compute-sanitizer --tool "$tool" --error-exitcode 1 "$check" --repeat 1 --most 20000
      done
    else
      echo "compute-sanitizer is not installed (it comes with the CUDA toolkit): NOT run; --quick leaves it out"
      failed+=(compute-sanitizer)
    fi
  fi

  export CONVTAPE_ADDON=$PWD/build-gpu/Release/convtape.node
  unset CONVTAPE_SIM
  step npm run --silent build:ts || return 1
  step node dist/cli/main.js devices
  devices=$(node -p "require('./dist').devices('cuda').map((d) => d.name).slice(0, 2).join(',')") || devices=
  if [ -n "$devices" ]; then
    step node dist/cli/main.js selftest --device "$devices"
    CONVTAPE_TEST_KINDS=cuda step npx jest test/conformance test/ops/copy_to test/ops/response_norm
  else
    echo "FAILED: the addon finds no GPU where nvidia-smi does"
    failed+=("devices('cuda')")
  fi
}

summary() {
  printf '\n'
  [ ${#failed[@]} -eq 0 ] || printf 'FAILED: %s\n' "${failed[@]}"
  echo "$([ ${#failed[@]} -eq 0 ] && echo 'all right' || echo "${#failed[@]} failed"); the figures belong in docs/gpu.md, with the card's name"
  [ ${#failed[@]} -eq 0 ]
}

mkdir -p build-gpu
{
  checks
  summary
} 2>&1 | tee build-gpu/gpu_check.log
exit "${PIPESTATUS[0]}"
