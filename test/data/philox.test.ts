import { philox } from '../../lib/data/philox';

// The first row is Random123's known answer for zeros; the others were printed by native/core/philox.h.
test.each([
  [0, 0, 0, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
  [1, 2, 3, [2364943556, 3026468848, 1509850451, 1850557993]],
  [Number.MAX_SAFE_INTEGER, 0x1234567890abc, 7, [4098941321, 2266488942, 715142997, 2366168058]],
  [0xffffffff * 2 ** 21, 562949953421310, 0xffffffff, [3656931682, 476280275, 3345713810, 759882372]],
])('philox(%d, %d, %d) gives the words of the native generator', (counter, key, stream, words) => {
  expect([...philox(counter, key, stream, new Uint32Array(4))]).toEqual(words);
});
