// The two-column network that tests of simulated devices train.
import type { Device } from '../../lib';
import { ColumnNet } from '../../lib/models/column_net';
import { alexnetSmallSpec, netDefaults } from '../../lib/models/spec';

/** All layers of the network of the text, with about an eighth of the small net's maps. */
export function tinyNet(devices: [Device, Device]): ColumnNet {
  const small = alexnetSmallSpec({ classes: 4, ...netDefaults, channels: 1, size: 28 });
  const spec = {
    ...small,
    convs: small.convs.map((c) => ({ ...c, filters: 2 * Math.round(c.filters / 16), weightStd: c.weightStd * 2 })),
    // Logits that matter, so that the loss depends on every layer from the first step on.
    output: { ...small.output, weightStd: 0.5 },
    hidden: small.hidden.map((h) => ({ ...h, units: 16, weightStd: h.weightStd * 2 })),
  };
  return new ColumnNet('tiny', spec, devices, 3);
}
