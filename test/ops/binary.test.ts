import { ops } from '../../lib';
import { testLiterals } from '../support/literals';

testLiterals('binary', ({ a, b }, { function: name }) => ops[name as 'add'](a, b));
