import { ops } from '../../lib';
import { testLiterals } from '../support/literals';

testLiterals('shape', (inputs, attrs) => {
  const { x } = inputs;
  switch (attrs.function) {
    case 'transpose':
      return ops.transpose(x, attrs.axes);
    case 'slice':
      return ops.slice(x, attrs.starts, attrs.ends);
    case 'concat':
      return ops.concat(Object.values(inputs), attrs.axis);
    case 'reshape':
      return ops.reshape(x, attrs.shape);
    default:
      return ops.flatten(x, attrs.startAxis);
  }
});
