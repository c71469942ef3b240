// What the functions of devices say of wrong arguments.
import { device, numThreads, precision } from '../../lib';

test.each<[() => unknown, string]>([
  [() => numThreads('x' as any), "TypeError: numThreads: n must be a number, got 'x'"],
  [() => numThreads(null as any), 'TypeError: numThreads: n must be a number, got null'],
  [() => numThreads(0), 'RangeError: numThreads: n must be a whole number between 1 and 1024, got 0'],
  [() => numThreads(1.5), 'RangeError: numThreads: n must be a whole number between 1 and 1024, got 1.5'],
  [() => numThreads(1025), 'RangeError: numThreads: n must be a whole number between 1 and 1024, got 1025'],
  [() => precision(5 as any), "TypeError: precision: name must be 'f32', 'tf32' or 'bf16', got 5"],
  [() => precision('f16' as any), "RangeError: precision: must be f32, tf32 or bf16, got 'f16'"],
  [() => device('cpu:0').peerAccess('x' as any), "TypeError: peerAccess: other must be a Device, got 'x'"],
])('%s', (call, message) => {
  const before = [numThreads(), precision()];
  let error: unknown;
  try {
    call();
  } catch (e) {
    error = e;
  }
  expect(String(error)).toBe(message);
  expect([numThreads(), precision()]).toEqual(before);
});
