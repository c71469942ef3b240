import { ops } from '../../lib';
import { testLiterals } from '../support/literals';

testLiterals('unary', ({ x }, { function: name }) => ops[name as 'exp'](x));
