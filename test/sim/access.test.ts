// What peerAccess says of each direction, and that the bits arrive whatever it says.
import { scenario } from './run';

test.each([
  ['direct', 'direct', 'direct'],
  ['refused', 'staged', 'staged'],
  ['oneway', 'direct', 'staged'],
  ['lying', 'staged', 'staged'], // granted, and a copy that was tried did not arrive
])(
  'access %s: from sim:0 to sim:1 %s, and back %s',
  async (access, there, back) => {
    const { settings, says, wrong } = await scenario('access', { CONVTAPE_SIM_PEER: access });
    expect(settings).toContain(`access ${access}`);
    expect(says).toEqual({
      'sim:0 → sim:0': 'same',
      'sim:1 → sim:1': 'same',
      'cpu:0 → cpu:0': 'same',
      'sim:0 → sim:1': there,
      'sim:1 → sim:0': back,
      'sim:0 → cpu:0': 'staged',
      'sim:1 → cpu:0': 'staged',
      'cpu:0 → sim:0': 'staged',
      'cpu:0 → sim:1': 'staged',
    });
    expect(wrong).toEqual([]);
  },
  120_000,
);
