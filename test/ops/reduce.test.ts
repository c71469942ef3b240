import { ops } from '../../lib';
import { testLiterals } from '../support/literals';

testLiterals('reduce', ({ x }, { function: name, ...options }) => ops[name as 'sum'](x, options));
